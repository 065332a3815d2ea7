import { unpackFloat16, clamp, h, s, update, watch, card, toggle, button, column, row, surface, arrows, drag, paintGray } from "./kit.js";

const PEN = 0.05, BOX = 20, FIELD = 28, FINE = 4, FINE_BOX = BOX * FINE;

// Strokes in [0, 1] to 28 x 28 as MNIST was made: longer side to 20 pixels, grey by coverage, centre of mass
// to the middle.
export function rasterise(strokes) {
  const field = Array.from({ length: FIELD }, () => new Array(FIELD).fill(0));
  const places = strokes.flat();
  if (!places.length) return field;
  let left = Infinity, top = Infinity, right = -Infinity, bottom = -Infinity;
  for (const [x, y] of places) { left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y); }
  left -= PEN; top -= PEN; right += PEN; bottom += PEN;
  const scale = FINE_BOX / Math.max(right - left, bottom - top), radius = PEN * scale;
  const ink = new Uint8Array(FINE_BOX * FINE_BOX);
  for (const stroke of strokes) {
    const fine = stroke.map(([x, y]) => [(x - left) * scale, (y - top) * scale]);
    for (let k = 0; k < Math.max(1, fine.length - 1) && fine.length; k++) {
      const [ax, ay] = fine[k], [bx, by] = fine[k + 1] ?? fine[k], dx = bx - ax, dy = by - ay, square = dx * dx + dy * dy;
      const low = (value) => Math.max(0, Math.floor(value - radius - 1)), high = (value) => Math.min(FINE_BOX - 1, Math.ceil(value + radius + 1));
      for (let i = low(Math.min(ay, by)); i <= high(Math.max(ay, by)); i++)
        for (let j = low(Math.min(ax, bx)); j <= high(Math.max(ax, bx)); j++) {
          const px = j + 0.5 - ax, py = i + 0.5 - ay, along = square > 0 ? clamp((px * dx + py * dy) / square, 0, 1) : 0;
          const qx = px - along * dx, qy = py - along * dy;
          if (qx * qx + qy * qy <= radius * radius) ink[i * FINE_BOX + j] = 1;
        }
    }
  }
  const box = Array.from({ length: BOX }, () => new Array(BOX).fill(0));
  for (let i = 0; i < FINE_BOX; i++)
    for (let j = 0; j < FINE_BOX; j++) box[i >> 2][j >> 2] += ink[i * FINE_BOX + j] / (FINE * FINE);
  let total = 0, sumX = 0, sumY = 0;
  box.forEach((line, i) => line.forEach((value, j) => { total += value; sumX += value * (j + 0.5); sumY += value * (i + 0.5); }));
  const shiftX = Math.floor(FIELD / 2 - sumX / total + 0.5), shiftY = Math.floor(FIELD / 2 - sumY / total + 0.5);
  box.forEach((line, i) => line.forEach((value, j) => {
    const y = i + shiftY, x = j + shiftX;
    if (y >= 0 && y < FIELD && x >= 0 && x < FIELD) field[y][x] = value;
  }));
  return field;
}

// x (C, N, N) with weight (K, C, S, S), padded to keep the size, plus bias, cut at 0: one flat loop for speed.
function convolveFlat(x, channels, size, weight, bias, kernels, span) {
  const half = span >> 1, out = new Float64Array(kernels * size * size);
  for (let k = 0; k < kernels; k++) {
    const base = k * size * size;
    out.fill(bias[k], base, base + size * size);
    for (let c = 0; c < channels; c++)
      for (let a = 0; a < span; a++)
        for (let b = 0; b < span; b++) {
          const factor = weight[((k * channels + c) * span + a) * span + b], di = a - half, dj = b - half;
          const from = Math.max(0, -dj), to = Math.min(size, size - dj);
          for (let i = Math.max(0, -di); i < Math.min(size, size - di); i++) {
            const source = (c * size + i + di) * size + dj, target = base + i * size;
            for (let j = from; j < to; j++) out[target + j] += factor * x[source + j];
          }
        }
    for (let i = base; i < base + size * size; i++) if (out[i] < 0) out[i] = 0;
  }
  return out;
}

