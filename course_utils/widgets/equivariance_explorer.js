import { randomNumbers, unpackBytes, show, clamp, h, update, watch, card, slider, select, button, row, surface, arrows, drag } from "./kit.js";

const LAYERS = { "convolution": [1, 2], "convolution, stride 2": [2, 2], "best of four turns": [1, 2], "max 3\u00d73, stride 1": [1, 1],
  "max 2\u00d72, stride 2": [2, 0], "blur 3\u00d73, stride 2": [2, 1], "dense": [1, 0] };      // step, reach of the window
const BELL = [[1 / 16, 2 / 16, 1 / 16], [2 / 16, 4 / 16, 2 / 16], [1 / 16, 2 / 16, 1 / 16]];
const table = (size, value) => Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => value(i, j)));
const modulo = (a, n) => ((a % n) + n) % n;

// ---- moves ---------------------------------------------------------------------------------------------
function shifted(x, right, down, edge) {
  const n = x.length;
  if (edge === "circle") return table(n, (i, j) => x[modulo(i - down, n)][modulo(j - right, n)]);
  return table(n, (i, j) => x[i - down]?.[j - right] ?? 0);
}
function quarter(x, turns) {
  for (let k = modulo(turns, 4); k > 0; k--) { const old = x; x = table(old.length, (i, j) => old[j][old.length - 1 - i]); }
  return x;
}
// Read x at the matrix times (x, y) about the centre, between four cells; outside lie zeros.
function resampled(x, [a, b, c, d]) {
  const n = x.length, middle = (n - 1) / 2;
  return table(n, (i, j) => {
    const atX = a * (j - middle) + b * (i - middle) + middle, atY = c * (j - middle) + d * (i - middle) + middle;
    const left = Math.floor(atX), top = Math.floor(atY);
    let sum = 0;
    for (let u = 0; u < 2; u++) for (let v = 0; v < 2; v++) sum += (1 - Math.abs(atY - top - u)) * (1 - Math.abs(atX - left - v)) * (x[top + u]?.[left + v] ?? 0);
    return sum;
  });
}
// Zoom, then turn about the centre, then shift.
export function move(x, { zoom, turn, right, down, edge }) {
  if (zoom !== 1) x = resampled(x, [1 / zoom, 0, 0, 1 / zoom]);
  if (turn % 90 === 0) x = quarter(x, turn / 90);
  else {
    const angle = turn * Math.PI / 180;
    x = resampled(x, [Math.cos(angle), -Math.sin(angle), Math.sin(angle), Math.cos(angle)]);
  }
  return shifted(x, right, down, edge);
}

// ---- layers --------------------------------------------------------------------------------------------
// fold(sum so far, value, tap row, tap column) over the window around every step-th cell
function windows(x, reach, padding, step, start, fold) {
  const n = x.length, at = (i) => (padding === "circle" ? modulo(i, n) : i);
  return table(Math.ceil(n / step), (i, j) => {
    let sum = start;
    for (let u = -reach; u <= reach; u++) {
      const line = x[at(i * step + u)];
      for (let v = -reach; v <= reach; v++) sum = fold(sum, line?.[at(j * step + v)] ?? 0, u + reach, v + reach);
    }
    return sum;
  });
}
const correlate = (x, kernel, padding, step) => windows(x, (kernel.length - 1) / 2, padding, step, 0, (sum, value, u, v) => sum + value * kernel[u][v]);
const weights = {};
function denseWeights(count) {
  const next = randomNumbers(1), size = Math.sqrt(12 / count);
  return weights[count] ??= Float64Array.from({ length: count * count }, () => (next() - 0.5) * size);
}
export function layerOutput(x, { name, kernel, padding }) {
  const n = x.length, [step] = LAYERS[name];
  if (name.startsWith("max 3")) return windows(x, 1, padding, 1, -Infinity, (sum, value) => Math.max(sum, value));
  if (name.startsWith("max 2")) return table(n / 2, (i, j) => Math.max(x[2 * i][2 * j], x[2 * i][2 * j + 1], x[2 * i + 1][2 * j], x[2 * i + 1][2 * j + 1]));
  if (name.startsWith("blur")) return correlate(x, BELL, padding, 2);
  if (name.startsWith("best")) {
    const turns = [0, 1, 2, 3].map((k) => correlate(x, quarter(kernel, k), padding, 1));
    return table(n, (i, j) => Math.max(...turns.map((one) => one[i][j])));
  }
  if (name !== "dense") return correlate(x, kernel, padding, step);
  const flat = x.flat(), w = denseWeights(flat.length);
  return table(n, (i, j) => {
    const from = (i * n + j) * flat.length;
    let sum = 0;
    for (let k = 0; k < flat.length; k++) sum += w[from + k] * flat[k];
    return sum;
  });
}

