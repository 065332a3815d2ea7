import { randomNumbers, show, clamp, h, s, update, watch, card, slider, select, button, row, column, surface, arrows, drag, uid, reducedMotion, ticker, onTheme, themeColor } from "./kit.js";

const RULES = ["gradient descent", "momentum", "Nesterov", "RMSProp", "Adam", "Newton"];
const MAX_STEPS = 500, GOAL = 0.01, AWAY = 1e4;

// The steep curvature of the two quadratics and the direction of the flat one.
function axes(name, { condition, turn }) {
  const angle = turn * Math.PI / 180;
  return name === "ravine" ? [condition, Math.cos(angle), Math.sin(angle)] : [1, 1, 0];
}

// The loss at (x, y); the least value of every surface is 0.
export function height(name, shape, x, y) {
  if (name === "Rosenbrock") return (1 - x) ** 2 + 100 * (y - x * x) ** 2;
  if (name === "saddle") return 2 * x * x + (y * y - 1) ** 2 / 4;
  if (name === "two basins") return x ** 4 / 4 + x ** 3 / 6 - 0.75 * x * x + 0.984375 + y * y;
  const [steep, c, sn] = axes(name, shape);
  return ((c * x + sn * y) ** 2 + steep * (c * y - sn * x) ** 2) / 2;
}

export function slope(name, shape, x, y) {
  if (name === "Rosenbrock") return [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)];
  if (name === "saddle") return [4 * x, y * (y * y - 1)];
  if (name === "two basins") return [x ** 3 + x * x / 2 - 1.5 * x, 2 * y];
  const [steep, c, sn] = axes(name, shape), along = c * x + sn * y, across = steep * (c * y - sn * x);
  return [c * along - sn * across, sn * along + c * across];
}

// Second derivatives: by x twice, by x and y, by y twice.
export function bend(name, shape, x, y) {
  if (name === "Rosenbrock") return [2 - 400 * y + 1200 * x * x, -400 * x, 200];
  if (name === "saddle") return [4, 0, 3 * y * y - 1];
  if (name === "two basins") return [3 * x * x + x - 1.5, 0, 2];
  const [steep, c, sn] = axes(name, shape);
  return [c * c + steep * sn * sn, c * sn * (1 - steep), sn * sn + steep * c * c];
}

// Pairs of standard normal numbers.
export function noiseOf(seed, steps) {
  const next = randomNumbers(seed);
  return Array.from({ length: steps }, () => {
    const length = Math.sqrt(-2 * Math.log(1 - next())), angle = 2 * Math.PI * next();
    return [length * Math.cos(angle), length * Math.sin(angle)];
  });
}

// The points that one optimiser visits, fewer than steps + 1 if a coordinate leaves +-10,000.
export function walk(name, shape, rule, { lr, adaptive_lr: rate, alpha, beta, noise, seed }, start, steps) {
  const path = [[...start]], pairs = noise ? noiseOf(seed, steps) : [], v = [0, 0], mean = [0, 0], square = [0, 0];
  let w = path[0];
  for (let t = 1; t <= steps; t++) {
    const g = slope(name, shape, w[0], w[1]);
    if (noise) { g[0] += noise * pairs[t - 1][0]; g[1] += noise * pairs[t - 1][1]; }
    if (rule === "Newton") {
      const [xx, xy, yy] = bend(name, shape, w[0], w[1]), det = xx * yy - xy * xy;
      if (det !== 0) w = [w[0] - (yy * g[0] - xy * g[1]) / det, w[1] - (xx * g[1] - xy * g[0]) / det];
    } else w = w.map((value, i) => {
      if (rule === "gradient descent") return value - lr * g[i];
      if (rule === "momentum" || rule === "Nesterov") {
        v[i] = alpha * v[i] + lr * g[i];
        return value - (rule === "Nesterov" ? alpha * v[i] + lr * g[i] : v[i]);
      }
      square[i] = beta * square[i] + (1 - beta) * g[i] * g[i];
      if (rule === "RMSProp") return value - rate * g[i] / (Math.sqrt(square[i]) + 1e-8);
      mean[i] = alpha * mean[i] + (1 - alpha) * g[i];
      return value - rate * mean[i] / (1 - alpha ** t) / (Math.sqrt(square[i] / (1 - beta ** t)) + 1e-8);
    });
    if (!(Math.abs(w[0]) < AWAY && Math.abs(w[1]) < AWAY)) break;
    path.push(w);
  }
  return path;
}