function poolFlat(x, channels, size) {
  const half = size >> 1, out = new Float64Array(channels * half * half);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < half; i++)
      for (let j = 0; j < half; j++) {
        const at = (c * size + 2 * i) * size + 2 * j;
        out[(c * half + i) * half + j] = Math.max(x[at], x[at + 1], x[at + size], x[at + size + 1]);
      }
  return out;
}

const nest = (flat, channels, size) => Array.from({ length: channels }, (_, c) =>
  Array.from({ length: size }, (_, i) => Array.from(flat.slice((c * size + i) * size, (c * size + i + 1) * size))));

export const convolve = (x, weight, bias) =>
  nest(convolveFlat(x.flat(2), x.length, x[0].length, weight.flat(3), bias, weight.length, weight[0][0].length), weight.length, x[0].length);
export const pool = (x) => nest(poolFlat(x.flat(2), x.length, x[0].length), x.length, x[0].length >> 1);

let unpacked = null, unpackedFrom = null;
function network(pixels, weights) {
  if (unpackedFrom !== weights) { unpacked = unpackFloat16(weights); unpackedFrom = weights; }
  let start = 0;
  const take = (count) => unpacked.subarray(start, (start += count));
  const w1 = take(200), b1 = take(8), w2 = take(3200), b2 = take(16), w3 = take(7840), b3 = take(10);
  const first = convolveFlat(pixels.flat(), 1, 28, w1, b1, 8, 5);
  const last = poolFlat(convolveFlat(poolFlat(first, 8, 28), 8, 14, w2, b2, 16, 5), 16, 14);
  const logits = Array.from(b3, (bias, k) => { let sum = bias; for (let i = 0; i < 784; i++) sum += w3[784 * k + i] * last[i]; return sum; });
  const most = Math.max(...logits), raised = logits.map((value) => Math.exp(value - most)), total = raised.reduce((a, b) => a + b);
  return { first, probabilities: raised.map((value) => value / total) };
}
export const readDigit = (pixels, weights) => network(pixels, weights).probabilities;

const STEP = 0.04;
const percent = (p) => (p > 0.995 && p < 1 ? ">99 %" : p > 0 && p < 0.005 ? "<1 %" : `${Math.round(100 * p)} %`);

