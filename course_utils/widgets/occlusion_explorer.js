import { unpackBytes, unpackFloat16, show, clamp, h, s, update, watch, card, slider, select, toggle, button, column, row, surface, arrows, drag, reducedMotion } from "./kit.js";

// ---- the network: pictures (channels, size, size) lie flat, channel by channel, row by row ----------------------

const outputSize = (size, stride) => Math.floor((size - 1) / stride) + 1;

// Where in the flat picture the window of output (i, j) looks, one number a weight; -1 in the padding.
function look(window, channels, size, { kernel, stride }, i, j) {
  const top = i * stride - (kernel >> 1), left = j * stride - (kernel >> 1);
  for (let c = 0, t = 0; c < channels; c++)
    for (let y = top; y < top + kernel; y++)
      for (let z = left; z < left + kernel; z++, t++) window[t] = y >= 0 && y < size && z >= 0 && z < size ? (c * size + y) * size + z : -1;
}

// One convolution, padded by half a kernel, and ReLU. layer: {weight, bias, kernel, stride}, weight flat (K, C, k, k).
export function convolve(x, size, layer) {
  const { weight, bias } = layer, taps = weight.length / bias.length, to = outputSize(size, layer.stride);
  const out = new Float64Array(bias.length * to * to), window = new Int32Array(taps), values = new Float64Array(taps);
  for (let place = 0; place < to * to; place++) {
    look(window, x.length / (size * size), size, layer, Math.floor(place / to), place % to);
    for (let t = 0; t < taps; t++) values[t] = window[t] < 0 ? 0 : x[window[t]];
    for (let k = 0; k < bias.length; k++) {
      let sum = bias[k];
      for (let t = 0, w = k * taps; t < taps; t++, w++) sum += weight[w] * values[t];
      out[k * to * to + place] = sum > 0 ? sum : 0;
    }
  }
  return out;
}

// The way back: from the gradient with respect to the ReLU's output `out` to that with respect to x.
export function convolveBack(gradient, out, size, layer) {
  const { weight, bias, kernel } = layer, taps = weight.length / bias.length, to = outputSize(size, layer.stride);
  const channels = taps / (kernel * kernel), back = new Float64Array(channels * size * size), window = new Int32Array(taps);
  for (let place = 0; place < to * to; place++) {
    look(window, channels, size, layer, Math.floor(place / to), place % to);
    for (let k = 0; k < bias.length; k++) {
      const at = k * to * to + place, passed = out[at] > 0 ? gradient[at] : 0;    // ReLU lets through where it fired
      if (passed !== 0) for (let t = 0, w = k * taps; t < taps; t++, w++) if (window[t] >= 0) back[window[t]] += passed * weight[w];
    }
  }
  return back;
}

// All maps on the way and the scores of the classes: convolutions, the mean of each last map, one linear layer.
function run(x, size, layers) {
  const maps = [x], sizes = [size], { weight, bias } = layers.at(-1);
  for (const layer of layers.slice(0, -1)) {
    maps.push(convolve(maps.at(-1), sizes.at(-1), layer));
    sizes.push(outputSize(sizes.at(-1), layer.stride));
  }
  const area = sizes.at(-1) ** 2, width = weight.length / bias.length, means = new Float64Array(width);
  maps.at(-1).forEach((value, i) => { means[Math.floor(i / area)] += value / area; });
  const scores = Array.from(bias, (b, c) => means.reduce((sum, mean, k) => sum + weight[c * width + k] * mean, b));
  return { maps, sizes, scores };
}
export const scores = (x, size, layers) => run(x, size, layers).scores;

// How fast the score of one class grows with each number of the picture.
export function inputGradient(x, size, layers, target) {
  const { maps, sizes } = run(x, size, layers), { weight, bias } = layers.at(-1), area = sizes.at(-1) ** 2, width = weight.length / bias.length;
  let gradient = Float64Array.from(maps.at(-1), (_, i) => weight[target * width + Math.floor(i / area)] / area);
  for (let depth = layers.length - 2; depth >= 0; depth--) gradient = convolveBack(gradient, maps[depth + 1], sizes[depth], layers[depth]);
  return gradient;
}

