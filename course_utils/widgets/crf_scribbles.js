import { unpackBytes, show, clamp, h, s, update, watch, card, slider, select, toggle, button, column, row, surface, arrows, drag, reducedMotion, ticker, onTheme, themeColor } from "./kit.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", SURE = 0.99, REST = 1e-3, MOST = 30;

// Colours 0..255, place of each pixel in the palette, true labels.
export function unpackScene(scene) {
  const palette = unpackBytes(scene.palette), index = Uint8Array.from(scene.pixels, (letter) => LETTERS.indexOf(letter));
  return { width: scene.width, height: scene.height, palette: Array.from(palette), index, truth: Uint8Array.from(scene.truth, Number) };
}

// Labels of strokes, -1 without. A stroke is [label, radius, x, y, x, y, ...]; label -1 erases.
export function painted(strokes, width, height) {
  const out = new Int8Array(width * height).fill(-1);
  for (const [label, radius, ...path] of strokes)
    for (let k = 0; k < Math.max(2, path.length - 2); k += 2) {
      const ax = path[k], ay = path[k + 1], dx = (path[k + 2] ?? ax) - ax, dy = (path[k + 3] ?? ay) - ay, square = dx * dx + dy * dy;
      const far = radius + 0.5, low = (a, d) => Math.max(0, Math.min(a, a + d) - radius), high = (a, d, end) => Math.min(end - 1, Math.max(a, a + d) + radius);
      for (let y = low(ay, dy); y <= high(ay, dy, height); y++)
        for (let x = low(ax, dx); x <= high(ax, dx, width); x++) {
          const px = x - ax, py = y - ay, along = square > 0 ? clamp((px * dx + py * dy) / square, 0, 1) : 0;
          const qx = px - along * dx, qy = py - along * dy;
          if (qx * qx + qy * qy <= far * far) out[y * width + x] = label;
        }
    }
  return out;
}

// Log-probabilities, `count` a pixel: a painted label is nearly sure, one of the start has `certainty`, else all are equal.
export function scoresOf(start, paint, count, certainty) {
  const out = new Float64Array(start.length * count);
  for (let i = 0; i < start.length; i++) {
    const label = paint[i] >= 0 ? paint[i] : start[i], p = label < 0 ? 1 / count : paint[i] >= 0 ? SURE : certainty;
    for (let l = 0; l < count; l++) out[i * count + l] = Math.log(label < 0 || l === label ? p : (1 - p) / (count - 1));
  }
  return out;
}

const apart = (palette, a, b) => [0, 1, 2].reduce((sum, c) => sum + ((palette[3 * a + c] - palette[3 * b + c]) / 255) ** 2, 0);

// Both kernels of the dense field, normalised, weighted, added: upper triangle of a matrix.
function* prepareDense({ width, height, palette, index }, set) {
  const n = width * height, colors = palette.length / 3, like = new Float64Array(colors * colors), fade = (theta) => Float64Array.from({ length: Math.max(width, height) }, (_, d) => Math.exp(-d * d / (2 * theta * theta)));
  for (let a = 0; a < colors; a++)
    for (let b = 0; b < colors; b++) like[a * colors + b] = Math.exp(-apart(palette, a, b) / (2 * set.theta_beta ** 2));
  const far = fade(set.theta_alpha), near = fade(set.theta_gamma), kernel = new Float32Array(n * (n - 1) / 2);
  const loud = new Float64Array(n), all = new Float64Array(n);
  let at = 0;
  for (let i = 0; i < n; i++) {
    const xi = i % width, yi = (i - xi) / width, base = index[i] * colors;
    let sum = 0;
    for (let y = yi, j = i + 1; y < height; y++) {
      const vertical = far[y - yi];
      for (let x = y === yi ? xi + 1 : 0; x < width; x++, j++) {
        const k = like[base + index[j]] * far[x < xi ? xi - x : x - xi] * vertical;
        kernel[at++] = k;
        sum += k; loud[j] += k;
      }
    }
    loud[i] += sum;
    if (i === n >> 2) yield;
  }
  yield;
  const line = (length, at) => { let sum = 0; for (let k = 0; k < length; k++) sum += near[Math.abs(k - at)]; return sum; };
  const close = loud.map((_, i) => line(width, i % width) * line(height, Math.floor(i / width)) - 1), turn = (sum) => sum.map((one) => 1 / Math.sqrt(Math.max(one, 1e-6))), a = turn(loud), b = turn(close);
  at = 0;
  for (let i = 0; i < n; i++) {
    const xi = i % width, yi = (i - xi) / width, ai = set.appearance * a[i], bi = set.smoothness * b[i];
    let sum = 0;
    for (let y = yi, j = i + 1; y < height; y++) {
      const vertical = bi * near[y - yi];
      for (let x = y === yi ? xi + 1 : 0; x < width; x++, j++, at++) {
        const k = ai * a[j] * kernel[at] + vertical * near[x < xi ? xi - x : x - xi] * b[j];
        kernel[at] = k;
        sum += k; all[j] += k;
      }
    }
    all[i] += sum;
    if (i === n >> 2) yield;
  }
  return { n, kernel, all };
}