// The learning rate above which a rule diverges on a quadratic.
export function limit(rule, largest, alpha) {
  if (rule === "gradient descent") return 2 / largest;
  if (rule === "momentum") return 2 * (1 + alpha) / largest;
  return rule === "Nesterov" ? 2 * (1 + alpha) / (1 + 2 * alpha) / largest : null;
}

export function firstBelow(losses, goal) {
  return losses.findIndex((value) => value < goal);
}

const SIZE = 400, CELLS = 280, CHART = { left: 46, top: 8, wide: 340, high: 150 };
const digits = (value) => String(Number(value.toPrecision(3)));
const band = (loss) => clamp(Math.floor(2 * Math.log10(Math.max(loss, 1e-9)) + 6), 0, 12);
const scientific = (value) => (value >= 0.01 && value < 1000 ? digits(value) : value === 0 ? "0" : value.toExponential(0).replace("e+", "e").replace("-", "\u2212"));
// One shape for each walker, so that colour is not all that tells them apart.
const MARKS = ["M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0z", "M-5.5 -5.5h11v11h-11z", "M0 -7.5l6.5 12h-13z", "M0 7.5l6.5 -12h-13z", "M0 -8l6 8l-6 8l-6 -8z", "M-2.2 -7h4.4v4.8h4.8v4.4h-4.8v4.8h-4.4v-4.8h-4.8v-4.4h4.8z"];

