import { randomNumbers, permutation, show, clamp, h, s, update, watch, card, slider, select, toggle, button, row, column, surface, arrows, reducedMotion, onTheme, themeColor } from "./kit.js";

const COUNT = 240, EXTENT = 3, MAX_UNITS = 8;

// Points [x1, x2, label] with labels +1 and -1 in turn.
export function makeData(kind, count, noise, seed) {
  const next = randomNumbers(seed), { sqrt, log, cos, sin, PI } = Math;
  const normal = () => sqrt(-2 * log(1 - next())) * cos(2 * PI * next());
  return Array.from({ length: count }, (_, i) => {
    const label = 1 - 2 * (i % 2), u = next(), v = next();
    let x, y;
    if (kind === "blobs") { x = 1.3 * label + 0.5 * normal(); y = 1.3 * label + 0.5 * normal(); }
    else if (kind === "XOR") { x = (0.2 + 2.3 * u) * (i % 4 < 2 ? 1 : -1); y = (0.2 + 2.3 * v) * label * (x > 0 ? 1 : -1); }
    else if (kind === "circles") {
      const radius = label > 0 ? 1.1 * sqrt(u) : 1.8 + 0.7 * u;
      x = radius * cos(2 * PI * v); y = radius * sin(2 * PI * v);
    } else if (kind === "moons") { x = label * 1.6 * cos(PI * u) - 0.8 * label; y = label * (1.6 * sin(PI * u) - 0.45); }
    else {
      const angle = 3.5 * PI * u + (label < 0 ? PI : 0);
      x = (0.15 + 2.4 * u) * sin(angle); y = (0.15 + 2.4 * u) * cos(angle);
    }
    x += noise * normal(); y += noise * normal();
    return [clamp(x, -2.95, 2.95), clamp(y, -2.95, 2.95), label];
  });
}

// Four points to the training set, four to the test set, in turn.
export const split = (points) => [points.filter((_, i) => i % 8 < 4), points.filter((_, i) => i % 8 >= 4)];

// Weights uniform in +-sqrt(6 / n), n the inputs for ReLU, inputs and outputs otherwise; biases 0.
export function initial(sizes, activation, seed) {
  const next = randomNumbers(seed);
  return sizes.slice(1).map((units, depth) => {
    const reach = Math.sqrt(6 / (activation === "ReLU" ? sizes[depth] : sizes[depth] + units));
    return { W: Array.from({ length: units }, () => Array.from({ length: sizes[depth] }, () => reach * (2 * next() - 1))), b: new Array(units).fill(0) };
  });
}

const ACTIVATE = { linear: (a) => a, tanh: Math.tanh, ReLU: (a) => Math.max(a, 0), sigmoid: (a) => 1 / (1 + Math.exp(-a)) };
// The derivative at the place where the activation is x.
const SLOPE = { linear: () => 1, tanh: (x) => 1 - x * x, ReLU: (x) => (x > 0 ? 1 : 0), sigmoid: (x) => x * (1 - x) };
const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

// The activations of every layer for one input; the last one holds the score.
export function forward(layers, activation, x) {
  const act = ACTIVATE[activation], out = [];
  for (let depth = 0, values = x; depth < layers.length; depth++) {
    const { W, b } = layers[depth], result = new Array(b.length);
    for (let i = 0; i < b.length; i++) {
      let a = b[i];
      for (let j = 0; j < W[i].length; j++) a += W[i][j] * values[j];
      result[i] = depth < layers.length - 1 ? act(a) : a;
    }
    out.push(values = result);
  }
  return out;
}

// The mean of log(1 + exp(-y f)), and the gradients of it plus l2 / 2 times the sum of squared weights.
export function gradients(layers, activation, points, l2) {
  const slope = SLOPE[activation], sums = layers.map(({ W, b }) => ({ W: W.map((line) => line.map((w) => l2 * w)), b: b.map(() => 0) }));
  let loss = 0;
  for (const [x1, x2, y] of points) {
    const values = [[x1, x2], ...forward(layers, activation, [x1, x2])], signed = y * values[layers.length][0];
    loss += softplus(-signed) / points.length;
    let delta = [-y / (1 + Math.exp(signed)) / points.length];
    for (let depth = layers.length - 1; depth >= 0; depth--) {
      const input = values[depth], { W } = layers[depth], sum = sums[depth], below = new Array(input.length).fill(0);
      for (let i = 0; i < delta.length; i++) {
        sum.b[i] += delta[i];
        for (let j = 0; j < below.length; j++) { sum.W[i][j] += delta[i] * input[j]; below[j] += delta[i] * W[i][j]; }
      }
      delta = depth ? below.map((value, j) => value * slope(input[j])) : [];
    }
  }
  return { loss, layers: sums };
}