// What each pixel hears of two maps.
function hear({ n, kernel }, one, two) {
  const first = new Float64Array(n), second = new Float64Array(n);
  for (let i = 0, at = 0; i < n; i++) {
    const a = one[i], b = two[i];
    let sum = 0, sum2 = 0;
    for (let j = i + 1; j < n; j++) {
      const k = kernel[at++];
      sum += k * one[j]; first[j] += k * a;
      sum2 += k * two[j]; second[j] += k * b;
    }
    first[i] += sum; second[i] += sum2;
  }
  return [first, second];
}

// Cost of a change to the pixel below, and to the one on the right; 0 at the border.
function prepareGrid({ width, height, palette, index }, set) {
  const n = width * height, down = new Float64Array(n), right = new Float64Array(n);
  const cost = (i, j) => set.weight * (set.edges ? Math.exp(-apart(palette, index[i], index[j]) / (2 * set.sigma ** 2)) : 1);
  for (let i = 0; i < n; i++) {
    if (i + width < n) down[i] = cost(i, i + width);
    if ((i + 1) % width) right[i] = cost(i, i + 1);
  }
  return { n, width, down, right };
}

function softmax(values, at, count) {
  const part = values.subarray(at, at + count), most = Math.max(...part);
  let total = 0;
  for (let l = 0; l < count; l++) total += (part[l] = Math.exp(part[l] - most));
  for (let l = 0; l < count; l++) part[l] /= total;
}

function best(q, count) {
  return Uint8Array.from({ length: q.length / count }, (_, i) => {
    let top = 0;
    for (let l = 1; l < count; l++) if (q[i * count + l] > q[i * count + top]) top = l;
    return top;
  });
}

const channel = (q, l, count) => Float64Array.from({ length: q.length / count }, (_, i) => q[i * count + l]);

function* nextDense(field, scores, q, labels, count) {
  const { n, all } = field, voice = new Float64Array(n * count), hot = new Float64Array(n * count), rest = all.slice(), restHot = all.slice();
  for (let l = 0; l + 1 < count; l++) {     // the last label hears what is left
    const [soft, hard] = hear(field, channel(q, l, count), Float64Array.from(labels, (one) => +(one === l)));
    for (let i = 0; i < n; i++) { voice[i * count + l] = soft[i]; rest[i] -= soft[i]; hot[i * count + l] = hard[i]; restHot[i] -= hard[i]; }
    yield;
  }
  let energy = 0;
  for (let i = 0; i < n; i++) {
    voice[i * count + count - 1] = rest[i];
    hot[i * count + count - 1] = restHot[i];
    energy += (all[i] - hot[i * count + labels[i]]) / 2 - scores[i * count + labels[i]];
  }
  for (let at = 0; at < n * count; at += count) {
    for (let l = at; l < at + count; l++) voice[l] += scores[l];
    softmax(voice, at, count);
  }
  return { q: voice, energy };
}