// ---- the comparison ------------------------------------------------------------------------------------
const squares = (x) => x.reduce((all, line) => line.reduce((sum, value) => sum + value * value, all), 0);
export function compare(x, motion, layer) {
  const [step] = LAYERS[layer.name], first = layerOutput(move(x, motion), layer), plain = layerOutput(x, layer);
  const near = (shift) => [...new Set([Math.floor(shift / step) + 0, Math.ceil(shift / step) + 0])];      // + 0: no minus zero
  let best = null;
  for (const down of near(motion.down))
    for (const right of near(motion.right)) {
      const second = move(plain, { ...motion, right, down }), difference = first.map((line, i) => line.map((value, j) => value - second[i][j]));
      const error = squares(difference);
      if (best === null || error < best.error * (1 - 1e-9)) best = { error, second, difference, shift: [right, down] };
    }
  const { error, second, difference, shift } = best, length = Math.sqrt(squares(second)), sizes = difference.flat().map(Math.abs);
  return { first, plain, second, shift, difference, largest: Math.max(...sizes), relative: length > 0 ? Math.sqrt(error) / length : 0,
    changed: sizes.filter((size) => size > 1e-9).length };
}

// Why the two orders differ, in one word.
export function cause(difference, { zoom, turn, right, down }, { name, kernel }) {
  const [step, reach] = LAYERS[name], gap = (value) => Math.abs(value) > 1e-9;
  if (!difference.flat().some(gap)) return zoom === 1 && turn % 360 === 0 && !right && !down ? "still" : "none";
  if (name === "dense") return "dense";
  if (zoom !== 1) return "zoom";
  if (turn % 90) return "slanted";
  if (turn % 360) {
    if (step === 2 && reach) return "kept";
    const turned = quarter(kernel, turn / 90);
    if (name === "convolution" && kernel.some((line, i) => line.some((w, j) => Math.abs(w - turned[i][j]) > 1e-8))) return "direction";
  }
  if (right % step || down % step) return "phase";
  const size = difference.length * step;
  const beside = (shift, i) => [0, size, modulo(shift, size)].some((line) => line - reach <= i * step && i * step < line + reach);
  return difference.some((line, i) => line.some((value, j) => gap(value) && !beside(down, i) && !beside(right, j))) ? "other" : "border";
}

// Three bytes a cell: grey from 0 up, or blue below 0, white at 0, orange above.
export function paint(x, greatest, signed) {
  return x.flat().flatMap((value) => {
    const share = clamp(greatest > 0 ? value / greatest : 0, -1, 1);
    const rgb = signed ? (share > 0 ? [230, 120, 0] : [0, 114, 178]).map((end) => 255 + Math.abs(share) * (end - 255)) : Array(3).fill(255 * Math.max(0, share));
    return rgb.map((part) => Math.floor(part + 0.5));
  });
}

const MOST = 16, MOTION = ["right", "down", "turn", "zoom", "edge"], degrees = (value) => `${value}\u00b0`.replace("-", "\u2212");
const cells = (value) => show(value, 0);

