import { unpackBytes, unpackFloat16, show, clamp, h, s, update, watch, card, slider, select, toggle, button, row, column, surface, arrows, drag } from "./kit.js";

// ---- the network: maps (channels, size, size) lie flat, channel by channel ----

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const numbersOf = (letters) => Array.from(letters, (letter) => LETTERS.indexOf(letter));

// Weights: one letter each, times the step of its output channel.
export function unpackNetwork({ layers, letters, steps, biases }) {
  const all = numbersOf(letters), step = unpackFloat16(steps), bias = unpackFloat16(biases);
  let at = 0, channel = 0;
  return layers.map(([outputs, inputs, kernel, stride]) => {
    const each = inputs * kernel * kernel, first = channel, from = at;
    at += outputs * each;
    channel += outputs;
    return { weight: Float64Array.from({ length: outputs * each }, (_, i) => (all[from + i] - 31) * step[first + Math.floor(i / each)]), bias: bias.slice(first, channel), kernel, stride };
  });
}

// One convolution, padded by half a kernel (1 or 3), and ReLU if asked. Nine products at a time: the inner loop of all.
export function convolve(x, size, { weight, bias, kernel, stride }, rectify) {
  const outputs = bias.length, inputs = weight.length / (outputs * kernel * kernel), to = Math.floor((size - 1) / stride) + 1;
  const out = new Float64Array(outputs * to * to), pad = kernel >> 1, wide = size + 2 * pad, framed = pad ? new Float64Array(inputs * wide * wide) : x;
  if (pad) for (let c = 0; c < inputs; c++) for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) framed[(c * wide + i + 1) * wide + j + 1] = x[(c * size + i) * size + j];
  for (let k = 0; k < outputs; k++) {
    const first = k * to * to;
    out.fill(bias[k], first, first + to * to);
    for (let c = 0; c < inputs; c++) {
      const w = (k * inputs + c) * kernel * kernel;
      if (!pad) {
        for (let p = 0; p < to * to; p++) out[first + p] += weight[w] * framed[c * size * size + Math.floor(p / to) * stride * size + (p % to) * stride];
        continue;
      }
      const a = weight[w], b = weight[w + 1], d = weight[w + 2], e = weight[w + 3], f = weight[w + 4], g = weight[w + 5], l = weight[w + 6], m = weight[w + 7], n = weight[w + 8];
      for (let i = 0; i < to; i++) {
        let p = (c * wide + i * stride) * wide, o = first + i * to;
        for (let j = 0; j < to; j++, p += stride, o++) {
          const q = p + wide, r = q + wide;
          out[o] += a * framed[p] + b * framed[p + 1] + d * framed[p + 2] + e * framed[q] + f * framed[q + 1] + g * framed[q + 2] + l * framed[r] + m * framed[r + 1] + n * framed[r + 2];
        }
      }
    }
  }
  if (rectify) for (let i = 0; i < out.length; i++) if (out[i] < 0) out[i] = 0;
  return out;
}

