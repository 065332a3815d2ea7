import { randomNumbers, show, clamp, h, s, update, watch, card, slider, select, toggle, button, row, column, surface, arrows, drag } from "./kit.js";

const WIDTH = 32, BATCH = 16, EPS = 1e-5, COUNT = WIDTH * BATCH, INPUT_SEED = 1000003, TOP_SEED = 2000003;

function normals(next, count) {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i += 2) {
    const length = Math.sqrt(-2 * Math.log(1 - next())), angle = 2 * Math.PI * next();
    out[i] = length * Math.cos(angle);
    out[i + 1] = length * Math.sin(angle);
  }
  return out;
}

// Normal matrices, row by row; a deeper stack has those of the shallower one, and some more.
let held = { seed: null };
function matrices(seed, depth) {
  if (held.seed !== seed) held = { seed, next: randomNumbers(seed), made: [] };
  while (held.made.length < depth) held.made.push(normals(held.next, WIDTH * WIDTH));
  return held.made;
}

// ---- the pieces of a block: forward leaves behind what the way back needs -----------------------------------------

function linear(m, factor) {
  return {
    forward(x) {
      const y = new Float64Array(COUNT);
      for (let b = 0; b < COUNT; b += WIDTH)
        for (let o = 0; o < WIDTH; o++) {
          let sum = 0;
          for (let i = 0, at = o * WIDTH; i < WIDTH; i++) sum += x[b + i] * m[at + i];
          y[b + o] = factor * sum;
        }
      return y;
    },
    backward(g) {
      const x = new Float64Array(COUNT);
      for (let b = 0; b < COUNT; b += WIDTH)
        for (let o = 0; o < WIDTH; o++) {
          const value = factor * g[b + o];
          for (let i = 0, at = o * WIDTH; value !== 0 && i < WIDTH; i++) x[b + i] += value * m[at + i];
        }
      return x;
    },
  };
}

function relu() {
  let kept;
  return {
    forward(x) { kept = new Float64Array(COUNT); for (let i = 0; i < COUNT; i++) if (x[i] > 0) kept[i] = x[i]; return kept; },
    backward(g) { const x = new Float64Array(COUNT); for (let i = 0; i < COUNT; i++) if (kept[i] > 0) x[i] = g[i]; return x; },
  };
}

function norm() {
  const unit = new Float64Array(COUNT), width = new Float64Array(WIDTH);
  return {
    forward(x) {
      for (let o = 0; o < WIDTH; o++) {
        let mean = 0, square = 0;
        for (let i = o; i < COUNT; i += WIDTH) mean += x[i] / BATCH;
        for (let i = o; i < COUNT; i += WIDTH) square += (x[i] - mean) ** 2 / BATCH;
        width[o] = Math.sqrt(square + EPS);
        for (let i = o; i < COUNT; i += WIDTH) unit[i] = (x[i] - mean) / width[o];
      }
      return unit;
    },
    backward(g) {
      const x = new Float64Array(COUNT);
      for (let o = 0; o < WIDTH; o++) {
        let mean = 0, along = 0;
        for (let i = o; i < COUNT; i += WIDTH) { mean += g[i] / BATCH; along += g[i] * unit[i] / BATCH; }
        for (let i = o; i < COUNT; i += WIDTH) x[i] = (g[i] - mean - unit[i] * along) / width[o];
      }
      return x;
    },
  };
}

function sum(a, factor, b) {
  const out = new Float64Array(COUNT);
  for (let i = 0; i < COUNT; i++) out[i] = a[i] + factor * b[i];
  return out;
}
const NONE = new Float64Array(COUNT);
const rms = (values) => { let square = 0; for (let i = 0; i < COUNT; i++) square += values[i] * values[i]; return Math.sqrt(square / COUNT); };