const around = ({ width, down, right }, i) => [[i - width, down[i - width]], [i + width, down[i]], [i - 1, right[i - 1]], [i + 1, right[i]]].filter(([, cost]) => cost > 0);

function nextGrid(field, scores, q, labels, count) {
  const out = q.slice(), { n, width } = field;
  let energy = 0;
  for (let i = 0; i < n; i++) {
    energy -= scores[i * count + labels[i]];
    for (const [j, cost] of around(field, i)) if (labels[i] !== labels[j]) energy += cost / 2;
  }
  for (const color of [0, 1])     // a chessboard: fields of one colour do not touch each other
    for (let i = 0; i < n; i++) {
      if ((i % width + Math.floor(i / width)) % 2 !== color) continue;
      const near = around(field, i);
      for (let l = 0; l < count; l++) out[i * count + l] = near.reduce((sum, [j, cost]) => sum + cost * out[j * count + l], scores[i * count + l]);
      softmax(out, i * count, count);
    }
  return { q: out, energy };
}

const prepare = function* (picture, set) { return set.model === "dense" ? yield* prepareDense(picture, set) : prepareGrid(picture, set); };
function* advance(field, set, scores, state, count) {
  const { q, energy } = set.model === "dense" ? yield* nextDense(field, scores, state.q, state.labels, count) : nextGrid(field, scores, state.q, state.labels, count);
  let moved = 0;
  for (let i = 0; i < q.length; i++) moved = Math.max(moved, Math.abs(q[i] - state.q[i]));
  state.energy = energy;
  return { q, labels: best(q, count), moved };
}
function begin(scores, count) {
  const q = Float64Array.from(scores);
  for (let at = 0; at < q.length; at += count) softmax(q, at, count);
  return { q, labels: best(q, count), moved: 1 };
}
const finish = (work) => { for (;;) { const { done, value } = work.next(); if (done) return value; } };

// Beliefs and labels after some iterations, and the labels' energy before the first and after each.
export function meanField(picture, set, scores, count, steps) {
  const field = finish(prepare(picture, set)), energies = [];
  let state = begin(scores, count);
  for (let step = 0; ; step++) {
    const next = finish(advance(field, set, scores, state, count));
    energies.push(state.energy);
    if (step === steps) return { q: state.q, labels: state.labels, energies };
    state = next;
  }
}

function rowOf(field, pixel) {
  const { n, kernel } = field, out = new Float64Array(n);
  if (kernel) for (let j = 0; j < n; j++) { const a = Math.min(j, pixel), b = Math.max(j, pixel); if (a < b) out[j] = kernel[a * n - a * (a + 1) / 2 + b - a - 1]; }
  else for (const [j, cost] of around(field, pixel)) out[j] = cost;
  return out;
}
// How loud each pixel speaks to one.
export const listensTo = (picture, set, pixel) => rowOf(finish(prepare(picture, set)), pixel);

// IoU of each label (null: neither true nor said), and the mean.
export function overlaps(labels, truth, count) {
  const iou = Array.from({ length: count }, (_, l) => {
    let both = 0, either = 0;
    truth.forEach((one, i) => { both += labels[i] === l && one === l; either += labels[i] === l || one === l; });
    return either ? both / either : null;
  }), some = iou.filter((one) => one !== null);
  return { iou, mean: some.reduce((a, b) => a + b, 0) / some.length };
}

// Entropy of each pixel's beliefs; 1: all equally likely.
export const unsureness = (q, count) => Array.from({ length: q.length / count }, (_, i) => {
  let sum = 0;
  for (let l = i * count; l < (i + 1) * count; l++) sum -= q[l] > 0 ? q[l] * Math.log(q[l]) : 0;
  return sum / Math.log(count);
});

const SIDE = 8, SLICE = 6, ERASE = -1, ASK = -2, PENS = [0, 1, 2, ERASE, ASK];
const OWN = { dense: ["appearance", "smoothness", "theta_alpha", "theta_beta", "theta_gamma"], grid: ["weight", "edges", "sigma"] };
const HATCH = [() => false, (x, y) => (x + y) % 6 < 1.5, (x, y) => x % 4 < 2 && y % 4 < 2];
const many = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