// One row of numbers an anchor: map by map, cell by cell, anchor by anchor. The last `maps` layers are the heads.
export function forward(x, size, layers, maps) {
  const made = [];
  for (const layer of layers.slice(0, layers.length - maps)) {
    x = convolve(x, size, layer, true);
    size = Math.floor((size - 1) / layer.stride) + 1;
    made.push([x, size]);
  }
  const parts = made.slice(made.length - maps), outputs = layers.slice(-maps).map((head, i) => convolve(parts[i][0], parts[i][1], head, false));
  const rows = new Float64Array(outputs.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  outputs.forEach((part, i) => {
    const area = parts[i][1] ** 2, channels = part.length / area;
    for (let cell = 0; cell < area; cell++) for (let c = 0; c < channels; c++) rows[at++] = part[c * area + cell];
  });
  return rows;
}

// ---- what it says: anchors, boxes, suppression, judgement ----

export function anchorsOf(maps) {
  return maps.flatMap(({ stride, side, cell }) => Array.from({ length: side * side }, (_, n) => {
    const x = (n % side + 0.5) * stride, y = (Math.floor(n / side) + 0.5) * stride;
    return cell.map(([w, tall]) => [x - w / 2, y - tall / 2, x + w / 2, y + tall / 2]);
  }).flat());
}

function iou(a, b) {
  const both = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const either = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both;
  return either > 0 ? both / either : 0;
}

// Probabilities of the classes, the background's left out, anchor by anchor; the last answer is kept.
let known = {};
function chances(outputs, columns) {
  if (known.outputs === outputs) return known.all;
  const classes = columns - 5, all = new Float64Array(outputs.length / columns * classes);
  for (let n = 0; n * columns < outputs.length; n++) {
    let most = -Infinity, total = 0;
    for (let c = n * columns + 4; c < (n + 1) * columns; c++) most = Math.max(most, outputs[c]);
    for (let c = 0; c <= classes; c++) {
      const raised = Math.exp(outputs[n * columns + 4 + c] - most);
      total += raised;
      if (c) all[n * classes + c - 1] = raised;
    }
    for (let c = 0; c < classes; c++) all[n * classes + c] /= total;
  }
  known = { outputs, all };
  return all;
}

// The library stops at anchors 62 times as wide: clipping to the picture says the same.
function boxOf(outputs, columns, n, [x1, y1, x2, y2], size) {
  const [tx, ty, tw, th] = [0, 1, 2, 3].map((k) => outputs[n * columns + k]), w = x2 - x1, tall = y2 - y1, x = (x1 + x2) / 2 + tx / 10 * w, y = (y1 + y2) / 2 + ty / 10 * tall;
  const half = w * Math.exp(tw / 5) / 2, high = tall * Math.exp(th / 5) / 2;
  return [x - half, y - high, x + half, y + high].map((value) => clamp(value, 0, size));
}

// Detections [x1, y1, x2, y2, score, label, anchor], best first, after suppression within each class.
export function read(outputs, anchors, size, columns, scoreThreshold, iouThreshold) {
  const found = [], kept = [], classes = columns - 5;
  chances(outputs, columns).forEach((score, i) => {
    const n = Math.floor(i / classes);
    if (score > scoreThreshold) found.push([...boxOf(outputs, columns, n, anchors[n], size), score, i % classes, n]);
  });
  found.sort((a, b) => b[4] - a[4]);
  for (const one of found) if (!kept.some((other) => other[5] === one[5] && iou(other, one) > iouThreshold)) kept.push(one);
  return kept;
}

// For each map the highest probability of a class that an anchor of each cell gives.
export function scoreMaps(outputs, maps, columns, label) {
  const all = chances(outputs, columns);
  let n = 0;
  return maps.map(({ side, cell }) => Array.from({ length: side * side }, () => Math.max(...cell.map(() => all[n++ * (columns - 5) + label]))));
}

// The VOC rule at IoU 0.5. An object is [x1, y1, x2, y2, label, visible share]; the nearly hidden do not count.
export function judge(detections, truth) {
  const found = truth.map(() => false);
  const verdicts = detections.map((one) => {
    let nearest = -1, best = 0;
    truth.forEach((object, j) => { const overlap = object[4] === one[5] ? iou(one, object) : 0; if (overlap > best) { best = overlap; nearest = j; } });
    if (best < 0.5) return "false alarm";
    if (truth[nearest][5] < SEEN) return "hidden";
    if (found[nearest]) return "duplicate";
    found[nearest] = true;
    return "hit";
  });
  return { verdicts, found };
}
const SEEN = 0.1, INSIDE = 0.499;

// ---- the scene ----

// A sprite: letter A is outside, the others are colours.
export function unpackSprite({ pixels, palette }) {
  const index = numbersOf(pixels), colors = unpackBytes(palette);
  return { side: Math.sqrt(index.length), colors: [0, 1, 2].flatMap((c) => index.map((n) => (n ? colors[3 * (n - 1) + c] : 0))), alpha: index.map((n) => (n ? 1 : 0)) };
}

// A background, enlarged to size x size between its pixels.
export function unpackGround({ pixels, palette }, size) {
  const index = numbersOf(pixels), colors = unpackBytes(palette), side = Math.sqrt(index.length), out = new Float64Array(3 * size * size);
  const near = (i) => { const at = Math.max(0, (i + 0.5) * side / size - 0.5), low = Math.floor(at); return [low, Math.min(side - 1, low + 1), at - low]; };
  for (let i = 0; i < size; i++) {
    const [top, under, down] = near(i);
    for (let j = 0; j < size; j++) {
      const [left, right, across] = near(j);
      for (let c = 0; c < 3; c++) {
        const at = (y, x) => colors[3 * index[y * side + x] + c];
        out[(c * size + i) * size + j] = (1 - down) * ((1 - across) * at(top, left) + across * at(top, right)) + down * ((1 - across) * at(under, left) + across * at(under, right));
      }
    }
  }
  return out;
}

// Paint objects [label, x, y, diameter] on a background, the last in front.
export function compose(ground, size, sprites, objects) {
  const pixels = Float64Array.from(ground), owner = new Int8Array(size * size).fill(-1), full = [], area = size * size;
  objects.forEach(([label, x, y, diameter], number) => {
    const { side, colors, alpha } = sprites[label], low = (at) => Math.max(0, Math.floor(at - diameter / 2 - 2)), high = (at) => Math.min(size, Math.ceil(at + diameter / 2 + 2));
    let count = 0;
    for (let i = low(y); i < high(y); i++)
      for (let j = low(x); j < high(x); j++) {
        const v = (((i + 0.5 - y) / diameter * 2 + 1) * side - 1) / 2, u = (((j + 0.5 - x) / diameter * 2 + 1) * side - 1) / 2, top = Math.floor(v), left = Math.floor(u);
        let a = 0, r = 0, g = 0, b = 0;
        for (let n = 0; n < 4; n++) {
          const p = top + (n >> 1), q = left + (n & 1);
          if (p < 0 || q < 0 || p >= side || q >= side) continue;
          const share = (n >> 1 ? v - top : top + 1 - v) * (n & 1 ? u - left : left + 1 - u), at = p * side + q;
          a += share * alpha[at];
          r += share * colors[at];
          g += share * colors[at + side * side];
          b += share * colors[at + 2 * side * side];
        }
        const at = i * size + j;
        pixels[at] = pixels[at] * (1 - a) + r;
        pixels[at + area] = pixels[at + area] * (1 - a) + g;
        pixels[at + 2 * area] = pixels[at + 2 * area] * (1 - a) + b;
        if (a >= INSIDE) { owner[at] = number; count++; }
      }
    full.push(count);
  });
  return { pixels, owner, full };
}

// Boxes around what can be seen of each object, its label, and the visible share.
export function truthOf(owner, size, full, labels) {
  const rows = labels.map((label) => [size, size, 0, 0, label, 0]);
  owner.forEach((number, at) => {
    if (number < 0) return;
    const one = rows[number], x = at % size, y = Math.floor(at / size);
    one[0] = Math.min(one[0], x);
    one[1] = Math.min(one[1], y);
    one[2] = Math.max(one[2], x + 1);
    one[3] = Math.max(one[3], y + 1);
    one[5] += 1;
  });
  return rows.map(([x1, y1, x2, y2, label, seen], k) => (seen ? [x1, y1, x2, y2, label, seen / Math.max(1, full[k])] : [0, 0, 0, 0, label, 0]));
}

export const prepare = (pixels) => Float64Array.from(pixels, (value) => value / 127.5 - 1);

// ---- the page ----

const SIZE = 96, ZOOM = 5, SMALL = 10, LARGE = 60, MOST = 9, FRAME = 12;
const MARKS = { hit: "\u2713", duplicate: "\u00d72", "false alarm": "\u2717", hidden: "(hidden)" };
const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function render({ model, el }) {
  const { body, say } = card(el, "A detector in this page", "Drag the objects, make them small, put one before the other. What does the network still see, and which anchor said so?");
  const get = (name) => model.get(name), classes = get("classes"), columns = 5 + classes.length, layers = unpackNetwork(get("network")), maps = get("network").maps;
  const anchors = anchorsOf(maps), sprites = get("sprites").map(unpackSprite), grounds = get("grounds").map((one) => unpackGround(one, SIZE));
  const objects = () => get("objects"), picked = () => Math.min(get("chosen"), objects().length - 1), called = (k) => `${classes[objects()[k][0]]} ${k + 1}`;
  let note = "", scene = { key: "" }, answer = { key: "" }, taken = 0, answers = 0, frame = 0;

  // ---- changes ----
  function set(rows, words, more = {}) { note = `${words} `; update(model, { objects: rows, ...more }); }
  const none = () => { if (objects().length) return false; say("There is no object: add one first."); return true; };
  function change(k, one, words) {
    const [label, x, y, d] = one, at = [label, Math.round(clamp(x, 0, SIZE)), Math.round(clamp(y, 0, SIZE)), Math.round(clamp(d, SMALL, LARGE))];
    set(objects().map((old, i) => (i === k ? at : old)), words, { chosen: k });
  }
  const move = (dx, dy) => { if (!none()) { const [label, x, y, d] = objects()[picked()]; change(picked(), [label, x + dx, y + dy, d], `Moved ${called(picked())}.`); } };
  const scale = (by) => { if (!none()) { const [label, x, y, d] = objects()[picked()]; change(picked(), [label, x, y, d + by], `${called(picked())} is ${clamp(d + by, SMALL, LARGE)} pixels wide.`); } };
  const next = () => { if (!none()) { const k = (picked() + 1) % objects().length; note = `${called(k)} chosen. `; update(model, { chosen: k }); } };
  function add() {
    if (objects().length >= MOST) return say(`${MOST} objects are the most that fit here.`);
    const label = (objects().length ? objects()[picked()][0] + 1 : 0) % classes.length;
    set([...objects(), [label, 48, 48, 30]], `Added a ${classes[label]}.`, { chosen: objects().length });
  }
  function remove() {
    if (none()) return;
    const k = picked(), words = `Removed ${called(k)}.`;
    set(objects().filter((_, i) => i !== k), words, { chosen: Math.max(0, k - 1) });
  }
  function turn() {
    if (none()) return;
    const [label, ...rest] = objects()[picked()], to = (label + 1) % classes.length;
    change(picked(), [to, ...rest], `It is a ${classes[to]} now.`);
  }
  function front() {
    if (none()) return;
    const k = picked();
    set([...objects().filter((_, i) => i !== k), objects()[k]], `${called(k)} is in front.`, { chosen: objects().length - 1 });
  }

  // ---- the stage ----
  const canvas = h("canvas", { width: SIZE, height: SIZE }), over = s("svg", { viewBox: `0 0 ${SIZE * ZOOM} ${SIZE * ZOOM}`, "aria-hidden": "true" });
  const area = surface(h("div", { class: "de-frame" }, canvas, over),
    "Scene. Arrow keys move the chosen object, Enter chooses the next, plus and minus change its size, A adds one, C changes its class, F puts it in front, Delete removes it.",
    { ...arrows((dx, dy, event) => move((event.shiftKey ? 1 : 3) * dx, (event.shiftKey ? 1 : 3) * dy)), Enter: next, " ": next, "+": () => scale(2), "-": () => scale(-2), a: add, c: turn, f: front, Delete: remove, Backspace: remove });
  let held = null;
  drag(area, {
    down: (fx, fy) => {
      const x = clamp(Math.floor(fx * SIZE), 0, SIZE - 1), y = clamp(Math.floor(fy * SIZE), 0, SIZE - 1), k = scene.owner[y * SIZE + x];
      if (k < 0) return false;
      held = { x: fx * SIZE, y: fy * SIZE, k, from: objects()[k] };
      if (k !== picked()) { note = `${called(k)} chosen. `; update(model, { chosen: k }); }
    },
    move: (fx, fy) => { const [label, x, y, d] = held.from; change(held.k, [label, x + fx * SIZE - held.x, y + fy * SIZE - held.y, d], `Moved ${called(held.k)}.`); },
  });
  const where = (n) => {
    let first = 0;
    for (const [m, { side, cell, stride }] of maps.entries()) {
      const count = side * side * cell.length;
      if (n < first + count) { const at = Math.floor((n - first) / cell.length); return { m, stride, side, i: Math.floor(at / side), j: at % side, k: (n - first) % cell.length, each: cell.length }; }
      first += count;
    }
  };
  const px = (value) => ZOOM * value, rect = (box, name) => s("rect", { x: px(box[0]), y: px(box[1]), width: px(box[2] - box[0]), height: px(box[3] - box[1]), class: name });
  function paint() {
    const key = JSON.stringify([objects(), get("ground")]);
    if (scene.key === key) return;
    const made = compose(grounds[get("ground")], SIZE, sprites, objects()), context = canvas.getContext("2d"), image = context.createImageData(SIZE, SIZE), all = SIZE * SIZE;
    for (let i = 0; i < 4 * all; i++) image.data[i] = i % 4 === 3 ? 255 : made.pixels[(i % 4) * all + (i >> 2)];
    context.putImageData(image, 0, 0);
    scene = { key, ...made, truth: truthOf(made.owner, SIZE, made.full, objects().map(([label]) => label)) };
  }
  function drawStage(found, judged, look) {
    const from = found[look] && where(found[look][6]), tags = [];
    over.replaceChildren(...(get("truth") ? scene.truth.filter((one) => one[5] > 0).map((one) => rect(one, `de-true ${judged.found[scene.truth.indexOf(one)] || one[5] < SEEN ? "" : "de-missed"}`)) : []),
      ...(objects().length ? [s("circle", { cx: px(objects()[picked()][1]), cy: px(objects()[picked()][2]), r: 5, class: "de-hold" })] : []),
      ...(from ? [rect([from.j * from.stride, from.i * from.stride, (from.j + 1) * from.stride, (from.i + 1) * from.stride], "de-cell"), rect(anchors[found[look][6]], "de-anchor")] : []),
      ...found.flatMap((one, i) => [rect(one, "de-rim"), rect(one, `de-box de-${judged.verdicts[i].replace(" ", "-")} ${i === look ? "de-look" : ""}`)]),
      ...found.map((one, i) => {
        const words = `${classes[one[5]]} ${show(one[4])} ${MARKS[judged.verdicts[i]]}`, wide = 7.4 * words.length + 8, x = clamp(px(one[0]), 0, px(SIZE) - wide);
        let y = clamp(px(one[1]) - 20, 0, px(SIZE) - 20);
        while (y < px(SIZE) - 40 && tags.some(([a, b, w]) => Math.abs(b - y) < 20 && x < a + w && a < x + wide)) y += 20;
        tags.push([x, y, wide]);
        return s("g", { class: `de-tag de-${judged.verdicts[i].replace(" ", "-")}`, transform: `translate(${x} ${y})` }, s("rect", { width: wide, height: 20, rx: 3 }), s("text", { x: 4, y: 15 }, words));
      }),
      ...scene.truth.map((one, k) => !judged.found[k] && one[5] >= SEEN && s("text", { x: px((one[0] + one[2]) / 2), y: px((one[1] + one[3]) / 2) + 5, "text-anchor": "middle", class: "de-lost" }, "missed")).filter(Boolean));
  }

  // ---- beside it ----
  const facts = h("p", { class: "de-facts" }), origin = h("p", { class: "de-origin" });
  const lines = h("tbody", { onclick: (event) => { const line = event.target.closest("tr[data-line]"); if (line) look(Number(line.dataset.line)); } });
  const table = h("table", { class: "de-table" }, h("thead", {}, h("tr", {}, ...["says", "score", "verdict", "map"].map((words) => h("th", { scope: "col" }, words)))), lines);
  let shown = [];
  function look(i) { note = "looked"; if (i === get("detection")) draw(); else update(model, { detection: i }); }
  const heats = maps.map(({ stride, side }) => ({ canvas: h("canvas", { width: side, height: side, role: "img" }), mark: s("rect", { class: "de-mark", width: 0, height: 0 }), peak: h("figcaption"), stride, side }));
  const heatRow = h("div", { class: "de-heats" }, ...heats.map(({ canvas: one, mark, peak, side }) => h("figure", { class: "cw-figure" }, h("div", { class: "de-heat" }, one, s("svg", { viewBox: `0 0 ${side} ${side}`, "aria-hidden": "true" }, mark)), peak)));
  const classOf = (found, i) => (get("shown") === "chosen" ? found[i]?.[5] ?? objects()[picked()]?.[0] ?? 0 : classes.indexOf(get("shown")));
  function drawHeats(outputs, found, i) {
    const label = classOf(found, i), from = found[i] && found[i][5] === label ? where(found[i][6]) : null, made = scoreMaps(outputs, maps, columns, label);
    heats.forEach(({ canvas: one, mark, peak, stride, side }, m) => {
      const context = one.getContext("2d"), image = context.createImageData(side, side), most = Math.max(...made[m]);
      made[m].forEach((value, n) => image.data.set([20 + 235 * Math.sqrt(value), 32 + 150 * value, 60, 255], 4 * n));
      context.putImageData(image, 0, 0);
      one.setAttribute("aria-label", `Scores of ${classes[label]} on the map of ${side} by ${side} cells, highest ${show(most)}`);
      for (const [name, value] of Object.entries(from?.m === m ? { x: from.j, y: from.i, width: 1, height: 1 } : { width: 0, height: 0 })) mark.setAttribute(name, value);
      peak.textContent = `${side} × ${side} cells of ${stride} pixels: up to ${show(most)}`;
    });
    title.textContent = `Score of ${classes[label]} in every cell`;
  }
  const title = h("p", { class: "de-title" });

  // ---- the whole ----
  function respond() {
    frame = 0;
    if (answer.key !== scene.key) {
      const start = performance.now();
      answer = { key: scene.key, outputs: forward(prepare(scene.pixels), SIZE, layers, maps.length) };
      if (answers++) taken = (answers > 2 ? 0.6 * taken : 0) + (answers > 2 ? 0.4 : 1) * (performance.now() - start);   // the first run is the compiler's
    }
    const { outputs } = answer, found = read(outputs, anchors, SIZE, columns, get("score_threshold"), get("iou_threshold")), judged = judge(found, scene.truth), i = Math.min(get("detection"), found.length - 1);
    shown = found;
    const count = (name) => judged.verdicts.filter((one) => one === name).length, missed = scene.truth.filter((one, k) => one[5] >= SEEN && !judged.found[k]).length;
    drawStage(found, judged, i);
    lines.replaceChildren(...found.map((one, n) => h("tr", { "data-line": n, class: n === i ? "de-now" : "", "aria-current": n === i ? "true" : null }, h("th", { scope: "row" }, classes[one[5]]), h("td", {}, show(one[4])), h("td", {}, judged.verdicts[n]), h("td", {}, `stride ${where(one[6]).stride}`))),
      ...(found.length ? [] : [h("tr", {}, h("td", { colspan: 4 }, "no detection"))]));
    facts.replaceChildren(h("b", {}, many(count("hit"), "hit")), `, ${many(count("duplicate"), "duplicate")}, ${many(count("false alarm"), "false alarm")}, ${missed} missed`);
    const one = found[i], from = one && where(one[6]), a = one && anchors[one[6]];
    origin.textContent = one ? `${classes[one[5]]} ${show(one[4])}: said by anchor ${from.k + 1} of ${from.each} (${show(a[2] - a[0], 0)} × ${show(a[3] - a[1], 0)} pixels, dashed) in row ${from.i + 1}, column ${from.j + 1} of the ${from.side} × ${from.side} map.` : "No box above the threshold.";
    drawHeats(outputs, found, i);
    speed.textContent = `${layers.reduce((sum, { weight, bias }) => sum + weight.length + bias.length, 0).toLocaleString("en")} numbers; mean average precision ${show(get("facts").mAP)} on ${get("facts").scenes} scenes it never saw. ${taken > FRAME ? `One answer took ${Math.round(taken)} ms here: the picture moves first, the boxes follow.` : "It answers every change at once."}`;
    if (note === "looked") note = `${origin.textContent} `;
    say(`${note}${many(found.length, "detection")}: ${facts.textContent}${found.length ? ` (${found.map((box, n) => `${classes[box[5]]} ${show(box[4])} ${judged.verdicts[n]}`).join(", ")})` : ""}. Score above ${show(get("score_threshold"))}, suppression above IoU ${show(get("iou_threshold"))}; scores shown of ${classes[classOf(found, i)]}${get("truth") ? "" : "; truth hidden"}.`);
    note = "";
  }
  function draw() {
    paint();
    if (frame) return;
    // A network slower than a frame: the picture first.
    if (taken > FRAME && answer.key !== scene.key) { if (note) say(note.trim()); frame = requestAnimationFrame(respond); }
    else respond();
  }
  const speed = h("p", { class: "cw-note" });
  const nextDetection = () => (shown.length ? look((Math.min(get("detection"), shown.length - 1) + 1) % shown.length) : say("There is no detection to look at."));
  const told = (words) => ({ then: () => { note = `${words()} `; } });
  body.append(
    column(h("figure", { class: "cw-figure" }, area, h("figcaption", {}, "Boxes: what the network says (\u2713 hit, \u00d72 duplicate, \u2717 false alarm). White dashes: the truth, dotted if missed.")),
      row(button("Next object", next), button("Larger", () => scale(2)), button("Smaller", () => scale(-2)), button("Add", add), button("Class", turn), button("To front", front), button("Remove", remove))),
    column(select(model, "preset", { label: "Start from", options: Object.keys(get("presets")).map((name) => [name, name]), then: () => { const one = get("presets")[get("preset")]; note = `${get("preset")}: `; update(model, { ...one, chosen: 0, detection: 0 }); } }),
      facts, table, origin,
      row(slider(model, "score_threshold", { label: "Score above", min: 0.05, max: 0.95, step: 0.05, format: (value) => show(value) }), slider(model, "iou_threshold", { label: "Suppress above IoU", min: 0, max: 1, step: 0.05, format: (value) => show(value) })),
      row(select(model, "ground", { label: "Background", options: grounds.map((_, i) => [i, `photo ${i + 1}`]), ...told(() => `Photo ${get("ground") + 1} behind.`) }), toggle(model, "truth", { label: "Show the truth" }), button("Next detection", nextDetection, { class: "cw-button cw-main" }))),
    h("div", { class: "cw-wide" }, h("div", { class: "de-head" }, title, select(model, "shown", { label: "Class", options: [["chosen", "the detection's"], ...classes.map((name) => [name, name])] })), heatRow, speed));
  watch(model, ["objects", "ground", "chosen", "detection", "score_threshold", "iou_threshold", "truth", "shown"], draw);
  return () => cancelAnimationFrame(frame);
}
export default { render };