// ---- what explains: a copy with a grey square, maps of pixels, and their mark --------------------------------------

export function cover(x, size, top, left, patch) {
  const out = Float64Array.from(x), right = Math.min(size, left + patch), bottom = Math.min(size, top + patch);
  for (let c = 0; c < x.length / (size * size); c++)
    for (let i = top; i < bottom; i++) out.fill(0, (c * size + i) * size + left, (c * size + i) * size + right);
  return out;
}

// Places of the patch along both axes, row after row, until the last pixel is covered.
export function places(size, patch, stride) {
  const count = Math.ceil((size - patch) / stride) + 1;
  return Array.from({ length: count * count }, (_, n) => [Math.floor(n / count) * stride, (n % count) * stride]);
}

// How much the score of the target falls at each place.
export function drops(x, size, layers, target, patch, where, whole = scores(x, size, layers)[target]) {
  return where.map(([top, left]) => whole - scores(cover(x, size, top, left, patch), size, layers)[target]);
}

// Each pixel gets the mean drop of the patches that covered it, and 0 where none did.
export function spread(fallen, where, size, patch) {
  const sum = new Float64Array(size * size), count = new Float64Array(size * size);
  where.forEach(([top, left], n) => {
    for (let i = top; i < Math.min(size, top + patch); i++)
      for (let j = left; j < Math.min(size, left + patch); j++) { sum[i * size + j] += fallen[n]; count[i * size + j] += 1; }
  });
  return sum.map((value, i) => (count[i] ? value / count[i] : 0));
}

export function saliency(gradient, size) {
  const out = new Float64Array(size * size);
  gradient.forEach((value, i) => { out[i % out.length] = Math.max(out[i % out.length], Math.abs(value)); });
  return out;
}

export function gradientTimesInput(gradient, x, size) {
  const out = new Float64Array(size * size);
  gradient.forEach((value, i) => { out[i % out.length] += value * x[i]; });
  return out;
}

// The share of a map that lies inside the mask; below 0 counts as nothing, and a map of zeros gets the mask's share.
export function shareInside(map, mask) {
  let total = 0, inside = 0, area = 0;
  map.forEach((value, i) => {
    area += mask[i] ? 1 : 0;
    if (value > 0) { total += value; inside += mask[i] ? value : 0; }
  });
  return total > 0 ? inside / total : area / map.length;
}

// ---- the stored state ------------------------------------------------------------------------------------------------