// Root mean squares of signal and gradient at the input and after every block; for every block those of the two parts
// of the gradient at its input, through the branch and past it.
export function trace({ depth, order, norm: normed, gain, scale, seed }, kind) {
  const weights = matrices(seed, depth), factor = gain * Math.sqrt(2 / WIDTH), blocks = [], residual = kind === "residual", made = { forward: [], backward: [], branch: [], skip: [] };
  let x = normals(randomNumbers(INPUT_SEED + seed), COUNT), g = normals(randomNumbers(TOP_SEED + seed), COUNT);
  made.forward.push(rms(x));
  for (let at = 0; at < depth; at += 2) {
    const between = () => (normed ? [norm()] : []), [first, second] = [linear(weights[at], factor), linear(weights[at + 1], factor)];
    const branch = order === "post" ? [first, ...between(), relu(), second, ...between()] : [...between(), relu(), first, ...between(), relu(), second];
    const last = order === "post" ? relu() : null, y = branch.reduce((value, layer) => layer.forward(value), x), before = x;
    x = residual ? sum(before, scale, y) : y;
    if (last) x = last.forward(x);
    blocks.push({ branch, last });
    made.forward.push(rms(x));
  }
  made.backward.push(rms(g));
  for (const { branch, last } of blocks.reverse()) {
    if (last) g = last.backward(g);
    const skip = g, way = branch.reduceRight((value, layer) => layer.backward(value), residual ? sum(NONE, scale, g) : g);
    g = residual ? sum(way, 1, skip) : way;
    made.backward.unshift(rms(g));
    made.branch.unshift(rms(way));
    made.skip.unshift(residual ? rms(skip) : 0);
  }
  return made;
}

// Shares of the gradient's square that went through 0, 1, ... branches, if its parts are at right angles.
export function paths(branch, skip) {
  let shares = [1];
  branch.forEach((b, i) => {
    const whole = b * b + skip[i] * skip[i], p = whole > 0 ? b * b / whole : 0;
    shares = Array.from({ length: shares.length + 1 }, (_, k) => (shares[k] ?? 0) * (1 - p) + (k ? shares[k - 1] * p : 0));
  });
  return shares;
}

const LEFT = 50, WIDE = 344, HIGH = 172, TOPS = [28, 256], KINDS = ["plain", "residual"];
const raise = (power) => "10" + String(power).replace(/./g, (c) => ({ "-": "\u207b", 1: "\u00b9", 2: "\u00b2", 3: "\u00b3" })[c] ?? String.fromCharCode(0x2070 + Number(c)));
function number(value) {
  if (value === 0 || (value >= 0.001 && value < 1000)) return String(Number(value.toPrecision(2)));
  if (!Number.isFinite(value)) return "beyond all numbers";
  const [digit, power] = value.toExponential(0).split("e");
  return `${digit}\u00b7${raise(Number(power))}`;
}