// `steps` steps of stochastic gradient descent after the first `first`; each epoch has an order of its own.
export function train(layers, activation, points, settings, first, steps) {
  const { lr, batch_size: size, l2, seed } = settings, inEpoch = Math.ceil(points.length / size);
  for (let t = first, order = null; t < first + steps; t++) {
    const turn = t % inEpoch;
    if (!order || turn === 0) order = permutation(points.length, seed + Math.floor(t / inEpoch));
    const slopes = gradients(layers, activation, order.slice(turn * size, (turn + 1) * size).map((i) => points[i]), l2).layers;
    layers = layers.map(({ W, b }, d) => ({ W: W.map((line, i) => line.map((w, j) => w - lr * slopes[d].W[i][j])), b: b.map((one, i) => one - lr * slopes[d].b[i]) }));
  }
  return layers;
}

export function evaluate(layers, activation, points) {
  const signed = points.map(([x1, x2, y]) => y * forward(layers, activation, [x1, x2])[layers.length - 1][0]);
  return { loss: signed.reduce((sum, value) => sum + softplus(-value), 0) / signed.length, error: signed.filter((value) => !(value > 0)).length / signed.length };
}

const SIZE = 360, CELLS = 44, ROW = 42, KEEP = 240;
const RATES = [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3], BATCHES = [1, 5, 10, 30, 120], PENALTIES = [0, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1];
const low = (n) => String(n).replace(/./g, (digit) => "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089"[digit]);
const toX = (x) => SIZE * (x / EXTENT + 1) / 2, toY = (y) => SIZE * (1 - y / EXTENT) / 2;
const middle = (i) => EXTENT * (2 * (i + 0.5) / CELLS - 1);
const PLACES = Array.from({ length: CELLS * CELLS }, (_, n) => [middle(n % CELLS), -middle(Math.floor(n / CELLS))]);
const percent = (share) => `${Math.round(100 * share)} %`;

// Where the values change sign, as strokes between the middles of the cells.
function border(values) {
  const at = (q, r) => [(q + 0.5) * SIZE / CELLS, (r + 0.5) * SIZE / CELLS];
  let d = "";
  for (let r = 0; r + 1 < CELLS; r++)
    for (let q = 0; q + 1 < CELLS; q++) {
      const corners = [[q, r], [q + 1, r], [q + 1, r + 1], [q, r + 1]], value = corners.map(([a, b]) => values[b * CELLS + a]), found = [];
      corners.forEach((corner, k) => {
        const next = (k + 1) % 4;
        if (value[k] > 0 === value[next] > 0) return;
        const share = value[k] / (value[k] - value[next]), [x, y] = at(...corner), [u, v] = at(...corners[next]);
        found.push(`${(x + share * (u - x)).toFixed(1)} ${(y + share * (v - y)).toFixed(1)}`);
      });
      for (let k = 0; k + 1 < found.length; k += 2) d += `M${found[k]}L${found[k + 1]}`;
    }
  return d;
}

