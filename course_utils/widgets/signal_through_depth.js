import { randomNumbers, show, clamp, h, s, update, watch, card, slider, select, toggle, button, row, column, surface, arrows, drag } from "./kit.js";

const BATCH = 32, LEAK = 0.01, BINS = 25, INPUT_SEED = 1000003, TOP_SEED = 2000003;

// Sizes of the input and of every layer.
export function widths(width, depth, narrowing) {
  return Array.from({ length: depth + 1 }, (_, layer) => Math.floor(width * (narrowing ? 0.25 : 1) ** (layer / depth) + 0.5));
}

// Standard deviation of a weight; with "all equal" the weight itself.
export function factor(scheme, fanIn, fanOut) {
  switch (scheme) {
    case "zero": return 0;
    case "all equal": return 1 / fanIn;
    case "normal 0.01": return 0.01;
    case "normal 1": return 1;
    case "Glorot": return Math.sqrt(2 / (fanIn + fanOut));
    case "He": return Math.sqrt(2 / fanIn);
    default: return 1 / Math.sqrt(fanIn);
  }
}

function normals(next, count) {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i += 2) {
    const length = Math.sqrt(-2 * Math.log(1 - next())), angle = 2 * Math.PI * next();
    out[i] = length * Math.cos(angle);
    if (i + 1 < count) out[i + 1] = length * Math.sin(angle);
  }
  return out;
}

// Unscaled matrices, row by row: normal numbers, or rows at right angles (Gram and Schmidt). The last few are kept;
// of equal widths the deeper network has the layers of the shallower one, and some more.
const kept = new Map();
function drawn(sizes, straight, seed) {
  const key = `${sizes.every((size) => size === sizes[0]) ? sizes[0] : sizes}|${straight}|${seed}`;
  if (!kept.has(key)) {
    if (kept.size > 5) kept.delete(kept.keys().next().value);
    kept.set(key, { next: randomNumbers(seed), made: [] });
  }
  const { next, made } = kept.get(key);
  for (let layer = made.length; layer < sizes.length - 1; layer++) {
    const fanIn = sizes[layer], fanOut = sizes[layer + 1], m = normals(next, fanOut * fanIn);
    for (let i = 0; straight && i < fanOut; i++) {
      const a = m.subarray(i * fanIn, (i + 1) * fanIn);
      for (let j = 0; j < i; j++) {
        const b = m.subarray(j * fanIn, (j + 1) * fanIn);
        let dot = 0;
        for (let k = 0; k < fanIn; k++) dot += a[k] * b[k];
        for (let k = 0; k < fanIn; k++) a[k] -= dot * b[k];
      }
      let length = 0;
      for (let k = 0; k < fanIn; k++) length += a[k] * a[k];
      length = Math.sqrt(length);
      for (let k = 0; k < fanIn; k++) a[k] /= length;
    }
    if (straight) for (let k = 0; k < m.length; k++) m[k] *= Math.sqrt(fanIn);
    made.push(m);
  }
  return made.slice(0, sizes.length - 1);
}

function matrices(sizes, scheme, gain, seed) {
  return drawn(sizes, scheme === "orthogonal", seed).map((unit, layer) => {
    const scale = gain * factor(scheme, sizes[layer], sizes[layer + 1]);
    return scheme === "all equal" ? new Float64Array(unit.length).fill(scale) : unit.map((value) => scale * value);
  });
}

// One matrix for each layer, as rows.
export function weights(sizes, scheme, gain, seed) {
  return matrices(sizes, scheme, gain, seed).map((m, layer) => Array.from({ length: sizes[layer + 1] }, (_, i) => Array.from(m.subarray(i * sizes[layer], (i + 1) * sizes[layer]))));
}

// f(a) into out, f'(a) into slope.
function activate(name, a, out, slope) {
  const low = name === "linear" ? 1 : name === "ReLU" ? 0 : LEAK;
  for (let i = 0; i < a.length; i++) {
    if (name === "tanh") { const x = Math.tanh(a[i]); out[i] = x; slope[i] = 1 - x * x; }
    else if (name === "sigmoid") { const x = 1 / (1 + Math.exp(-a[i])); out[i] = x; slope[i] = x * (1 - x); }
    else { const up = a[i] > 0; out[i] = up ? a[i] : low * a[i]; slope[i] = up ? 1 : low; }
  }
}