function render({ model, el }) {
  const { body, say } = card(el, "Plain and residual: signal and gradient",
    "Two stacks of the same random weights, one with shortcuts. Make them deeper, and find settings in which a gradient still reaches the first block.");
  const get = (name) => model.get(name), DIALS = ["norm", "order", "gain", "scale"], NAMES = ["depth", ...DIALS, "seed"];
  const config = () => Object.fromEntries(NAMES.map((name) => [name, get(name)])), blocks = () => get("depth") / 2, block = () => clamp(get("block"), 1, blocks());
  let seen = null, plain = null, still = "", known = "", shown = "", note = "";
  function compute() {
    const now = config(), key = JSON.stringify(now);
    if (key === known) return;
    known = key;
    const { scale, ...rest } = now, twin = JSON.stringify(rest);   // the plain stack has no branch to scale
    if (twin !== still) plain = trace(now, "plain");
    still = twin;
    seen = { plain, residual: trace(now, "residual") };
  }

  // ---- the two ways ------------------------------------------------------------------------------------------
  const curves = s("g"), cursor = s("g"), charts = surface(s("svg", { viewBox: `0 0 ${LEFT + WIDE + 10} 450`, class: "rw-charts" }, curves, cursor),
    "Size of signal and gradient, block by block, plain and residual. Left and right arrow keys choose a block.", {
      ...arrows((dx, dy) => look(block() + dx - dy)), Home: () => look(1), End: () => look(blocks()),
    });
  const look = (value) => {
    const to = clamp(value, 1, blocks());
    if (to === get("block")) return say(`Block ${to} is the ${to === 1 ? "first" : "last"}. ${part()}`);
    update(model, { block: to });
  };
  const fromX = (fx) => update(model, { block: clamp(Math.round((fx * (LEFT + WIDE + 10) - LEFT) / WIDE * blocks()), 1, blocks()) });
  drag(charts, { down: fromX, move: fromX });
  const toX = (at) => LEFT + WIDE * at / blocks();
  function drawCurves() {
    curves.replaceChildren(...["forward", "backward"].flatMap((way, k) => {
      const powers = KINDS.flatMap((kind) => seen[kind][way]).filter((value) => value > 0 && Number.isFinite(value)).map(Math.log10);
      const low = Math.max(-12, Math.floor(Math.min(-1, ...powers))), high = Math.min(12, Math.ceil(Math.max(1, ...powers))), by = Math.ceil((high - low) / 6), top = TOPS[k];
      const toY = (value) => top + HIGH * (high - clamp(value > 0 ? Math.log10(value) : low, low, high)) / (high - low);
      const ticks = Array.from({ length: high - low + 1 }, (_, i) => low + i).filter((power) => power % by === 0);
      return [s("text", { x: LEFT, y: top - 11, class: "rw-head" }, k ? "gradient that arrives at each block" : "signal after each block"),
        ...ticks.flatMap((power) => [s("line", { x1: LEFT, x2: LEFT + WIDE, y1: toY(10 ** power), y2: toY(10 ** power), class: power ? "rw-grid" : "rw-one" }), s("text", { x: LEFT - 6, y: toY(10 ** power) + 5, "text-anchor": "end", class: "rw-small" }, power ? raise(power) : "1")]),
        s("path", { d: `M${LEFT} ${top}V${top + HIGH}H${LEFT + WIDE}`, class: "rw-axis" }),
        ...[0, blocks()].map((at) => s("text", { x: toX(at), y: top + HIGH + 17, "text-anchor": at ? "end" : "start", class: "rw-small" }, at ? `block ${at}` : "input")),
        ...KINDS.map((kind) => s("path", { d: `M${seen[kind][way].map((value, at) => `${toX(at).toFixed(1)} ${toY(value).toFixed(1)}`).join("L")}`, class: `rw-line rw-${kind}` }))];
    }));
  }
  function drawCursor() {
    const x = toX(block());
    cursor.replaceChildren(...TOPS.map((top) => s("line", { x1: x, x2: x, y1: top, y2: top + HIGH, class: "rw-here" })));
  }

  // ---- paths of the gradient -----------------------------------------------------------------------------------
  const bars = s("svg", { viewBox: "0 0 320 150", "aria-hidden": "true" }), caption = h("figcaption");
  function drawPaths() {
    const n = blocks(), shares = paths(seen.residual.branch, seen.residual.skip), all = paths(new Array(n).fill(1), new Array(n).fill(1)), most = Math.max(...shares, ...all), wide = 312 / (n + 1);
    const toX2 = (k) => 4 + wide * k, mean = shares.reduce((sum, share, k) => sum + k * share, 0);
    bars.replaceChildren(...shares.map((share, k) => s("rect", { x: toX2(k) + wide * 0.1, y: 122 - 112 * share / most, width: wide * 0.8, height: 112 * share / most, class: "rw-bar" })),
      s("path", { d: all.map((share, k) => `${k ? "L" : "M"}${(toX2(k) + wide / 2).toFixed(1)} ${(122 - 112 * share / most).toFixed(1)}`).join(""), class: "rw-all" }), s("path", { d: "M0 122H320", class: "rw-axis" }),
      s("text", { x: toX2(0) + wide / 2, y: 140, class: "rw-small" }, "0"), s("text", { x: 316, y: 140, "text-anchor": "end", class: "rw-small" }, `${n} branches`));
    caption.replaceChildren(h("strong", {}, "How deep is the residual stack for the gradient? "), `Bars: share of the gradient that passed so many of its ${n} branches, ${show(mean, 1)} on average. Line: share of all 2${String(n).replace(/\d/g, (c) => ({ 1: "\u00b9", 2: "\u00b2", 3: "\u00b3" })[c] ?? String.fromCharCode(0x2070 + Number(c)))} paths, ${show(n / 2, 1)} on average. The plain stack has one path, through all ${n}.`);
    return mean;
  }

  // ---- words -------------------------------------------------------------------------------------------------
  const verdict = (ratio) => (ratio === 0 ? "is gone" : ratio < 0.01 ? "vanishes" : ratio > 100 ? "explodes" : "is kept");
  const part = () => { const i = block() - 1, { branch, skip } = seen.residual; return `Block ${i + 1}, residual: gradient ${number(skip[i])} past the branch, ${number(branch[i])} through it.`; };
  function report() {
    const said = KINDS.map((kind) => { const { forward, backward } = seen[kind]; return `${kind[0].toUpperCase()}${kind.slice(1)}: the signal ${verdict(forward.at(-1) / forward[0])} (${number(forward.at(-1))}), the gradient ${verdict(backward[0] / backward.at(-1))} (${number(backward[0])} at the input).`; });
    return `${said.join(" ")} ${part()}`;
  }

  // ---- controls ----------------------------------------------------------------------------------------------
  const own = (words) => () => { const made = Object.entries(get("scenes")).find(([, dials]) => DIALS.every((name) => dials[name] === get(name))); update(model, { scene: made?.[0] ?? "own" }); note = words(); };
  const sample = (kind) => h("span", {}, s("svg", { viewBox: "0 0 34 8", class: "rw-key", "aria-hidden": "true" }, s("path", { d: "M1 4H33", class: `rw-line rw-${kind}` })), kind);
  body.append(column(h("div", { class: "rw-legend" }, ...KINDS.map(sample)), charts, h("p", { class: "cw-note" }, "Root mean squares on a logarithmic scale. The signal starts near 1 at the left end, the gradient near 1 at the right end.")),
    column(select(model, "scene", { label: "Try", options: [...Object.keys(get("scenes")).map((name) => [name, name]), ["own", "your own setting"]], then: () => { note = `${get("scene") === "own" ? "Your own setting" : get("scene")[0].toUpperCase() + get("scene").slice(1)}. `; update(model, get("scenes")[get("scene")] ?? {}); } }),
      slider(model, "depth", { label: "Layers (two in a block)", min: 2, max: 100, step: 2, then: () => { note = `${get("depth")} layers. `; } }),
      slider(model, "scale", { label: "Scale of every branch", min: 0, max: 1, step: 0.01, format: (value) => show(value), then: own(() => `x + ${show(get("scale"))}\u00b7F(x). `) }),
      slider(model, "gain", { label: "Gain on He\u2019s weights", min: 0.25, max: 2, step: 0.01, format: (value) => show(value), then: own(() => `Gain ${show(get("gain"))}. `) }),
      row(select(model, "order", { label: "Block", options: [["pre", "pre-activation"], ["post", "ReLU after the sum"]], then: own(() => (get("order") === "pre" ? "x + F(x), nothing after the sum. " : "ReLU(x + F(x)). ")) }), button("Draw again", () => { note = `Draw ${get("seed") + 2}. `; update(model, { seed: get("seed") + 1 }); }, { class: "cw-button cw-main rw-draw" })),
      toggle(model, "norm", { label: "Batch normalisation in the branches", then: own(() => (get("norm") ? "With batch normalisation. " : "Without normalisation. ")) }),
      h("figure", { class: "cw-figure" }, bars, caption)));

  watch(model, [...NAMES, "scene", "block"], () => {
    compute();
    if (known !== shown) { shown = known; drawCurves(); drawPaths(); }
    drawCursor();
    say(note + (note ? report() : `${part()} ${report().replace(` ${part()}`, "")}`));
    note = "";
  });
}
export default { render };