function render({ model, el }) {
  const { body, say } = card(el, "MLP playground",
    "Press Play: each unit bends the plane a little, the output adds the bends up. Click a unit to see its surface large.");
  const get = (name) => model.get(name), sizes = () => [2, ...get("hidden"), 1];
  const rules = () => Object.fromEntries(["lr", "batch_size", "l2", "seed"].map((name) => [name, get(name)]));
  const inEpoch = () => Math.ceil(fit.length / get("batch_size"));
  let net = get("layers"), steps = get("steps"), history = get("history"), fit = [], held = [], chosen = null, note = "", colors = null;

  // ---- training ------------------------------------------------------------------------------------------
  let frame = 0, visible = true, told = 0, sent = net, epochSteps = 1;
  function keep() {      // also where nothing changed, so that the status tells what the reader did
    update(model, { layers: net, steps, history });
    sent = get("layers");
    draw();
  }
  function advance(count) {
    net = train(net, get("activation"), fit, rules(), steps, count);
    steps += count;
    const now = [steps / inEpoch(), evaluate(net, get("activation"), fit).loss, evaluate(net, get("activation"), held).loss];
    history = [...history, now.map((value) => Number(value.toPrecision(5)))];
    if (history.length > KEEP) history = history.filter((_, i) => i % 2 === 0 || i === history.length - 1);   // thinner, still the whole run
  }
  function tick(time) {
    frame = requestAnimationFrame(tick);
    if (!visible) return;
    advance(inEpoch());
    paint();
    if (time - told > 1000) { told = time; say(report()); }
    if (lost()) pause("");
  }
  function play() {
    if (reducedMotion()) {
      for (let epoch = 0; epoch < 30; epoch++) advance(inEpoch());
      note = "30 epochs at once. ";
      return keep();
    }
    if (frame) return pause();
    frame = requestAnimationFrame(tick);
    playButton.textContent = "Pause";
    say(`Training. ${report()}`);
  }
  function pause(words = "Paused. ") {
    if (!frame) return;
    cancelAnimationFrame(frame);
    frame = 0;
    playButton.textContent = "Play";
    note = words;
    keep();
  }
  function restart(words) {
    if (frame) { cancelAnimationFrame(frame); frame = 0; playButton.textContent = "Play"; }
    net = initial(sizes(), get("activation"), get("start"));
    steps = 0;
    history = [];
    chosen = null;
    note = words;
    keep();
  }
  const lost = () => history.length > 0 && !Number.isFinite(history.at(-1)[1]);
  const report = () => {
    if (lost()) return `Epoch ${Math.floor(steps / inEpoch())}: the weights ran away to infinity. Lower the learning rate and press Reset.`;
    const a = evaluate(net, get("activation"), fit), b = evaluate(net, get("activation"), held);
    return `Epoch ${Math.floor(steps / inEpoch())}${steps % inEpoch() ? `, step ${steps % inEpoch()} of ${inEpoch()}` : ""}: loss ${show(a.loss, 3)}; wrong ${percent(a.error)} of training and ${percent(b.error)} of test points.`;
  };
  const playButton = button(reducedMotion() ? "Train 30 epochs" : "Play", play, { class: "cw-button cw-main" });
  const buttons = row(playButton, button("Step", () => { if (frame) pause(); advance(1); note = "One step. "; keep(); }),
    button("Reset", () => restart("The same start again. ")),
    button("New start", () => { update(model, { start: get("start") + 1 }); restart(`Start ${get("start")}: other first weights. `); }));

  // ---- the large surface ---------------------------------------------------------------------------------
  const ground = h("canvas", { class: "mp-ground" }), line = s("path", { class: "mp-line" }), dots = s("g"), large = h("figcaption");
  const plane = h("figure", { class: "cw-figure" }, large, h("div", { class: "mp-plane" }, ground, s("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-hidden": "true" }, line, dots)));
  const square = (x, y, r) => `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`, disc = (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
  function drawPoints() {
    const of = (points, label, r) => points.filter((p) => p[2] === label).map(([x, y]) => (label > 0 ? square : disc)(+toX(x).toFixed(1), +toY(y).toFixed(1), r)).join("");
    dots.replaceChildren(...(testShown ? [s("path", { d: of(held, 1, 4), class: "mp-pos mp-test" }), s("path", { d: of(held, -1, 4.5), class: "mp-neg mp-test" })] : []),
      s("path", { d: of(fit, 1, 4), class: "mp-pos" }), s("path", { d: of(fit, -1, 4.5), class: "mp-neg" }));
  }

  // ---- the network ---------------------------------------------------------------------------------------
  const heads = h("div", { class: "mp-heads" }), wires = s("svg", { class: "mp-wires", preserveAspectRatio: "none" }), units = h("div", { class: "mp-units" });
  const board = surface(h("div", { class: "mp-board" }, wires, units), "The network. Arrow keys choose a unit and show its surface and formula; Enter goes back to the output.", {
    ...arrows((dx, dy) => {
      const now = sizes(), [d, i] = chosen ?? [now.length - 1, 0], depth = clamp(d + dx, 0, now.length - 1);
      pick(depth, clamp(i + dy, 0, now[depth] - 1));
    }),
    Enter: () => pick(sizes().length - 1, 0),
  });
  let pictures = [], strokes = [], drawnSizes = "";
  const nameOf = (depth, i) => (depth === 0 ? `x${low(i + 1)}` : depth === sizes().length - 1 ? "f" : `h${low(depth)}${low(i + 1)}`);
  function formula(depth, i) {
    if (depth === 0) return `${nameOf(0, i)}: an input`;
    const { W, b } = net[depth - 1], sum = W[i].map((w, j) => `${j ? (w < 0 ? " \u2212 " : " + ") : w < 0 ? "\u2212" : ""}${show(Math.abs(w))}\u00b7${nameOf(depth - 1, j)}`).join("");
    const inner = `${sum} ${b[i] < 0 ? "\u2212" : "+"} ${show(Math.abs(b[i]))}`, plain = depth === sizes().length - 1 || get("activation") === "linear";
    return `${nameOf(depth, i)} = ${plain ? inner : `${get("activation")}(${inner})`}`;
  }
  function pick(depth, i) {
    chosen = depth === sizes().length - 1 ? null : [depth, i];
    say(`${formula(depth, i)}.`);
    paint();
  }
  function resize(layer, change) {
    const hidden = [...get("hidden")], units_ = clamp(hidden[layer] + change, 1, MAX_UNITS);
    if (units_ === hidden[layer]) return say(change > 0 ? `${MAX_UNITS} units are the most that fit in a layer.` : "A layer keeps at least one unit; for fewer layers use the slider.");
    hidden[layer] = units_;
    update(model, { hidden });
    restart(`Layer ${layer + 1} has ${units_} unit${units_ > 1 ? "s" : ""}. `);
  }
  function build() {
    const now = sizes(), columns = now.length, height = Math.max(3, ...now) * ROW, middleOf = (depth, i) => [100 * (depth + 0.5) / columns, height / 2 + (i - (now[depth] - 1) / 2) * ROW];
    if (heads.children.length !== columns) {     // kept while only numbers change, so that a pressed button keeps the focus
      heads.replaceChildren(...now.map((_, depth) => h("div", { class: "mp-head" }, h("span", {}),
        ...(depth && depth < columns - 1 ? [row(button("\u2212", () => resize(depth - 1, -1), { "aria-label": `Layer ${depth}: one unit less` }), button("+", () => resize(depth - 1, 1), { "aria-label": `Layer ${depth}: one unit more` }))] : []))));
    }
    now.forEach((count, depth) => { heads.children[depth].firstChild.textContent = depth === 0 ? "input" : depth === columns - 1 ? "output" : `${count} unit${count > 1 ? "s" : ""}`; });
    wires.setAttribute("viewBox", `0 0 100 ${height}`);
    board.style.height = `${height}px`;
    strokes = net.map(({ W }, depth) => W.map((weights, i) => weights.map((_, j) => {
      const [x1, y1] = middleOf(depth, j), [x2, y2] = middleOf(depth + 1, i);
      return s("line", { x1, y1, x2, y2 });
    })));
    wires.replaceChildren(...strokes.flat(2));
    pictures = now.map((count, depth) => Array.from({ length: count }, (_, i) => {
      const [x, y] = middleOf(depth, i);
      return h("canvas", { class: "mp-unit", width: CELLS / 2, height: CELLS / 2, style: `left:${x}%;top:${y}px`, onclick: () => pick(depth, i) });
    }));
    units.replaceChildren(...pictures.flat());
  }

  // ---- drawing -------------------------------------------------------------------------------------------
  function fill(canvas, values, side, scale, depth) {
    const stride = CELLS / side, context = canvas.getContext("2d"), image = context.createImageData(side, side), { data } = image;
    for (let n = 0, at = 0; n < side * side; n++, at += 4) {
      const share = clamp(values[(Math.floor(n / side) * CELLS + (n % side)) * stride] * scale, -1, 1) * depth;
      const end = share > 0 ? colors.plus : colors.minus, size = Math.abs(share);
      for (let k = 0; k < 3; k++) data[at + k] = colors.zero[k] + size * (end[k] - colors.zero[k]);
      data[at + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }
  const curve = s("svg", { viewBox: "0 0 300 110", class: "mp-curve", "aria-hidden": "true" }), curveWords = h("figcaption"), formulas = h("div", { class: "mp-formulas cw-wide" });
  function drawCurve() {
    const top = Math.max(0.75, ...history.flatMap(([, a, b]) => [a, b]).filter(Number.isFinite)), last = Math.max(1, history.at(-1)?.[0] ?? 1);
    const path = (k) => history.filter((one) => Number.isFinite(one[k])).map((one) => `${(30 + 264 * one[0] / last).toFixed(1)},${(92 - 84 * Math.min(1, one[k] / top)).toFixed(1)}`).join(" ");
    curve.replaceChildren(s("path", { d: "M30 4V92H296", class: "mp-axis" }), s("text", { x: 26, y: 14, "text-anchor": "end" }, show(top, 1)), s("text", { x: 26, y: 96, "text-anchor": "end" }, "0"),
      s("text", { x: 296, y: 107, "text-anchor": "end" }, `epoch ${show(last, last < 10 ? 1 : 0)}`), s("polyline", { points: path(2), class: "mp-held" }), s("polyline", { points: path(1), class: "mp-fit" }));
    curveWords.replaceChildren(h("strong", {}, "Loss "), h("span", { class: "mp-key" }, "training"), ` ${history.length ? show(history.at(-1)[1], 3) : "\u2013"}, `, h("span", { class: "mp-key mp-dashed" }, "test"), ` ${history.length ? show(history.at(-1)[2], 3) : "\u2013"}`);
  }
  function paint() {
    const now = sizes(), activation = get("activation"), outputs = PLACES.map((place) => forward(net, activation, place));
    const valuesOf = (depth, i) => (depth === 0 ? PLACES.map((place) => place[i] / EXTENT) : outputs.map((out) => out[depth - 1][i]));
    const key = JSON.stringify(now);
    if (key !== drawnSizes) { build(); drawnSizes = key; }
    const [depth, unit] = chosen ?? [now.length - 1, 0], last = depth === now.length - 1;
    pictures.forEach((list, d) => list.forEach((canvas, i) => {
      let values = valuesOf(d, i), scale = 1;
      if (d === now.length - 1) values = values.map((value) => Math.tanh(value / 2));
      else if (d && activation === "sigmoid") values = values.map((value) => 2 * value - 1);
      else if (d && activation !== "tanh") scale = 1 / Math.max(1e-9, ...values.map(Math.abs));
      fill(canvas, values, CELLS / 2, scale, 0.9);
      const here = d === depth && i === unit;
      canvas.classList.toggle("mp-chosen", here);
      if (!here) return;
      fill(ground, values, CELLS, scale, 0.6);       // paler, so that the points stand out
      line.setAttribute("d", last ? border(valuesOf(d, i)) : "");
    }));
    net.forEach(({ W }, d) => W.forEach((weights, i) => weights.forEach((w, j) => {
      const stroke = strokes[d][i][j];
      stroke.setAttribute("class", w < 0 ? "mp-less" : "mp-more");
      stroke.setAttribute("stroke-width", Math.min(6, 0.4 + 2 * Math.abs(w)).toFixed(2));
    })));
    large.replaceChildren(h("strong", {}, last ? "Output f" : depth ? `Unit ${nameOf(depth, unit)}` : `Input ${nameOf(0, unit)}`), last ? ": orange above 0, blue below" : ": orange high, blue low");
    drawCurve();
    if (formulasShown) formulas.replaceChildren(...now.slice(1).flatMap((count, d) => Array.from({ length: count }, (_, i) => h("p", {}, formula(d + 1, i)))));
  }
  const drawSurface = () => { colors = Object.fromEntries([["plus", "orange"], ["minus", "blue"], ["zero", "card"]].map(([name, color]) => [name, [1, 3, 5].map((i) => parseInt(themeColor(el, color).slice(i, i + 2), 16))])); paint(); };

  // ---- controls ------------------------------------------------------------------------------------------
  let formulasShown = false, testShown = false;
  const check = (label, change) => h("label", { class: "cw-check" }, h("input", { type: "checkbox", onchange: (event) => change(event.target.checked) }), h("span", {}, label));
  const choices = (name, list) => [...new Set([...list, get(name)])].sort((a, b) => a - b).map((value) => [value, String(value)]);
  const depthModel = { get: () => get("hidden").length, on: model.on.bind(model), set: (_, depth) => model.set("hidden", Array.from({ length: depth }, (_, i) => get("hidden")[i] ?? 4)), save_changes: () => model.save_changes() };
  body.append(h("div", { class: "cw-wide" }, buttons), column(plane),
    column(heads, board, h("figure", { class: "cw-figure" }, curveWords, curve)),
    h("div", { class: "cw-wide mp-controls" },
      select(model, "data", { label: "Data", options: ["XOR", "circles", "moons", "spiral", "blobs"].map((name) => [name, name]), then: () => restart(`Data: ${get("data")}. `) }),
      select(model, "activation", { label: "Activation", options: Object.keys(ACTIVATE).map((name) => [name, name]), then: () => restart(`${get("activation")} units. `) }),
      select(model, "lr", { label: "Learning rate \u03b7", options: choices("lr", RATES), then: () => say(`Learning rate ${get("lr")} from the next step on.`) }),
      select(model, "batch_size", { label: "Batch size", options: choices("batch_size", BATCHES), then: () => { steps = Math.floor(steps / epochSteps) * inEpoch(); epochSteps = inEpoch(); say(`${get("batch_size")} example${get("batch_size") > 1 ? "s" : ""} a step: ${inEpoch()} step${inEpoch() > 1 ? "s" : ""} an epoch.`); } }),
      select(model, "l2", { label: "L2 penalty", options: choices("l2", PENALTIES), then: () => say(get("l2") ? `Penalty ${get("l2")} / 2 times the sum of squared weights.` : "No penalty on the weights.") }),
      slider(depthModel, "hidden", { label: "Hidden layers", min: 0, max: 4, then: () => restart(get("hidden").length ? `${get("hidden").length} hidden layer${get("hidden").length > 1 ? "s" : ""}. ` : "No hidden layer: a linear model. ") }),
      slider(model, "noise", { label: "Noise", min: 0, max: 0.5, step: 0.05, format: show, then: () => restart(`Noise ${show(get("noise"))}. `) }),
      row(check("test points", (on) => { testShown = on; drawPoints(); say(on ? `${held.length} test points, hollow: training never sees them.` : "Test points hidden."); }),
        check("formulas", (on) => { formulasShown = on; formulas.replaceChildren(); paint(); say(on ? `The whole network: ${net.reduce((sum, { W, b }) => sum + b.length * (W[0].length + 1), 0)} numbers.` : "Formulas hidden."); }))),
    formulas);

  let data = "";
  const dataKey = () => `${get("data")} ${get("noise")} ${get("seed")}`;
  function draw() {
    const key = dataKey();
    if (key !== data) { [fit, held] = split(makeData(get("data"), COUNT, get("noise"), get("seed"))); data = key; drawPoints(); }
    if (get("layers") !== sent) { net = sent = get("layers"); steps = get("steps"); history = get("history"); chosen = null; }   // from Python
    ground.width = ground.height = CELLS;
    epochSteps = inEpoch();
    drawSurface();
    say(`${note}${report()}`);
    note = "";
  }
  watch(model, ["layers", "data", "noise", "seed"], () => { if (get("layers") !== sent || dataKey() !== data) draw(); });
  const forget = onTheme(drawSurface), hide = () => { if (document.hidden) pause("Paused while the page was hidden. "); };
  const sight = new IntersectionObserver((entries) => { visible = entries.at(-1).isIntersecting; });
  sight.observe(el);
  document.addEventListener("visibilitychange", hide);
  return () => { cancelAnimationFrame(frame); forget(); sight.disconnect(); document.removeEventListener("visibilitychange", hide); };
}
export default { render };