function render({ model, el }) {
  const { body, say } = card(el, "Optimisers on a surface",
    "Drag the ring: all walkers start there. Then play, and look who gets to the cross first, and who never does.");
  const get = (name) => model.get(name), surfaces = get("surfaces"), stamp = uid("clip");
  const shape = () => ({ condition: get("condition"), turn: get("turn") });
  const quadratic = () => get("surface") === "ravine" || get("surface") === "noisy bowl";
  const largest = () => (get("surface") === "ravine" ? get("condition") : 1);
  let walkers = [], note = "", known = "";

  function compute() {
    const settings = Object.fromEntries(["lr", "adaptive_lr", "alpha", "beta", "noise", "seed"].map((name) => [name, get(name)]));
    const key = JSON.stringify([settings, get("surface"), shape(), get("start"), get("shown")]);
    if (key === known) return;
    known = key;
    walkers = RULES.map((rule, i) => {
      if (!get("shown").includes(rule)) return null;
      const path = walk(get("surface"), shape(), rule, settings, get("start"), MAX_STEPS), losses = path.map(([x, y]) => height(get("surface"), shape(), x, y));
      const most = quadratic() ? limit(rule, largest(), get("alpha")) : null;
      return { rule, i, path, losses, reached: firstBelow(losses, GOAL), most: most !== null && get("lr") > most ? most : null };
    }).filter(Boolean);
  }

  // ---- the surface ---------------------------------------------------------------------------------------
  const ground = h("canvas", { width: CELLS, height: CELLS, "aria-hidden": "true" }), ticks = s("g"), paths = s("g", { "clip-path": `url(#${stamp})` }), front = s("g");
  const view = () => surfaces[get("surface")].view;
  const toX = (x) => SIZE * ((x - view()[0]) / view()[2] + 1) / 2, toY = (y) => SIZE * (1 - (y - view()[1]) / view()[2]) / 2;
  function put(x, y) {
    const [a, b, half] = view();
    update(model, { start: [clamp(Math.round(x * 100) / 100, a - half, a + half), clamp(Math.round(y * 100) / 100, b - half, b + half)] });
    tell(`Start at (${get("start").map((value) => show(value)).join(", ")}). `);
  }
  const plane = surface(h("div", { class: "os-plane" }, ground, s("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-hidden": "true" },
    s("defs", {}, s("clipPath", { id: stamp }, s("rect", { width: SIZE, height: SIZE }))), ticks, paths, front)),
  "The surface from above. Arrow keys move the start, with Shift in small steps; Enter makes one step.", {
    ...arrows((dx, dy, event) => { const by = event.shiftKey ? 0.01 : 0.1, [x, y] = get("start"); put(x + dx * by, y - dy * by); }),
    Enter: () => step(1),
  });
  const fromPointer = (fx, fy) => { const [a, b, half] = view(); put(a + (2 * fx - 1) * half, b + (1 - 2 * fy) * half); };
  drag(plane, { down: fromPointer, move: fromPointer });
  function drawGround() {
    const context = ground.getContext("2d"), image = context.createImageData(CELLS, CELLS), { data } = image, [a, b, half] = view(), form = shape(), name = get("surface");
    const [low, high] = ["card", "sky"].map((color) => [1, 3, 5].map((i) => parseInt(themeColor(el, color).slice(i, i + 2), 16)));
    const bands = new Uint8Array(CELLS * CELLS);
    for (let n = 0; n < CELLS * CELLS; n++) bands[n] = band(height(name, form, a + half * (2 * (n % CELLS + 0.5) / CELLS - 1), b + half * (1 - 2 * (Math.floor(n / CELLS) + 0.5) / CELLS)));
    for (let n = 0; n < CELLS * CELLS; n++) {
      const edge = (n % CELLS < CELLS - 1 && bands[n] !== bands[n + 1]) || (n + CELLS < CELLS * CELLS && bands[n] !== bands[n + CELLS]), share = 0.04 + bands[n] * 0.05 + (edge ? 0.22 : 0);
      for (let k = 0; k < 3; k++) data[4 * n + k] = low[k] + share * (high[k] - low[k]);
      data[4 * n + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    const marks = [-1, 0, 1].map((m) => m * (half > 2 ? 2 : 1));
    ticks.replaceChildren(...marks.flatMap((m) => [s("text", { x: toX(a + m), y: SIZE - 6, "text-anchor": "middle" }, show(a + m, 0)), s("text", { x: 6, y: toY(b + m) + 5 }, show(b + m, 0))]),
      s("text", { x: SIZE - 8, y: SIZE - 6, "text-anchor": "end" }, "w\u2081"), s("text", { x: 6, y: 18 }, "w\u2082"));
  }
  function drawPaths() {
    const t = get("steps"), [x, y] = get("start"), least = get("minima")[get("surface")] ?? [[0, 0]];
    paths.replaceChildren(...walkers.flatMap(({ i, path }) => {
      const points = path.slice(0, t + 1).map(([u, v]) => `${clamp(toX(u), -999, 1999).toFixed(1)} ${clamp(toY(v), -999, 1999).toFixed(1)}`);
      return [s("path", { d: `M${points.join("L")}`, class: `os-line os-${i}` }), t <= 120 ? s("path", { d: points.map((p) => `M${p}h0`).join(""), class: `os-dots os-${i}` }) : null].filter(Boolean);
    }));
    front.replaceChildren(s("circle", { cx: toX(x), cy: toY(y), r: 7, class: "os-start" }),
      ...(t ? walkers.map(({ i, path }) => {
        const [u, v] = path[Math.min(t, path.length - 1)];
        return s("path", { d: MARKS[i], transform: `translate(${clamp(toX(u), 0, SIZE).toFixed(1)} ${clamp(toY(v), 0, SIZE).toFixed(1)})`, class: `os-mark os-${i}` });
      }) : []), ...least.map(([u, v]) => s("path", { d: `M${toX(u) - 9} ${toY(v) - 9}l18 18m0 -18l-18 18`, class: "os-min" })));
  }

  // ---- the loss step by step -----------------------------------------------------------------------------
  const chart = s("svg", { viewBox: `0 0 ${CHART.left + CHART.wide + 14} 196`, class: "os-chart", role: "img", "aria-label": "Loss against steps, on a logarithmic axis; the table beside it has the numbers." });
  function drawChart() {
    const t = get("steps"), across = [25, 50, 100, 200, MAX_STEPS].find((count) => t <= count), { left, top, wide, high } = CHART;
    const first = height(get("surface"), shape(), ...get("start")), most = Math.max(1, Math.ceil(Math.log10(Math.max(first, 1e-3)))), least = -6;
    const x = (step) => left + wide * step / across, y = (loss) => top + high * (most - clamp(Math.log10(Math.max(loss, 1e-9)), least, most)) / (most - least);
    const powers = Array.from({ length: most - least + 1 }, (_, k) => least + k);
    chart.replaceChildren(...powers.flatMap((p) => [s("line", { x1: left, x2: left + wide, y1: y(10 ** p), y2: y(10 ** p), class: "os-grid" }), p % 2 && powers.length > 6 ? null : s("text", { x: left - 6, y: y(10 ** p) + 4, "text-anchor": "end" }, p >= -2 ? digits(10 ** p) : `1e\u2212${-p}`)].filter(Boolean)),
      s("path", { d: `M${left} ${top}V${top + high}H${left + wide}`, class: "os-axis" }), s("line", { x1: left, x2: left + wide, y1: y(GOAL), y2: y(GOAL), class: "os-goal" }),
      ...[0, 0.5, 1].map((part) => s("text", { x: x(part * across), y: top + high + 16, "text-anchor": part === 1 ? "end" : part ? "middle" : "start" }, part === 1 ? `${across}` : String(Math.round(part * across)))),
      s("text", { x: left + wide / 2, y: top + high + 34, "text-anchor": "middle" }, "step"), s("text", { x: left + wide, y: y(GOAL) - 4, "text-anchor": "end" }, "goal"),
      ...walkers.map(({ i, losses }) => s("path", { d: `M${losses.slice(0, t + 1).map((loss, n) => `${x(n).toFixed(1)} ${y(loss).toFixed(1)}`).join("L")}`, class: `os-line os-${i}` })),
      ...walkers.map(({ i, losses }) => { const n = Math.min(t, losses.length - 1); return s("path", { d: MARKS[i], transform: `translate(${x(n).toFixed(1)} ${y(losses[n]).toFixed(1)}) scale(.7)`, class: `os-mark os-${i}` }); }));
  }

  // ---- the walkers ---------------------------------------------------------------------------------------
  const cells = RULES.map((rule, i) => {
    const box = h("input", { type: "checkbox" }), loss = h("td"), since = h("td");
    box.addEventListener("change", () => {
      update(model, { shown: RULES.filter((one) => (one === rule ? box.checked : get("shown").includes(one))) });
      tell(`${rule[0].toUpperCase()}${rule.slice(1)} ${box.checked ? "walks" : "rests"}. `);
    });
    const swatch = s("svg", { viewBox: "-17 -8 34 16", class: "os-swatch", "aria-hidden": "true" }, s("path", { d: "M-16 0H16", class: `os-line os-${i}` }), s("path", { d: MARKS[i], class: `os-mark os-${i}` }));
    return { box, loss, since, line: h("tr", {}, h("th", { scope: "row" }, h("label", { class: "cw-check" }, box, swatch, h("span", {}, rule))), loss, since) };
  });
  function fate(walker) {
    const t = get("steps");
    if (walker.most !== null) return "diverges";
    if (walker.path.length <= t) return "ran away";
    return walker.reached >= 0 && walker.reached <= t ? String(walker.reached) : "\u2013";
  }
  function drawTable() {
    const t = get("steps");
    cells.forEach(({ box, loss, since }, i) => {
      const walker = walkers.find((one) => one.i === i);
      box.checked = Boolean(walker);
      loss.textContent = walker ? (walker.path.length <= t ? "\u221e" : scientific(walker.losses[t])) : "";
      since.textContent = walker ? fate(walker) : "";
    });
  }
  function report() {
    const t = get("steps"), words = walkers.map((walker) => {
      const { rule, losses, path, reached, most } = walker, factor = rule === "gradient descent" ? "2" : rule === "momentum" ? "2(1 + \u03b1)" : "2(1 + \u03b1)/(1 + 2\u03b1)";
      if (most !== null) return `${rule} diverges, because \u03b7 = ${digits(get("lr"))} > ${factor}/\u03bb\u2098\u2090\u2093 = ${digits(most)}`;
      if (path.length <= t) return `${rule} ran away after ${path.length - 1} steps: its rate is too large here`;
      if (reached >= 0 && reached <= t) return `${rule} below ${GOAL} after ${reached} step${reached === 1 ? "" : "s"}`;
      const still = !get("noise") && losses[t] > GOAL && Math.hypot(...slope(get("surface"), shape(), ...path[t])) < 1e-4;
      return still ? `${rule} rests at loss ${scientific(losses[t])}, where the slope is 0` : `${rule} at loss ${scientific(losses[t])}`;
    });
    return `Step ${t}: ${words.join("; ") || "no walker is chosen"}.`;
  }
  function tell(words) { note = words; compute(); finish(); }
  function finish() { say(note + report()); }

  // ---- time ----------------------------------------------------------------------------------------------
  const done = () => get("steps") >= MAX_STEPS || (get("steps") > 0 && walkers.every((one) => one.path.length <= get("steps") || (one.reached >= 0 && one.reached <= get("steps"))));
  function go(t, words) { note = words; update(model, { steps: clamp(t, 0, MAX_STEPS) }); finish(); }
  function step(count) {
    clock.stop();
    if (get("steps") >= MAX_STEPS) return say(`${MAX_STEPS} steps are the most that are drawn here. ${report()}`);
    go(get("steps") + count, "");
  }
  let told = 0;
  const clock = ticker(70, () => {
    const t = get("steps");
    if (done()) { note = ""; finish(); return false; }
    update(model, { steps: Math.min(MAX_STEPS, t + Math.ceil((t + 1) / 50)) });
    if (Date.now() - told > 1500) { told = Date.now(); note = ""; finish(); }
  }, (running) => { playButton.textContent = running ? "Pause" : "Play"; });
  const playButton = button("Play", () => {
    if (reducedMotion()) return go(MAX_STEPS, "To the end at once. ");
    if (!clock.running && done()) update(model, { steps: 0 });
    clock.flip();
    note = clock.running ? "Walking. " : "Paused. ";
    finish();
  }, { class: "cw-button cw-main" });

  // ---- controls ------------------------------------------------------------------------------------------
  const after = (words) => () => tell(words());
  // a slider over the logarithm of a part of the state
  const logSlider = (name, low, high, label) => slider({ get: () => Math.log10(get(name)), on: model.on.bind(model), set: (_, value) => model.set(name, Number((10 ** value).toPrecision(2))), save_changes: () => model.save_changes() },
    name, { label, min: low, max: high, step: 0.02, format: (value) => digits(10 ** value), then: after(() => (name === "condition" ? `Curvatures 1 and ${digits(get(name))}. ` : `Rate ${digits(get(name))}. `)) });
  const condition = logSlider("condition", 0, 3, "Condition number \u03ba");
  const turn = slider(model, "turn", { label: "Ravine turned by", min: -45, max: 45, format: (value) => `${show(value, 0)}\u00b0`, then: after(() => (get("turn") ? `The ravine lies at ${show(get("turn"), 0)}\u00b0 to the axes. ` : "The ravine lies along an axis. ")) });
  body.classList.add("os-body");
  body.append(column(plane, row(playButton, button("Step", () => step(1)), button("To the end", () => { clock.stop(); go(MAX_STEPS, "To the end. "); }), button("Back", () => { clock.stop(); go(0, "Back at the start. "); })),
    slider(model, "steps", { label: "Steps", min: 0, max: MAX_STEPS, then: () => { clock.stop(); go(get("steps"), ""); } })),
  column(select(model, "surface", { label: "Surface", options: Object.keys(surfaces).map((name) => [name, name]), then: () => {
    clock.stop();
    const { start, lr, adaptive_lr, noise } = surfaces[get("surface")];
    update(model, { start, lr, adaptive_lr, noise });
    tell(`${get("surface")[0].toUpperCase()}${get("surface").slice(1)}. `);
  } }), h("table", { class: "os-table" }, h("thead", {}, h("tr", {}, ...["walker", "loss now", `steps to ${GOAL}`].map((words) => h("th", { scope: "col" }, words)))), h("tbody", {}, ...cells.map((one) => one.line))), chart),
  h("div", { class: "cw-wide os-controls" }, condition, turn,
    logSlider("lr", -4, 0.3, "Rate \u03b7: descent, momentum, Nesterov"), logSlider("adaptive_lr", -3, 0, "Rate \u03b7: RMSProp, Adam"),
    slider(model, "alpha", { label: "Momentum \u03b1 (Adam\u2019s \u03b2\u2081)", min: 0, max: 0.99, step: 0.01, format: (value) => show(value), then: after(() => `Momentum keeps ${show(get("alpha"))} of its velocity. `) }),
    slider(model, "beta", { label: "Decay \u03b2 (Adam\u2019s \u03b2\u2082)", min: 0, max: 0.999, step: 0.001, format: (value) => show(value, 3), then: after(() => `The mean of squares keeps ${show(get("beta"), 3)}. `) }),
    slider(model, "noise", { label: "Noise of the gradient", min: 0, max: 3, step: 0.1, format: (value) => show(value, 1), then: after(() => (get("noise") ? `Every gradient is off by about ${show(get("noise"), 1)}. ` : "Exact gradients. ")) })),
  h("p", { class: "cw-note cw-wide" }, "Shades: bands of equal loss, two a decade. Newton has no rate: it divides by the curvature. The mark of a walker that leaves the picture stays at its edge."));

  watch(model, ["surface", "condition", "turn"], () => { condition.hidden = turn.hidden = get("surface") !== "ravine"; drawGround(); });
  watch(model, ["surface", "condition", "turn", "start", "shown", "lr", "adaptive_lr", "alpha", "beta", "noise", "seed", "steps"], () => {
    compute();
    drawPaths();
    drawChart();
    drawTable();
    if (!clock.running) { finish(); note = ""; }
  });
  const forget = onTheme(drawGround);
  return () => { clock.stop(); forget(); };
}
export default { render };