// A batch forward and a random gradient back.
function run({ activation, scheme, gain, depth, width, narrowing, seed }) {
  const sizes = widths(width, depth, narrowing), layers = matrices(sizes, scheme, gain, seed), outputs = [normals(randomNumbers(INPUT_SEED + seed), BATCH * sizes[0])], slopes = [];
  layers.forEach((m, layer) => {
    const n = sizes[layer], units = sizes[layer + 1], x = outputs[layer], a = new Float64Array(BATCH * units), slope = new Float64Array(BATCH * units);
    for (let b = 0; b < BATCH; b++)
      for (let o = 0; o < units; o++) {
        let sum = 0;
        for (let i = 0, from = b * n, at = o * n; i < n; i++) sum += x[from + i] * m[at + i];
        a[b * units + o] = sum;
      }
    activate(activation, a, a, slope);
    outputs.push(a);
    slopes.push(slope);
  });
  const gradients = [normals(randomNumbers(TOP_SEED + seed), BATCH * sizes[depth])];
  for (let layer = depth - 1; layer >= 0; layer--) {
    const n = sizes[layer], units = sizes[layer + 1], m = layers[layer], delta = gradients[0], slope = slopes[layer], back = new Float64Array(BATCH * n);
    for (let b = 0; b < BATCH; b++)
      for (let o = 0; o < units; o++) {
        const g = delta[b * units + o] * slope[b * units + o];
        for (let i = 0, to = b * n, at = o * n; g !== 0 && i < n; i++) back[to + i] += g * m[at + i];
      }
    gradients.unshift(back);
  }
  return { sizes, outputs, gradients, slopes };
}

function rms(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return Math.sqrt(sum / values.length);
}

function measure({ sizes, outputs, gradients, slopes }, activation) {
  const least = 0.05 * (activation === "sigmoid" ? 0.25 : 1), idle = [], dead = [];
  slopes.forEach((slope, layer) => {
    const units = sizes[layer + 1], alone = new Array(units).fill(0);
    for (let i = 0; i < slope.length; i++) if (slope[i] < least) alone[i % units]++;
    idle.push(alone.reduce((sum, count) => sum + count, 0) / slope.length);
    dead.push(alone.filter((count) => count === BATCH).length);
  });
  return { forward: outputs.map(rms), backward: gradients.map(rms), idle, dead };
}

// Root mean squares of a run; share of values with hardly any slope, and units that have none on the whole batch.
export function trace(config) {
  return measure(run(config), config.activation);
}

// What very wide layers would have; null where equal weights forbid the argument.
export function predict({ activation, scheme, gain, depth, width, narrowing }) {
  if (scheme === "all equal") return null;
  const sizes = widths(width, depth, narrowing), forward = [1], turns = [], z = Float64Array.from({ length: 401 }, (_, i) => (i - 200) / 25), a = new Float64Array(401), x = new Float64Array(401), slope = new Float64Array(401);
  const mass = z.map((value) => Math.exp(-value * value / 2)), whole = mass.reduce((sum, value) => sum + value, 0);
  for (let layer = 0; layer < depth; layer++) {
    const variance = (gain * factor(scheme, sizes[layer], sizes[layer + 1])) ** 2, spread = Math.sqrt(sizes[layer] * variance * forward[layer]);
    for (let i = 0; i < 401; i++) a[i] = spread * z[i];
    activate(activation, a, x, slope);
    let out = 0, turn = 0;
    for (let i = 0; i < 401; i++) { out += mass[i] * x[i] * x[i]; turn += mass[i] * slope[i] * slope[i]; }
    forward.push(out / whole);
    // half of a symmetric distribution lies above 0
    const low = activation === "ReLU" ? 0 : LEAK, half = activation === "ReLU" || activation === "leaky ReLU";
    turns.push(sizes[layer + 1] * variance * (half ? (1 + low * low) / 2 : turn / whole));
  }
  const backward = [1];
  for (const turn of turns.reverse()) backward.unshift(backward[0] * turn);
  return { forward: forward.map(Math.sqrt), backward: backward.map(Math.sqrt) };
}

// Counts in equal bins from -reach to reach.
export function histogram(values, reach) {
  const counts = new Array(BINS).fill(0);
  for (const value of values) counts[clamp(Math.floor((value + reach) / (2 * reach) * BINS), 0, BINS - 1)]++;
  return counts;
}

const ACTIVATIONS = ["linear", "sigmoid", "tanh", "ReLU", "leaky ReLU"];
const SCHEMES = [["zero", "zero"], ["all equal", "all equal, 1/n"], ["normal 0.01", "normal, sd 0.01"], ["normal 1", "normal, sd 1"], ["LeCun", "LeCun, sd \u221a(1/n\u1d62\u2099)"], ["Glorot", "Glorot, sd \u221a(2/(n\u1d62\u2099 + n\u2092\u1d64\u209c))"], ["He", "He, sd \u221a(2/n\u1d62\u2099)"], ["orthogonal", "orthogonal rows"]];
const LEFT = 58, WIDE = 330, HIGH = 132, TOPS = [26, 212];
const raise = (power) => "10" + String(power).replace(/./g, (c) => ({ "-": "\u207b", 1: "\u00b9", 2: "\u00b2", 3: "\u00b3" })[c] ?? String.fromCharCode(0x2070 + Number(c)));
function number(value) {
  if (value === 0 || (value >= 0.001 && value < 1000)) return String(Number(value.toPrecision(2)));
  const [digit, power] = value.toExponential(0).split("e");
  return `${digit}\u00b7${raise(Number(power))}`;
}
const percent = (share) => `${show(100 * share, 0)} %`;