function render({ model, el }) {
  const { body, say } = card(el, "Digit reader", "Draw a digit on the pad. The page prepares it as MNIST was prepared, and a small convolutional network reads it.");
  const get = (name) => model.get(name), first = get("strokes");
  let pen = [0.5, 0.2], down = false, keyboard = false, last = "";
  const ink = s("g", { class: "dr-ink" }), over = s("g");
  const round = (value) => Math.round(clamp(value, 0, 1) * 1000) / 1000;
  const begin = (x, y) => update(model, { strokes: [...get("strokes"), [[round(x), round(y)]]] });
  function go(x, y) {
    const strokes = get("strokes"), line = strokes.at(-1), [px, py] = line.at(-1);
    if ((px - x) ** 2 + (py - y) ** 2 < 1e-4) return;       // a shorter way than a fifth of the pen says nothing
    update(model, { strokes: [...strokes.slice(0, -1), [...line, [round(x), round(y)]]] });
  }
  const undo = () => { down = false; if (!get("strokes").length) return say(last = "There is no stroke to take back."); update(model, { strokes: get("strokes").slice(0, -1) }); };
  const clear = () => { down = false; update(model, { strokes: [] }); };
  function flip() {
    keyboard = true; down = !down;
    if (down) begin(...pen);
    draw();
    if (down) say("Pen down: arrow keys draw.");
  }
  const pad = surface(s("svg", { viewBox: "0 0 1 1", class: "dr-pad" }, s("rect", { width: 1, height: 1, class: "dr-paper" }), ink, over),
    "Drawing pad. Arrow keys move the pen, Space lowers or lifts it, Backspace takes back a stroke.", {
      ...arrows((dx, dy, event) => {
        keyboard = true;
        const size = event.shiftKey ? STEP / 4 : STEP;
        pen = [round(pen[0] + dx * size), round(pen[1] + dy * size)];
        if (down) go(...pen); else drawPen();
      }),
      " ": flip, Enter: flip, Backspace: undo, Delete: clear,
    });
  drag(pad, {
    down: (x, y) => { keyboard = false; down = false; begin(x, y); pen = [round(x), round(y)]; },
    move: (x, y) => { go(clamp(x, 0, 1), clamp(y, 0, 1)); pen = [round(x), round(y)]; },
  });
  pad.addEventListener("focus", () => { keyboard = pad.matches(":focus-visible"); drawPen(); });
  pad.addEventListener("blur", () => { keyboard = false; down = false; drawPen(); });

  const seen = h("canvas", { role: "img", class: "dr-seen" });
  const bars = Array.from({ length: 10 }, () => ({ item: h("li"), fill: h("span", { class: "dr-fill" }), share: h("span", { class: "dr-share" }) }));
  bars.forEach(({ item, fill, share }, digit) => item.append(h("b", {}, String(digit)), h("span", { class: "dr-track", "aria-hidden": "true" }, fill), share));
  const maps = Array.from({ length: 8 }, (_, k) => h("canvas", { role: "img", "aria-label": `First-layer map ${k + 1}` }));
  const gallery = h("figure", { class: "cw-figure" }, h("div", { class: "dr-maps" }, ...maps),
    h("figcaption", {}, "What the eight filters of the first layer answer: bright where they fire."));
  body.append(
    column(pad, row(button("Clear", clear), button("Undo stroke", undo), button("Example", () => { down = false; update(model, { strokes: first.length ? [...first] : [] }); }),
      toggle(model, "maps", { label: "Filter answers", then: () => say(get("maps") ? "Answers of the first layer shown." : "Answers of the first layer hidden.") }))),
    column(h("div", { class: "dr-answer" }, h("figure", { class: "cw-figure" }, seen, h("figcaption", {}, "What the network sees: 28 \u00d7 28")),
      h("ol", { class: "dr-bars", "aria-label": "Probability of each digit" }, ...bars.map(({ item }) => item))), gallery));

  function drawPen() {
    over.replaceChildren(...(keyboard ? [s("circle", { cx: pen[0], cy: pen[1], r: down ? 0.03 : 0.045, class: down ? "dr-pen dr-down" : "dr-pen" })] : []));
  }
  function draw() {
    const strokes = get("strokes"), pixels = rasterise(strokes), blank = !strokes.length;
    ink.replaceChildren(...strokes.map((line) => s("path", { d: `M${line.map(([x, y]) => `${x} ${y}`).join("L")}${line.length === 1 ? "h0" : ""}` })));
    drawPen();
    paintGray(seen, pixels.flat().map((value) => Math.round(255 * value)), FIELD, FIELD);
    const answer = !blank && get("weights") ? network(pixels, get("weights")) : null, p = answer?.probabilities ?? new Array(10).fill(0);
    const order = p.map((_, digit) => digit).sort((a, b) => p[b] - p[a]);
    bars.forEach(({ item, fill, share }, digit) => {
      fill.style.width = `${100 * p[digit]}%`;
      share.textContent = percent(p[digit]);
      item.className = answer && digit === order[0] ? "dr-best" : "";
    });
    gallery.hidden = !get("maps") || !get("weights");
    if (!gallery.hidden) {
      let most = 1e-9;
      if (answer) for (const value of answer.first) if (value > most) most = value;
      maps.forEach((canvas, k) => paintGray(canvas, answer ? answer.first.subarray(k * 784, (k + 1) * 784).map((value) => Math.round(255 * value / most)) : new Array(784).fill(0), 28, 28));
    }
    seen.setAttribute("aria-label", blank ? "Empty picture" : `The drawing in 28 by 28 pixels, ${pixels.flat().filter((value) => value > 0).length} of them inked`);
    const words = blank ? "The pad is empty: draw a digit."
      : !answer ? "Prepared to 28 by 28 pixels. No trained weights are stored here, so nothing reads it."
      : `Reads ${order[0]} with ${percent(p[order[0]])}; next is ${order[1]} with ${percent(p[order[1]])}.`;
    if (words !== last) say(last = words);
    const rounded = answer ? p.map((value) => Math.round(value * 1e4) / 1e4) : [];
    if (JSON.stringify(rounded) !== JSON.stringify(get("probabilities"))) update(model, { probabilities: rounded });
  }
  watch(model, ["strokes", "weights", "maps"], draw);
}
export default { render };