// Weights: whole numbers times a power of two for each output channel.
export function unpackNetwork({ layers, numbers, steps, biases }) {
  const all = new Int8Array(unpackBytes(numbers).buffer), power = new Int8Array(unpackBytes(steps).buffer), bias = unpackFloat16(biases);
  let at = 0, channel = 0;
  return layers.map(([outputs, inputs, kernel, stride]) => {
    const each = inputs * kernel * kernel, first = channel;
    const weight = Float64Array.from({ length: outputs * each }, (_, i) => all[at + i] * 2 ** power[first + Math.floor(i / each)]);
    at += outputs * each;
    channel += outputs;
    return { weight, bias: bias.slice(first, channel), kernel, stride };
  });
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
// Pictures: one letter a pixel chooses a colour; the first half of the palette is the object's.
export function unpackPicture({ pixels, palette }) {
  const colors = unpackBytes(palette), chosen = Array.from(pixels, (letter) => LETTERS.indexOf(letter));
  return {
    bytes: [0, 1, 2].flatMap((c) => chosen.map((index) => colors[3 * index + c])),
    mask: chosen.map((index) => (index < colors.length / 6 ? 1 : 0)),
  };
}
export const prepare = (bytes) => Float64Array.from(bytes, (value) => 4 * value / 255 - 2);

// ---- the page --------------------------------------------------------------------------------------------------------

const SIZE = 64, SLICE = 7;                   // pixels; milliseconds of work in a row
const strideOf = (patch) => Math.min(4, patch >> 1);
const METHODS = [["by hand", "by hand: where you put the patch"], ["occlusion", "occlusion: every place"], ["saliency", "saliency: |gradient|"], ["gradient × input", "gradient × input"]];
const percent = (share) => (share > 0.995 && share < 1 ? ">99 %" : share > 0 && share < 0.005 ? "<1 %" : `${Math.round(100 * share)} %`);
const best = (list) => list.indexOf(Math.max(...list));
function softmax(list) {
  const most = Math.max(...list), raised = list.map((value) => Math.exp(value - most)), total = raised.reduce((a, b) => a + b);
  return raised.map((value) => value / total);
}
function border(mask) {
  const inside = (i, j) => i >= 0 && j >= 0 && i < SIZE && j < SIZE && mask[i * SIZE + j] > 0;
  let d = "";
  for (let i = 0; i <= SIZE; i++)
    for (let j = 0; j <= SIZE; j++) {
      if (inside(i, j) !== inside(i - 1, j)) d += `M${j} ${i}h1`;
      if (inside(i, j) !== inside(i, j - 1)) d += `M${j} ${i}v1`;
    }
  return d;
}

function render({ model, el }) {
  const { body, say } = card(el, "Occlusion explorer", "Drag the grey square over the picture. Where does the score fall? Then let the page try every place, and compare with the gradient.");
  const get = (name) => model.get(name), classes = get("classes"), layers = unpackNetwork(get("network"));
  const pictures = get("pictures").map((stored) => {
    const { bytes, mask } = unpackPicture(stored), x = prepare(bytes), whole = scores(x, SIZE, layers);
    return { bytes, mask, x, whole, label: stored.label, outline: border(mask), chance: mask.reduce((a, b) => a + b) / mask.length };
  });
  const most = 1.1 * Math.max(1, ...pictures.flatMap((one) => one.whole));      // far below zero: at the edge
  let note = "", job = null, frame = 0, hand = { key: "", where: [], fallen: [], seen: new Set() };
  const made = new Map();                     // maps already drawn: they come back at once
  const now = () => pictures[clamp(get("picture"), 0, pictures.length - 1)];
  const target = () => { const name = get("target"); return name === "predicted" ? best(now().whole) : name === "true" ? now().label : Math.max(0, classes.indexOf(name)); };
  const patch = () => get("size"), place = () => ["row", "column"].map((name) => clamp(get(name), 0, SIZE - patch()));
  const keyOf = (method) => [method, get("picture"), target(), ...(method === "occlusion" ? [patch()] : [])].join();

  // ---- picture and patch --------------------------------------------------------------------------------
  const canvas = h("canvas", { width: SIZE, height: SIZE }), heat = h("canvas", { width: SIZE, height: SIZE, role: "img" });
  const square = s("rect", { class: "oe-patch" }), rims = [s("path", { class: "oe-rim" }), s("path", { class: "oe-rim" })];
  const over = (...parts) => s("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-hidden": "true" }, ...parts);
  function moveTo(top, left, words = "") {
    const next = { row: clamp(Math.round(top), 0, SIZE - patch()), column: clamp(Math.round(left), 0, SIZE - patch()), covered: true };
    const same = Object.entries(next).every(([name, value]) => get(name) === value);
    note = words;
    if (same) draw();
    else update(model, next);
  }
  const area = surface(h("div", { class: "oe-frame" }, canvas, over(rims[0], square)),
    "The picture with the patch. Arrow keys move it by 4 pixels, with Shift by 1; Enter lifts it or puts it back.", {
      ...arrows((dx, dy, event) => {
        const [top, left] = place(), step = event.shiftKey ? 1 : 4;
        if (!get("covered")) return moveTo(top, left, "The patch is back. ");
        moveTo(top + step * dy, left + step * dx);
      }),
      Enter: () => { note = ""; update(model, { covered: !get("covered") }); },
    });
  const aim = (x, y) => moveTo(SIZE * y - patch() / 2, SIZE * x - patch() / 2);
  drag(area, { down: aim, move: aim });

  // ---- scores ---------------------------------------------------------------------------------------------
  const bars = classes.map((name) => {
    const fill = h("span", { class: "oe-fill" }), mark = h("span", { class: "oe-mark" }), value = h("span", { class: "oe-value" }), chance = h("span", { class: "oe-value" });
    return { fill, mark, value, chance, item: h("li", {}, h("span", { class: "oe-class" }, name), h("span", { class: "oe-track", "aria-hidden": "true" }, fill, mark), value, chance) };
  });
  const fallLine = h("p", { class: "oe-fall" });
  const change = (fall) => (Math.abs(fall) < 0.05 ? "stays" : fall > 0 ? `falls by ${show(fall, 1)}` : `rises by ${show(-fall, 1)}`);
  const reach = (value) => 50 + 50 * clamp(value / most, -1, 1);
  function drawBars(after) {
    const { whole } = now(), chosen = target(), p = softmax(after), first = best(after);
    bars.forEach(({ item, fill, mark, value, chance }, c) => {
      const to = reach(after[c]);
      fill.style.left = `${Math.min(50, to)}%`;
      fill.style.width = `${Math.abs(to - 50)}%`;
      mark.style.left = `${reach(whole[c])}%`;
      value.textContent = show(after[c], 1);
      chance.textContent = percent(p[c]);
      item.className = `${c === chosen ? "oe-chosen" : ""}${c === first ? " oe-first" : ""}`;
    });
    fallLine.replaceChildren(`Score of ${classes[chosen]}: ${show(whole[chosen], 1)} \u2192 ${show(after[chosen], 1)}, `,
      h("b", {}, change(whole[chosen] - after[chosen])));
  }

  // ---- maps -----------------------------------------------------------------------------------------------
  const handKey = () => [get("picture"), target(), patch()].join();
  function remember(top, left, after) {
    const key = handKey(), at = `${top},${left}`;
    if (hand.key !== key) hand = { key, where: [], fallen: [], seen: new Set() };
    if (hand.seen.has(at)) return;
    hand.seen.add(at);
    hand.where.push([top, left]);
    hand.fallen.push(now().whole[target()] - after[target()]);
  }
  function stop() { cancelAnimationFrame(frame); frame = 0; job = null; }
  function tryAll(key) {
    if (job?.key === key) return;
    stop();
    const { x } = now(), where = places(SIZE, patch(), strideOf(patch())), fallen = [], chosen = target(), side = patch();
    job = { key, where, fallen, side };
    const slice = () => {
      const until = performance.now() + SLICE;
      do fallen.push(...drops(x, SIZE, layers, chosen, side, [where[fallen.length]], now().whole[chosen]));
      while (fallen.length < where.length && performance.now() < until);
      if (fallen.length < where.length) {
        frame = requestAnimationFrame(slice);
        if (!reducedMotion()) drawMap();
        return;
      }
      made.set(key, spread(fallen, where, SIZE, side));
      job = null;
      draw();
    };
    frame = requestAnimationFrame(slice);
  }
  // The map of a method, if it is known by now: {map, done} with the places tried where not all pixels were covered.
  function mapOf(method, compute = false) {
    const key = keyOf(method), { x } = now();
    if (method === "by hand") return hand.key === handKey() ? { map: spread(hand.fallen, hand.where, SIZE, patch()), tried: hand } : null;
    if (!made.has(key) && compute) {
      if (method === "occlusion") tryAll(key);
      else {
        const gradient = inputGradient(x, SIZE, layers, target());
        made.set(key, method === "saliency" ? saliency(gradient, SIZE) : gradientTimesInput(gradient, x, SIZE));
      }
    }
    if (made.has(key)) return { map: made.get(key) };
    return job?.key === key && job.fallen.length ? { map: spread(job.fallen, job.where.slice(0, job.fallen.length), SIZE, job.side), tried: { where: job.where.slice(0, job.fallen.length) }, unfinished: true } : null;
  }
  const caption = h("figcaption"), rows = METHODS.map(([method]) => ({ method, line: h("tr"), share: h("td"), times: h("td") }));
  const chanceCells = [h("td"), h("td", {}, "1.0")];
  rows.forEach(({ method, line, share, times }) => line.append(h("th", { scope: "row" }, method), share, times));
  const table = h("table", { class: "oe-table" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "map"), h("th", { scope: "col" }, "inside"), h("th", { scope: "col" }, "× chance"))),
    h("tbody", {}, h("tr", {}, h("th", { scope: "row" }, "uniform"), ...chanceCells), ...rows.map(({ line }) => line)));
  function drawMap() {
    const one = now(), method = get("method"), found = mapOf(method, true), tint = heat.getContext("2d"), image = tint.createImageData(SIZE, SIZE);
    const known = new Uint8Array(SIZE * SIZE).fill(found?.tried ? 0 : 1), peak = found ? Math.max(1e-9, found.map.reduce((a, b) => Math.max(a, Math.abs(b)), 0)) : 1;
    for (const [top, left] of found?.tried?.where ?? [])
      for (let i = top; i < Math.min(SIZE, top + patch()); i++) known.fill(1, i * SIZE + left, i * SIZE + Math.min(SIZE, left + patch()));
    for (let i = 0; i < SIZE * SIZE; i++) {
      const gray = 0.3 * one.bytes[i] + 0.59 * one.bytes[i + SIZE * SIZE] + 0.11 * one.bytes[i + 2 * SIZE * SIZE];
      const value = known[i] && found ? found.map[i] / peak : 0, strength = Math.abs(value) ** 0.7, ink = value > 0 ? [213, 74, 0] : [0, 104, 190];
      const ground = known[i] && found ? 150 + 0.4 * gray : 30 + 0.35 * gray;
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = (1 - strength) * ground + strength * ink[c];
      image.data[4 * i + 3] = 255;
    }
    tint.putImageData(image, 0, 0);
    const unit = method === "by hand" || method === "occlusion" ? "orange: covering lowers the score, blue: raises it" : method === "saliency" ? "orange: a small change of the pixel moves the score" : "orange: speaks for the class, blue: against it";
    caption.textContent = found?.unfinished && !reducedMotion() ? `${job.fallen.length} of ${job.where.length} places tried` : !found ? (method === "by hand" ? "no place tried yet" : "trying every place\u2026") : method === "by hand" ? `${hand.where.length} place${hand.where.length > 1 ? "s" : ""} tried, dark: not yet; ${unit}` : unit;
    heat.setAttribute("aria-label", `Map "${method}" over the grey picture`);
    chanceCells[0].textContent = percent(one.chance);
    for (const { method: name, line, share, times } of rows) {
      const known_ = mapOf(name), ready = known_ && !known_.unfinished, value = ready ? shareInside(known_.map, one.mask) : 0;
      share.textContent = ready ? percent(value) : "\u2013";
      times.textContent = ready ? show(value / one.chance, 1) : "\u2013";
      line.className = name === method ? "oe-here" : "";
    }
    return found;
  }

  // ---- the whole ------------------------------------------------------------------------------------------
  function strongest() {
    const found = mapOf(get("method"), true);
    if (!found) { note = "There is no map yet. "; return draw(); }
    const at = best(Array.from(found.map));
    moveTo(Math.floor(at / SIZE) + 0.5 - patch() / 2, at % SIZE + 0.5 - patch() / 2, "Over the strongest pixel of the map. ");
  }
  function report(after, found) {
    const one = now(), chosen = target(), name = classes[chosen], method = get("method"), first = best(after), p = softmax(after), [top, left] = place();
    const names = first === one.label ? `says ${classes[first]}, rightly` : `says ${classes[first]}, but it is a ${classes[one.label]}`;
    const here = get("covered") ? `Patch ${patch()} × ${patch()} at row ${top}, column ${left}: the score of ${name} ${change(one.whole[chosen] - after[chosen])} (${show(one.whole[chosen], 1)} \u2192 ${show(after[chosen], 1)}); the network ${names} (${percent(p[first])}).`
      : `Nothing covered: the score of ${name} is ${show(after[chosen], 1)}; the network ${names} (${percent(p[first])}).`;
    if (!found || found.unfinished) return method === "occlusion" ? `${here} Trying every place.` : here;
    const share = shareInside(found.map, one.mask);
    return `${here} Map ${method}: ${percent(share)} inside the object, ${show(share / one.chance, 1)} times chance.`;
  }
  function draw() {
    const one = now(), [top, left] = place(), covered = get("covered"), context = canvas.getContext("2d"), image = context.createImageData(SIZE, SIZE);
    const after = covered ? scores(cover(one.x, SIZE, top, left, patch()), SIZE, layers) : one.whole;
    if (covered) remember(top, left, after);
    if (job && (get("method") !== "occlusion" || job.key !== keyOf("occlusion"))) stop();
    for (let i = 0; i < SIZE * SIZE; i++) {
      const y = Math.floor(i / SIZE), hidden = covered && y >= top && y < top + patch() && i % SIZE >= left && i % SIZE < left + patch();
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = hidden ? 128 : one.bytes[c * SIZE * SIZE + i];
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    for (const [name, value] of Object.entries({ x: left, y: top, width: patch(), height: patch() })) square.setAttribute(name, value);
    square.style.display = covered ? "" : "none";
    for (const rim of rims) rim.setAttribute("d", get("outline") ? one.outline : "");
    drawBars(after);
    say(note + report(after, drawMap()));
    note = "";
  }
  const options = pictures.map(({ label, whole }, i) => [i, `${i + 1}: ${classes[label]}${best(whole) === label ? "" : ` (read as ${classes[best(whole)]})`}`]);
  body.append(
    h("div", { class: "cw-wide oe-stage" },
      h("figure", { class: "cw-figure" }, area, h("figcaption", {}, "the picture and your patch")),
      h("figure", { class: "cw-figure" }, h("div", { class: "oe-frame" }, heat, over(rims[1])), caption),
      h("div", { class: "oe-scores" }, h("ol", { class: "oe-bars", "aria-label": "Score and probability of each class" }, ...bars.map(({ item }) => item)),
        h("p", { class: "cw-note" }, "Scores and probabilities; the thin line marks the score without patch."), fallLine)),
    column(row(select(model, "picture", { label: "Picture", options }), select(model, "target", { label: "Class explained", options: [["predicted", "predicted"], ["true", "true"], ...classes.map((name) => [name, name])], then: () => { note = `Explained now: ${classes[target()]}${["predicted", "true"].includes(get("target")) ? `, the ${get("target")} class` : ""}. `; } })),
      row(slider(model, "size", { label: "Side of the patch", min: 4, max: 32, step: 4, format: (value) => `${value} pixels` })),
      row(toggle(model, "covered", { label: "Patch on the picture" }), toggle(model, "outline", { label: "Outline of the object", then: () => { note = get("outline") ? "Outline shown. " : "Outline hidden. "; } })),
      row(button("Patch to the strongest pixel of the map", strongest))),
    column(row(select(model, "method", { label: "Map", options: METHODS })), table));
  watch(model, ["picture", "target", "size", "row", "column", "covered", "method", "outline"], draw);
  return stop;
}
export default { render };