function render({ model, el }) {
  const { body, say } = card(el, "Move first or filter first?",
    "Drag the moved picture, turn it, zoom it. Blue path: move, then layer. Orange path: layer, then move. The last picture is their difference.");
  const get = (name) => model.get(name), motion = () => Object.fromEntries(MOTION.map((name) => [name, get(name)]));
  let note = "";

  function panel(name, words) {
    const canvas = h("canvas", { role: "img", "aria-label": words }), caption = h("figcaption"), frame = h("div", { class: "eq-frame" }, canvas);
    const figure = h("figure", { class: `cw-figure eq-panel eq-${name}` }, caption, frame);
    const draw = (values, greatest, signed, text) => {
      const bytes = paint(values, greatest, signed), n = values.length;
      canvas.width = canvas.height = n;
      const context = canvas.getContext("2d"), image = context.createImageData(n, n);
      for (let i = 0; i < n * n; i++) { image.data.set(bytes.slice(3 * i, 3 * i + 3), 4 * i); image.data[4 * i + 3] = 255; }
      context.putImageData(image, 0, 0);
      caption.replaceChildren(h("strong", {}, words), h("span", {}, text));
    };
    return { figure, frame, draw };
  }
  const panels = { x: panel("x", "picture x"), moved: panel("moved", "moved"), first: panel("first", "then layer"), plain: panel("plain", "layer"),
    second: panel("second", "then moved"), gap: panel("gap", "difference") };

  // ---- moving --------------------------------------------------------------------------------------------
  function shift(right, down) {
    note = "";
    update(model, { right: clamp(Math.round(right), -MOST, MOST), down: clamp(Math.round(down), -MOST, MOST) });
  }
  function back() {
    note = "Back at the start. ";
    update(model, { right: 0, down: 0, turn: 0, zoom: 1 });
    draw();
  }
  const pad = surface(panels.moved.frame, "The moved picture. Arrow keys shift it, comma and point turn it, plus and minus zoom it, Enter moves it back.", {
    ...arrows((dx, dy) => shift(get("right") + dx, get("down") + dy)), Enter: back,
    ",": () => update(model, { turn: Math.min(180, get("turn") + 15) }), ".": () => update(model, { turn: Math.max(-180, get("turn") - 15) }),
    "+": () => update(model, { zoom: Math.min(2, get("zoom") + 0.1) }), "-": () => update(model, { zoom: Math.max(0.5, get("zoom") - 0.1) }),
  });
  let grip = null;
  drag(pad, {
    down: (fx, fy) => { grip = [fx, fy, get("right"), get("down")]; },
    move: (fx, fy) => { const n = numbers().length; shift(grip[2] + (fx - grip[0]) * n, grip[3] + (fy - grip[1]) * n); },
  });

  // ---- controls ------------------------------------------------------------------------------------------
  const names = (trait) => Object.keys(get(trait)).map((one) => [one, one]), same = (name) => `${name[0].toUpperCase()}${name.slice(1)}`;
  const hasKernel = () => get("layer").startsWith("conv") || get("layer").startsWith("best"), hasBorder = () => !["dense", "max 2\u00d72, stride 2"].includes(get("layer"));
  const change = (name, options, label, then) => select(model, name, { label, options, then: () => { note = then(); draw(); } });
  const number = (name, label, min, max, step, format) => slider(model, name, { label, min, max, step, format, then: () => { note = ""; } });
  body.append(h("div", { class: "cw-wide eq-grid" }, ...Object.values(panels).map((one) => one.figure)),
    h("div", { class: "cw-wide eq-controls" },
      change("picture", names("pictures"), "Picture", () => `${same(get("picture"))}. `),
      change("layer", Object.keys(LAYERS).map((one) => [one, one]), "Layer", () => `${same(get("layer"))}. `),
      change("kernel", names("kernels"), "Kernel", () => (hasKernel() ? `Kernel: ${get("kernel")}. ` : `Kernel: ${get("kernel")}, but this layer has none. `)),
      change("padding", [["zeros", "zeros"], ["circle", "circle"]], "Padding", () => `${get("padding") === "zeros" ? "Outside the picture the layer sees zeros" : "Outside the picture the layer sees its other side"}${hasBorder() ? "" : ", but this one never looks there"}. `),
      change("edge", [["zeros", "zeros"], ["circle", "circle"]], "A shift lets in", () => (get("edge") === "zeros" ? "What a shift drives out is lost, zeros enter. " : "What a shift drives out enters on the other side. ")),
      number("right", "Right", -MOST, MOST, 1, cells), number("down", "Down", -MOST, MOST, 1, cells),
      number("turn", "Turn", -180, 180, 15, degrees), number("zoom", "Zoom", 0.5, 2, 0.1, (value) => `\u00d7${show(value, 1)}`),
      row(button("Move back", back))));

  // ---- drawing -------------------------------------------------------------------------------------------
  let packed = "", unpacked = null;
  function numbers() {
    const text = get("pictures")[get("picture")], bytes = text === packed ? null : unpackBytes(text);
    if (bytes) { packed = text; const n = Math.round(Math.sqrt(bytes.length)); unpacked = table(n, (i, j) => bytes[i * n + j] / 255); }
    return unpacked;
  }
  function draw() {
    const x = numbers(), moving = motion(), layer = { name: get("layer"), kernel: get("kernels")[get("kernel")], padding: get("padding") };
    const result = compare(x, moving, layer), { first, plain, second, shift: [right, down], difference, largest, relative, changed } = result;
    const all = [...first, ...plain, ...second].flat(), greatest = Math.max(...all.map(Math.abs)), signed = Math.min(...all) < 0, n = first.length;
    const size = `${n}\u00d7${n}`, turned = moving.turn % 360 || moving.zoom !== 1, by = (a, b) => `${cells(a)}, ${cells(b)}${turned ? " \u2026" : ""}`;
    panels.x.draw(x, 1, false, get("picture"));
    panels.moved.draw(move(x, moving), 1, false, by(moving.right, moving.down));
    panels.first.draw(first, greatest, signed, size);
    panels.plain.draw(plain, greatest, signed, size);
    panels.second.draw(second, greatest, signed, by(right, down));
    panels.gap.draw(difference, greatest, true, changed ? `at most ${show(largest)}` : "zero");
    panels.gap.figure.classList.toggle("eq-none", !changed);
    const where = `${cells(moving.right)} right, ${cells(moving.down)} down${moving.turn ? `, turned by ${degrees(moving.turn)}` : ""}${moving.zoom !== 1 ? `, zoomed by ${show(moving.zoom, 1)}` : ""}`;
    const why = cause(difference, moving, layer), sizes = changed ? `${changed} of ${n * n} numbers differ, by at most ${show(largest)} (outputs reach ${show(greatest)}); relative difference ${show(relative)}. ` : "";
    say(`${note}Moved ${where}: ${sizes}${get("reasons")[why]}`);
  }
  watch(model, ["pictures", "picture", "layer", "kernel", "padding", ...MOTION], () => { draw(); note = ""; });
}
export default { render };