function render({ model, el }) {
  const { body, say } = card(el, "Scribbles and random fields", "Paint a label where you are sure, then step: every pixel hears the others and changes its mind.");
  const get = (name) => model.get(name), unpacked = {}, all = ["model", ...OWN.dense, ...OWN.grid];
  const scene = () => get("scenes")[get("scene")], picture = () => (unpacked[get("scene")] ??= unpackScene(scene())), wide = () => picture().width;
  const names = () => scene().names, count = () => names().length;
  const pen = () => (get("pen") < count() ? get("pen") : 1), place = () => [get("pixel") % wide(), Math.floor(get("pixel") / wide())];
  const paint = () => painted(get("strokes"), wide(), picture().height);

  let field = null, fieldKey = "", history = [], historyKey = "", job = null, frame = 0, wanted = null, shown = null, note = "", down = false;
  function* work(target) {
    const set = Object.fromEntries(all.map((name) => [name, get(name)])), about = picture();
    const key = JSON.stringify([get("scene"), set.model, OWN[set.model].map(get)]), own = key + JSON.stringify([get("strokes"), get("start"), get("certainty")]);
    const n = count(), base = scoresOf(Int8Array.from(scene().network, (one) => (get("start") === "network" ? Number(one) : -1)), paint(), n, get("certainty"));
    if (key !== fieldKey) { fieldKey = ""; field = yield* prepare(about, set); fieldKey = key; yield; }
    if (own !== historyKey) { history = [begin(base, n)]; historyKey = own; }
    while (history.length <= target + 1) {
      history.push(yield* advance(field, set, base, history.at(-1), n));
      if (target === Infinity && (history.at(-1).moved < REST || history.length > MOST)) target = history.length - 1;
      yield;
    }
    return target;
  }
  function slice() {
    const from = performance.now();
    while (job && performance.now() - from < SLICE) {
      const { done, value } = job.next();
      if (!done) continue;
      job = wanted === null ? null : work(wanted);
      wanted = null;
      if (!job) arrive(value);
    }
    if (job && !frame) frame = requestAnimationFrame(() => { frame = 0; slice(); });
  }
  // Compute up to an iteration; what is asked for meanwhile comes after it.
  function solve(target) {
    if (job) { wanted = target; return; }
    job = work(target);
    slice();
  }
  function arrive(target) {
    if (target !== get("steps")) return update(model, { steps: target });
    shown = { list: history, at: target, scene: get("scene") };
    drawResult();
    if (clock.running) return;
    say(note + report());
    note = "";
  }

  const canvas = () => h("canvas", { role: "img" }), stageCanvas = h("canvas", { "aria-hidden": "true" }), result = canvas(), cursor = s("svg", { class: "cs-over", "aria-hidden": "true" });
  const colors = () => ["blue", "orange", "purple"].map((name) => themeColor(el, name)).map((color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));
  // color(i, x, y): red, green, blue of pixel i at (x, y) of the canvas.
  function enlarge(node, side, color) {
    const w = wide() * side, tall = picture().height * side, context = (node.width = w, node.height = tall, node.getContext("2d")), data = context.createImageData(w, tall), bytes = data.data;
    for (let y = 0, at = 0; y < tall; y++)
      for (let x = 0, row = Math.floor(y / side) * wide(); x < w; x++, at += 4) {
        const rgb = color(row + Math.floor(x / side), x, y);
        bytes[at] = rgb[0]; bytes[at + 1] = rgb[1]; bytes[at + 2] = rgb[2]; bytes[at + 3] = 255;
      }
    context.putImageData(data, 0, 0);
  }
  const hue = (label, kinds, x, y) => (HATCH[label](x, y) ? [255, 255, 255] : kinds[label]);
  const gray = (value) => new Array(3).fill(255 * Math.sqrt(Math.max(0, value)));
  function drawStage() {
    const { palette, index } = picture(), labels = paint(), kinds = colors(), [x, y] = place(), photo = Array.from(index, (k) => palette.slice(3 * k, 3 * k + 3));
    enlarge(stageCanvas, SIDE, (i, x, y) => (labels[i] < 0 ? photo[i] : hue(labels[i], kinds, x, y)));
    cursor.setAttribute("viewBox", `0 0 ${wide()} ${picture().height}`);
    cursor.replaceChildren(...["cs-ring", "cs-ring cs-inner"].map((name) => s("rect", { x: x - 0.25, y: y - 0.25, width: 1.5, height: 1.5, class: name })));
  }
  const small = ["How unsure", "Who is heard", "The truth"].map((name) => ({ name, node: canvas(), words: h("figcaption") }));
  const caption = (k, text) => { small[k].words.textContent = text; small[k].node.setAttribute("aria-label", `${small[k].name}. ${text}`); };
  function drawSmall() {
    if (shown?.scene !== get("scene") || !field) return;
    const me = get("pixel"), { truth } = picture(), kinds = colors(), unsure = unsureness(shown.list[shown.at].q, count());
    enlarge(small[0].node, 1, (i) => gray(unsure[i]));
    caption(0, `Bright: unsure. Mean ${show(unsure.reduce((a, b) => a + b, 0) / unsure.length)} of 1.`);
    const voices = rowOf(field, me), order = Array.from(voices).sort((a, b) => b - a), total = order.reduce((a, b) => a + b, 0), kin = voices.reduce((sum, one, i) => sum + (truth[i] === truth[me] ? one : 0), 0);
    let half = 0;
    for (let sum = 0; half < order.length && sum < total / 2;) sum += order[half++];
    enlarge(small[1].node, 1, (i) => (i === me ? [230, 90, 0] : gray(voices[i] / (order[0] || 1))));
    caption(1, total ? `Pixel ${XY()} listens to the bright ones: half of it to ${many(half, "pixel")}, ${Math.round(100 * kin / total)} % to its true kind.` : `Pixel ${XY()} hears nobody.`);
    enlarge(small[2].node, 4, (i, x, y) => hue(truth[i], kinds, 2 * x, 2 * y));
    caption(2, `The truth: ${names().join(", ")}.`);
  }
  const chart = s("svg", { viewBox: "0 0 320 150", role: "img", class: "cs-chart" });
  function graph(values, top, words, low, high) {
    const { at } = shown, x = (k) => 14 + 292 * k / Math.max(1, values.length - 1), y = (v) => top + 44 - 38 * (v - low) / (high - low || 1);
    return [s("text", { x: 14, y: top - 6, class: "cs-name" }, words),
      s("path", { class: "cs-line", d: `M${values.map((v, k) => `${x(k)} ${y(v)}`).join("L")}` }), s("circle", { cx: x(at), cy: y(values[at]), r: 4.5, class: "cs-dot" })];
  }
  const mean = (one) => (one.mean ??= overlaps(one.labels, picture().truth, count()).mean);
  function drawResult() {
    if (!shown) return;
    const { palette, index, width, truth } = picture(), n = count(), { list, at } = shown, { q, labels } = list[at], kinds = colors();
    const mixed = Array.from(labels, (label, i) => {
      const light = palette[3 * index[i] + 1], sure = (q[i * n + label] * n - 1) / (n - 1), plain = kinds[label].map((one) => light + (0.25 + 0.5 * sure) * (one - light));
      return [plain, plain.map((one) => one + 0.35 * sure * (255 - one))];
    });
    enlarge(result, SIDE, (i, x, y) => {
      if ((x % SIDE === 0 && i % width && labels[i - 1] !== labels[i]) || (y % SIDE === 0 && i >= width && labels[i - width] !== labels[i])) return [0, 0, 0];
      return mixed[i][+HATCH[labels[i]](x, y)];
    });
    const past = list.filter((one) => "energy" in one), energies = past.map((one) => one.energy), { iou } = overlaps(labels, truth, n);
    const each = names().map((name, l) => `${name} ${iou[l] === null ? "none" : show(iou[l])}`).join(", ");
    resultWords.textContent = `What they agree on; pale where unsure. IoU: ${each}.`;
    result.setAttribute("aria-label", resultWords.textContent);
    chart.replaceChildren(...graph(energies, 20, `energy: ${show(energies[at], 0)}`, Math.min(...energies), Math.max(...energies)), ...graph(past.map(mean), 94, `mean IoU: ${show(mean(list[at]))}`, 0, 1));
    chart.setAttribute("aria-label", `Iteration by iteration. ${report()}`);
    drawSmall();
  }
  function report() {
    const { list, at } = shown, now = list[at], first = list[0];
    if (!at) return `Before any iteration: mean IoU ${show(mean(first))}, energy ${show(first.energy, 0)}.`;
    const changed = now.labels.reduce((sum, one, i) => sum + (one !== list[at - 1].labels[i]), 0);
    return `After ${many(at, "iteration")}: mean IoU ${show(mean(now))}, at the start ${show(mean(first))}; energy ${show(now.energy, 0)}, at the start ${show(first.energy, 0)}; ${many(changed, "pixel")} changed last.`;
  }

  const label = () => (pen() === ERASE ? "the eraser" : names()[pen()]);
  const setStrokes = (strokes, words, pixel = get("pixel")) => { note = words; update(model, { strokes, pixel }); }, XY = () => `(${place().join(", ")})`;
  function put(x, y, on) {
    const strokes = get("strokes"), last = strokes.at(-1), words = `Painted ${label()} at (${x}, ${y}). `;
    if (on && last.at(-2) === x && last.at(-1) === y) return;
    setStrokes(on ? [...strokes.slice(0, -1), [...last, x, y]] : [...strokes, [pen(), get("radius"), x, y]], words, y * wide() + x);
  }
  function ask(x, y) {
    const i = y * wide() + x;
    if (i !== get("pixel")) update(model, { pixel: i });
    if (shown?.scene === get("scene")) say(`Pixel (${x}, ${y}): ${names().map((name, l) => `${name} ${show(shown.list[shown.at].q[i * count() + l])}`).join(", ")}; in truth ${names()[picture().truth[i]]}.`);
  }
  function flip() {
    if (pen() === ASK) return ask(...place());
    down = !down;
    if (down) put(...place());
    else say(`Pen up at ${XY()}.`);
  }
  function choosePen(value) {
    down = false;
    update(model, { pen: value });
    say(value === ASK ? "The pointer only asks." : `The pen paints ${label()}.`);
  }
  const clear = (strokes, words) => { down = false; if (get("strokes").length) setStrokes(strokes, words); else say("There is no stroke."); };
  const undo = () => clear(get("strokes").slice(0, -1), "Took back a stroke. ");
  const stage = surface(h("div", { class: "cs-stage" }, stageCanvas, cursor), "Picture to paint on. Arrow keys move, Enter lowers and lifts the pen, Backspace takes back a stroke.", {
    ...arrows((dx, dy) => {
      const [x, y] = place(), to = [clamp(x + dx, 0, wide() - 1), clamp(y + dy, 0, picture().height - 1)];
      if (down) put(...to, true); else ask(...to);
    }),
    Enter: flip, " ": flip, Backspace: undo,
  });
  stage.addEventListener("blur", () => { down = false; });
  const pull = (on) => (fx, fy) => {
    const to = [[fx, wide()], [fy, picture().height]].map(([part, size]) => Math.floor(clamp(part, 0, 0.9999) * size));
    down = false;
    if (pen() === ASK) ask(...to);
    else put(...to, on);
  };
  drag(stage, { down: pull(false), move: pull(true) });

  const figure = (...parts) => h("figure", { class: "cw-figure" }, ...parts);
  const penButtons = PENS.map((value) => button("", () => choosePen(value), { class: `cw-button cs-pen cs-pen${value}` }));
  const pens = h("div", { class: "cs-pens", role: "group", "aria-label": "Pen" }), after = (words) => () => { clock.stop(); note = words(); };
  const go = (steps) => { clock.stop(); if (steps === get("steps") || steps > MOST) say(`${shown ? report() : ""} It goes no further.`); else update(model, { steps }); };
  const clock = ticker(140, () => {
    if (job || !shown) return true;
    if (shown.at && shown.list[shown.at].moved < REST || get("steps") >= MOST) { say(`At rest. ${report()}`); return false; }
    update(model, { steps: get("steps") + 1 });
    return true;
  });
  function run() {
    if (clock.running) { clock.stop(); return say(report()); }
    if (reducedMotion()) { note = "At rest. "; return solve(Infinity); }
    say("Running until nothing changes.");
    clock.start();
  }
  const dial = (name, words, min, max, step, digits) => slider(model, name, { label: words, min, max, step, format: (value) => show(value, digits), then: after(() => `${words}: ${show(get(name), digits)}. `) });
  const knobs = h("div", { class: "cw-column cw-wide" }), dials = {
    dense: [row(dial("appearance", "Appearance weight", 0, 10, 0.5, 1), dial("theta_alpha", "Appearance reach, pixels", 1, 100, 1, 0), dial("theta_beta", "Appearance reach, colour", 0.02, 1, 0.02, 2)),
      row(dial("smoothness", "Smoothness weight", 0, 10, 0.5, 1), dial("theta_gamma", "Smoothness reach, pixels", 0.5, 6, 0.5, 1))],
    grid: [row(dial("weight", "Cost of a change", 0, 8, 0.25, 2), toggle(model, "edges", { label: "fades over edges", then: after(() => `Costs fade over edges: ${get("edges") ? "yes" : "no"}. `) }), dial("sigma", "a colour step that is an edge", 0.02, 1, 0.02, 2))],
  };
  const resultWords = h("figcaption");
  body.append(
    column(
      select(model, "preset", { label: "Try", options: Object.keys(get("presets")).map((name) => [name, name]), then: () => {
        clock.stop();
        note = `${get("preset")}. `;
        update(model, { ...get("defaults"), strokes: [], steps: 5, ...get("presets")[get("preset")] });
      } }),
      figure(stage, h("figcaption", {}, "Paint here. The square listens.")), pens,
      row(slider(model, "radius", { label: "Pen radius", min: 0, max: 3, then: () => say(`Pen radius ${get("radius")}.`) }), button("Undo", undo), button("Clear", () => clear([], "All strokes are gone. ")))),
    column(
      row(select(model, "model", { label: "Field", options: [["grid", "grid of neighbours"], ["dense", "fully connected"]], then: after(() => `Field: ${get("model")}. `) }), select(model, "start", { label: "Start from", options: [["network", "a noisy network"], ["nothing", "strokes alone"]], then: after(() => `Start: ${get("start")}. `) })),
      figure(result, resultWords),
      row(button("Step", () => go(get("steps") + 1), { class: "cw-button cw-main" }), button("Run to rest", run), button("Before", () => go(0))),
      dial("certainty", "How sure the network is", 0.5, 0.95, 0.05, 2), chart),
    h("div", { class: "cs-row cw-wide" }, ...small.map(({ node, words }) => figure(node, words))), knobs);

  function draw() {
    if (pens.dataset.of !== get("scene")) { pens.dataset.of = get("scene"); pens.replaceChildren(...penButtons.filter((_, k) => k !== 2 || count() > 2)); }
    penButtons.forEach((node, k) => {
      node.textContent = ["Erase", "Ask"][k - 3] ?? names()[k];
      node.setAttribute("aria-pressed", pen() === PENS[k]);
    });
    if (knobs.dataset.of !== get("model")) { knobs.dataset.of = get("model"); knobs.replaceChildren(...dials[get("model")]); }
    drawStage();
    drawSmall();
  }
  watch(model, ["scene", "strokes", "pen", "pixel", "model"], draw);
  watch(model, ["preset", "start", "strokes", "certainty", "steps", ...all], () => { if (note) say(note); solve(get("steps")); });
  const forget = onTheme(() => { drawStage(); drawResult(); });
  return () => { cancelAnimationFrame(frame); clock.stop(); forget(); };
}
export default { render };