function render({ model, el }) {
  const { body, say } = card(el, "Signals through depth",
    "An untrained network: a batch goes up, a gradient comes down. Choose activation and start so that both lines stay level.");
  const get = (name) => model.get(name);
  let made = null, seen = null, said = null, note = "", known = "", shown = "";
  const config = () => Object.fromEntries(["activation", "scheme", "gain", "depth", "width", "narrowing", "seed"].map((name) => [name, get(name)]));
  const layer = () => clamp(get("layer"), 0, get("depth"));
  function compute() {
    const now = config(), key = JSON.stringify(now);
    if (key === known) return;
    known = key;
    made = run(now);
    seen = measure(made, now.activation);
    said = predict(now);
  }

  // ---- the two ways --------------------------------------------------------------------------------------
  const curves = s("g"), cursor = s("g"), charts = surface(s("svg", { viewBox: `0 0 ${LEFT + WIDE + 12} 366`, class: "sd-charts" }, curves, cursor),
    "Size of activations and of gradients, layer by layer. Left and right arrow keys choose a layer.", {
      ...arrows((dx, dy) => look(layer() + dx - dy)), Home: () => look(0), End: () => look(get("depth")),
    });
  const look = (value) => { update(model, { layer: clamp(value, 0, get("depth")) }); tell(""); };
  const fromX = (fx) => look(Math.round((fx * (LEFT + WIDE + 12) - LEFT) / WIDE * get("depth")));
  drag(charts, { down: fromX, move: fromX });
  const toX = (at) => LEFT + WIDE * at / get("depth");
  let places = [];
  function drawCurves() {
    places = [];
    curves.replaceChildren(...["forward", "backward"].flatMap((way, k) => {
      const powers = [...seen[way], ...(said ? said[way] : [])].filter((value) => value > 0).map(Math.log10);
      const low = Math.max(-12, Math.floor(Math.min(-2, ...powers))), high = Math.min(12, Math.ceil(Math.max(2, ...powers))), by = Math.ceil((high - low) / 6);
      const toY = (value) => TOPS[k] + HIGH * (high - clamp(value > 0 ? Math.log10(value) : low, low, high)) / (high - low);
      places.push(toY);
      const ticks = Array.from({ length: high - low + 1 }, (_, i) => low + i).filter((power) => power % by === 0);
      const points = (list) => list.map((value, at) => `${toX(at).toFixed(1)} ${toY(value).toFixed(1)}`);
      return [s("text", { x: LEFT - 8, y: TOPS[k] - 11, class: "sd-head" }, k ? "gradients, root mean square" : "activations, root mean square"),
        ...ticks.flatMap((power) => [s("line", { x1: LEFT, x2: LEFT + WIDE, y1: toY(10 ** power), y2: toY(10 ** power), class: power ? "sd-grid" : "sd-one" }), s("text", { x: LEFT - 8, y: toY(10 ** power) + 4, "text-anchor": "end", class: "sd-small" }, power ? raise(power) : "1")]),
        s("path", { d: `M${LEFT} ${TOPS[k]}V${TOPS[k] + HIGH}H${LEFT + WIDE}`, class: "sd-axis" }),
        ...[0, get("depth")].map((at) => s("text", { x: toX(at), y: TOPS[k] + HIGH + 16, "text-anchor": at ? "end" : "start", class: "sd-small" }, at ? `layer ${at}` : "input")),
        s("path", { d: `M${points(seen[way]).join("L")}`, class: `sd-seen sd-${way}` }), s("path", { d: points(seen[way]).map((p) => `M${p}h0`).join(""), class: `sd-dots sd-${way}` }),
        said ? s("path", { d: `M${points(said[way]).join("L")}`, class: "sd-said" }) : null].filter(Boolean);
    }));
  }

  // ---- one layer -----------------------------------------------------------------------------------------
  const bars = s("svg", { viewBox: "0 0 300 122", "aria-hidden": "true" }), caption = h("figcaption");
  function drawLayer() {
    const at = layer(), values = made.outputs[at], reach = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1, counts = histogram(values, reach), most = Math.max(...counts), x = toX(at);
    cursor.replaceChildren(s("line", { x1: x, x2: x, y1: TOPS[0], y2: TOPS[0] + HIGH, class: "sd-here" }), s("line", { x1: x, x2: x, y1: TOPS[1], y2: TOPS[1] + HIGH, class: "sd-here" }),
      s("text", { x: clamp(x, LEFT + 30, LEFT + WIDE - 30), y: TOPS[0] + HIGH + 16, "text-anchor": "middle", class: "sd-small" }, at > 0.2 * get("depth") && at < 0.8 * get("depth") ? String(at) : ""));
    bars.replaceChildren(...counts.map((count, i) => s("rect", { x: 12 * i + 0.5, y: 98 - 94 * count / most, width: 11, height: 94 * count / most, class: "sd-bar" })), s("path", { d: "M0 98H300", class: "sd-floor" }),
      s("text", { x: 0, y: 114, class: "sd-small" }, `\u2212${number(reach)}`), s("text", { x: 150, y: 114, "text-anchor": "middle", class: "sd-small" }, "0"), s("text", { x: 300, y: 114, "text-anchor": "end", class: "sd-small" }, number(reach)));
    caption.replaceChildren(h("strong", {}, at ? `Values of layer ${at}` : "Values of the input"), `: ${BATCH} examples, ${made.sizes[at]} units. ${idleWords(at)}`);
  }
  function idleWords(at) {
    if (!at || get("activation") === "linear") return "";
    const share = percent(seen.idle[at - 1]), dead = seen.dead[at - 1], units = made.sizes[at];
    if (get("activation") === "ReLU") return `${share} of them are 0; ${dead} of ${units} units are dead: 0 on every example.`;
    if (get("activation") === "leaky ReLU") return `${share} of them are below 0, where the slope is ${LEAK}.`;
    return `${share} of them are saturated: a slope under a twentieth of the largest.`;
  }

  // ---- words ---------------------------------------------------------------------------------------------
  const verdict = (ratio) => (ratio === 0 ? "gone" : ratio < 0.01 ? "vanishing" : ratio > 100 ? "exploding" : "kept");
  function report() {
    const depth = get("depth"), up = seen.forward[depth], down = seen.backward[0], at = layer();
    const each = (end) => (end > 0 && depth > 1 ? `, \u00d7${show(end ** (1 / depth), 2)} a layer` : "");
    const both = `Activations ${verdict(up / seen.forward[0])}: ${number(up)} at layer ${depth}${each(up / seen.forward[0])}${said ? ` (very wide layers: ${number(said.forward[depth])})` : ""}. Gradients ${verdict(down / seen.backward[depth])}: ${number(down)} at the input${each(down / seen.backward[depth])}${said ? ` (${number(said.backward[0])})` : ""}.`;
    const equal = get("scheme") === "all equal" && depth > 0 ? " All units of a layer are equal: there is no prediction, and nothing to tell them apart." : "";
    return `${both}${equal} Layer ${at}: activations ${number(seen.forward[at])}, gradients ${number(seen.backward[at])}. ${idleWords(at)}`.trim();
  }
  function tell(words) { note = words; compute(); say(note + report()); }
  const after = (words) => () => tell(words());

  // ---- controls ------------------------------------------------------------------------------------------
  body.append(column(charts, h("p", { class: "cw-note" }, "Dots: this network. Dashes: what the variance recursion says for very wide layers. Both begin near 1.")),
    column(row(select(model, "activation", { label: "Activation", options: ACTIVATIONS.map((name) => [name, name]), then: after(() => `${get("activation")} units. `) }), select(model, "scheme", { label: "First weights", options: SCHEMES, then: after(() => `Weights: ${get("scheme")}. `) })),
      slider(model, "gain", { label: "Gain (times all weights)", min: 0.5, max: 2, step: 0.01, format: (value) => show(value), then: after(() => `Gain ${show(get("gain"))}. `) }),
      slider(model, "depth", { label: "Layers", min: 1, max: 50, then: after(() => `${get("depth")} layer${get("depth") > 1 ? "s" : ""}. `) }),
      row(select(model, "width", { label: "Units a layer", options: [8, 16, 32, 64].map((width) => [width, String(width)]), then: after(() => `${get("width")} units wide. `) }), button("Draw again", () => { update(model, { seed: get("seed") + 1 }); tell(`Draw ${get("seed") + 1}. `); }, { class: "cw-button cw-main sd-draw" })),
      toggle(model, "narrowing", { label: "Narrow to a quarter of the units", then: after(() => (get("narrowing") ? `From ${get("width")} units to ${get("width") / 4}. ` : "The same width everywhere. ")) }),
      h("figure", { class: "cw-figure" }, bars, caption)));

  watch(model, ["activation", "scheme", "gain", "depth", "width", "narrowing", "seed", "layer"], () => {
    compute();
    if (known !== shown) { shown = known; drawCurves(); }
    drawLayer();
    say(note + report());
    note = "";
  });
}
export default { render };
