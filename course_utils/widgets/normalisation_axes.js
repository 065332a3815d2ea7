import { randomNumbers, show, clamp, h, s, update, watch, card, slider, select, toggle, button, row, column, surface, arrows, drag } from "./kit.js";

const KINDS = ["batch", "layer", "instance", "group"], SAMPLES = 4, CHANNELS = 4, PLACES = 4, GROUPS = 2, COUNT = SAMPLES * CHANNELS * PLACES;
const MEANS = [1, -0.5, 0.2, 2], SPREADS = [0.8, 1.5, 0.5, 1], MOMENTUM = 0.1;
const PARTS = ["sample 0", "sample 1", "sample 2", "sample 3", "channel 0", "channel 1", "channel 2", "channel 3", "everything"];
const sampleOf = (i) => Math.floor(i / (CHANNELS * PLACES)), channelOf = (i) => Math.floor(i / PLACES) % CHANNELS;

// Channels have means and spreads of their own, samples a brightness.
export function makeBatch(seed) {
  const next = randomNumbers(seed), batch = [];
  const normal = () => { const length = Math.sqrt(-2 * Math.log(1 - next())); return length * Math.cos(2 * Math.PI * next()); };
  for (let n = 0; n < SAMPLES; n++) {
    const bright = normal();
    for (let c = 0; c < CHANNELS; c++)
      for (let p = 0; p < PLACES; p++) batch.push(Math.floor(10 * (MEANS[c] + SPREADS[c] * (0.6 * bright + 0.8 * normal())) + 0.5) / 10);
  }
  return batch;
}

// The values that share their mean and spread with one of them.
export function members(kind, index) {
  const width = { batch: 1, layer: CHANNELS, instance: 1, group: CHANNELS / GROUPS }[kind], first = Math.floor(channelOf(index) / width) * width, which = [];
  for (let i = 0; i < COUNT; i++)
    if ((kind === "batch" || sampleOf(i) === sampleOf(index)) && channelOf(i) >= first && channelOf(i) < first + width) which.push(i);
  return which;
}

const SHARED = Object.fromEntries(KINDS.map((kind) => [kind, Array.from({ length: COUNT }, (_, i) => members(kind, i))]));

function moments(x, which) {
  const mean = which.reduce((sum, i) => sum + x[i], 0) / which.length;
  return [mean, which.reduce((sum, i) => sum + (x[i] - mean) ** 2, 0) / which.length];
}

// gamma * (x - mean) / sqrt(variance + epsilon) + beta; running statistics concern batch normalisation alone.
export function normalise(x, kind, gamma, beta, epsilon, running = null) {
  const known = new Map();
  return x.map((value, i) => {
    const c = channelOf(i), which = SHARED[kind][i];
    if (!known.has(which[0])) known.set(which[0], moments(x, which));
    const [mean, variance] = running && kind === "batch" ? [running.mean[c], running.var[c]] : known.get(which[0]);
    return gamma[c] * (value - mean) / Math.sqrt(variance + epsilon) + beta[c];
  });
}

function inPart(part, i) {
  const [word, number] = part.split(" ");
  return word === "everything" || (word === "sample" ? sampleOf(i) : channelOf(i)) === Number(number);
}

// One part of the batch times scale plus shift.
export function changed(x, part, scale, shift) {
  return x.map((value, i) => (inPart(part, i) ? scale * value + shift : value));
}

// Running statistics a tenth of the way towards those of one more batch; the variance with 1 / (m - 1).
export function follow(running, x) {
  const next = { mean: [], var: [] };
  for (let c = 0; c < CHANNELS; c++) {
    const which = members("batch", c * PLACES), [mean, variance] = moments(x, which);
    next.mean.push((1 - MOMENTUM) * running.mean[c] + MOMENTUM * mean);
    next.var.push((1 - MOMENTUM) * running.var[c] + MOMENTUM * variance * which.length / (which.length - 1));
  }
  return next;
}

const TILE = 37, CELL = 2 * TILE + 10, LEFT = 26, TOP = 44, WIDE = LEFT + 4 * CELL, HIGH = TOP + 4 * CELL;
const WORDS = { batch: "all samples, one channel", layer: "one sample, all channels", instance: "one sample, one channel", group: "one sample, two channels" };
const capital = (text) => text[0].toUpperCase() + text.slice(1);

function render({ model, el }) {
  const { body, say } = card(el, "Who shares a mean with whom",
    "Point at a value: framed are all that it is normalised with. Then drag a sample or channel sideways: whose output does not care?");
  const get = (name) => model.get(name);
  let input = [], output = [], moved = [], over = null, note = "";
  const marked = () => over ?? get("marked"), running = () => (get("evaluate") ? get("running") : null);
  const stored = () => get("kind") === "batch" && get("evaluate");
  const through = (x, kind) => normalise(x, kind, get("gamma"), get("beta"), get("epsilon"), running());
  const same = () => get("scale") === 1 && get("shift") === 0;
  const placeOf = (i) => [LEFT + channelOf(i) * CELL + (i % 2) * TILE, TOP + sampleOf(i) * CELL + Math.floor(i % PLACES / 2) * TILE];

  // ---- the two blocks ------------------------------------------------------------------------------------
  function block(words, label) {
    const head = s("text", { x: LEFT, y: 15, class: "na-head" }, words), tiles = s("g"), frames = s("g");
    const node = surface(s("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "na-block" }, head,
      ...[0, 1, 2, 3].flatMap((k) => [s("text", { x: LEFT + k * CELL + TILE, y: 36, "text-anchor": "middle", class: "na-name" }, `channel ${k}`),
        s("text", { x: 0, y: 0, transform: `translate(16 ${TOP + k * CELL + TILE}) rotate(-90)`, "text-anchor": "middle", class: "na-name" }, `sample ${k}`)]), tiles, frames), label, {
      ...arrows(walk), Enter: () => tell(""),
    });
    node.addEventListener("pointermove", (event) => {
      const box = node.getBoundingClientRect(), at = indexAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
      if (event.buttons || event.pointerType === "touch" || at === null || at === over) return;
      over = at;
      draw();
    });
    node.addEventListener("pointerleave", () => { if (over !== null) { over = null; draw(); } });
    return { node, tiles, frames };
  }
  function indexAt(fx, fy) {
    const x = fx * WIDE - LEFT, y = fy * HIGH - TOP, c = Math.floor(x / CELL), n = Math.floor(y / CELL);
    if (x < 0 || y < 0 || c >= CHANNELS || n >= SAMPLES) return null;
    return (n * CHANNELS + c) * PLACES + 2 * Math.min(1, Math.floor((y - n * CELL) / TILE)) + Math.min(1, Math.floor((x - c * CELL) / TILE));
  }
  function walk(dx, dy) {
    const i = get("marked"), x = clamp(2 * channelOf(i) + i % 2 + dx, 0, 7), y = clamp(2 * sampleOf(i) + Math.floor(i % PLACES / 2) + dy, 0, 7);
    over = null;
    update(model, { marked: (Math.floor(y / 2) * CHANNELS + Math.floor(x / 2)) * PLACES + 2 * (y % 2) + x % 2 });
    tell("");
  }
  const before = block("input x", "The batch: 4 samples, 4 channels, 2 by 2 places. Arrow keys mark a value."), after = block("output y", "What normalisation makes of it. Arrow keys mark a value.");
  let pressed = null;
  const mark = (fx, fy) => {
    const at = indexAt(fx, fy);
    if (at === null) return false;
    pressed = { fx, at, shift: get("shift") };
    over = null;
    update(model, { marked: at });
    tell("");
  };
  drag(before.node, {
    down: mark,
    move: (fx) => {
      if (Math.abs(fx - pressed.fx) < 0.015) return;
      const word = get("part").split(" ")[0], part = word === "everything" ? word : `${word} ${word === "sample" ? sampleOf(pressed.at) : channelOf(pressed.at)}`;
      if (part !== get("part")) pressed.shift = 0;
      update(model, { part, shift: clamp(Math.round((pressed.shift + 8 * (fx - pressed.fx)) * 10) / 10, -5, 5) });
      tell("");
    },
  });
  drag(after.node, { down: mark });
  function fill({ tiles, frames }, values, most, lit, part) {
    tiles.replaceChildren(...values.flatMap((value, i) => {
      const [x, y] = placeOf(i);
      return [s("rect", { x: x + 1.5, y: y + 1.5, width: TILE - 3, height: TILE - 3, rx: 3, class: `na-tile ${value > 0 ? "na-plus" : "na-minus"}${lit.has(i) ? " na-lit" : ""}`, "fill-opacity": (0.5 * Math.min(1, Math.abs(value) / most)).toFixed(3) }),
        s("text", { x: x + TILE / 2, y: y + TILE / 2 + 4, class: "na-number" }, show(value, 1))];
    }));
    const [x, y] = placeOf(marked()), [word, k] = get("part").split(" "), all = word === "everything";
    frames.replaceChildren(s("rect", { x, y, width: TILE, height: TILE, rx: 4, class: "na-mark" }), ...(part && !same() ? [s("rect", { class: "na-part", rx: 5,
      x: LEFT - 4 + (word === "channel" ? k * CELL : 0), y: TOP - 4 + (word === "sample" ? k * CELL : 0), width: (word === "channel" ? 1 : 4) * CELL - 2, height: (word === "sample" && !all ? 1 : 4) * CELL - 2 })] : []));
  }

  // ---- words ---------------------------------------------------------------------------------------------
  const sum = h("p", { class: "na-sum" }), lines = KINDS.map((kind) => ({ kind, of: h("td"), change: h("td") }));
  const table = h("table", { class: "na-table" }, h("thead", {}, h("tr", {}, ...["norm", "shared by", "moves by"].map((word) => h("th", { scope: "col" }, word)))),
    h("tbody", {}, ...lines.map((line) => { line.row = h("tr", {}, h("th", { scope: "row" }, line.kind), line.of, line.change); return line.row; })));
  const stats = (i) => { const c = channelOf(i); return stored() ? [get("running").mean[c], get("running").var[c]] : moments(input, SHARED[get("kind")][i]); };
  const changeWords = () => `${capital(get("part"))}${get("scale") === 1 ? "" : ` times ${show(get("scale"))}`}${get("shift") ? `${get("scale") === 1 ? "" : ","} ${get("shift") > 0 ? "plus" : "minus"} ${show(Math.abs(get("shift")), 1)}` : ""}`;
  function report() {
    const i = get("marked"), count = stored() ? 0 : SHARED[get("kind")][i].length, [mean, variance] = stats(i);
    const whose = stored() ? `uses the running mean ${show(mean)} and standard deviation ${show(Math.sqrt(variance))} of its channel: no other value matters` : `shares mean ${show(mean)} and standard deviation ${show(Math.sqrt(variance))} with ${count - 1} others (${WORDS[get("kind")]})`;
    const sentence = `${capital(get("kind"))} norm: sample ${sampleOf(i)}, channel ${channelOf(i)} ${whose}.`;
    if (same()) return sentence;
    const undone = KINDS.filter((_, k) => moved[k] < 0.01), here = moved[KINDS.indexOf(get("kind"))];
    return `${sentence} ${changeWords()}: outputs move by up to ${show(here)}; ${undone.length ? `undone by ${undone.join(", ")} norm` : "no norm undoes it"}.`;
  }
  function tell(words) { note = words; compute(); say(note + report()); }
  const saying = (words) => () => tell(words());
  function compute() {
    input = changed(get("x"), get("part"), get("scale"), get("shift"));
    output = through(input, get("kind"));
    moved = KINDS.map((kind) => { const a = through(get("x"), kind), b = through(input, kind); return Math.max(...a.map((value, i) => Math.abs(value - b[i]))); });
  }
  function draw() {
    const i = marked(), lit = new Set(stored() ? [i] : SHARED[get("kind")][i]), [mean, variance] = stats(i), c = channelOf(i);
    fill(before, input, 4, lit, true);
    fill(after, output, 2.5, lit, false);
    sum.replaceChildren(h("strong", {}, `Sample ${sampleOf(i)}, channel ${c}: `), `y = ${show(get("gamma")[c])} \u00b7 (${show(input[i])} \u2212 ${mean < 0 ? `(${show(mean)})` : show(mean)}) / \u221a(${show(variance, 3)} + \u03b5) ${get("beta")[c] < 0 ? "\u2212" : "+"} ${show(Math.abs(get("beta")[c]))} = `, h("strong", {}, show(output[i])),
      `; ${stored() ? "running statistics, not this batch\u2019s" : `mean and variance over ${lit.size} values`}.`);
    lines.forEach((line, k) => {
      line.row.classList.toggle("na-here", line.kind === get("kind"));
      line.of.textContent = line.kind === "batch" && get("evaluate") ? "nobody: stored" : WORDS[line.kind];
      line.change.textContent = same() ? "\u2013" : moved[k] < 0.01 ? "undone" : show(moved[k]);
      line.change.className = !same() && moved[k] < 0.01 ? "na-undone" : "";
    });
  }

  // ---- controls ------------------------------------------------------------------------------------------
  // gamma and beta of the marked channel, as if they were one number
  const perChannel = (name) => ({ get: () => get(name)[channelOf(get("marked"))], save_changes: () => model.save_changes(),
    on: (_, act) => { model.on(`change:${name}`, act); model.on("change:marked", act); }, set: (_, value) => model.set(name, get(name).map((old, c) => (c === channelOf(get("marked")) ? value : old))) });
  const logEpsilon = { get: () => Math.log10(get("epsilon")), save_changes: () => model.save_changes(), on: model.on.bind(model), set: (_, value) => model.set("epsilon", Number((10 ** value).toPrecision(2))) };
  const small = (value) => (value >= 0.01 ? show(value, 2) : value.toExponential(0).replace("-", "\u2212"));
  body.append(h("div", { class: "cw-wide na-blocks" }, before.node, after.node), column(table, h("p", { class: "cw-note" }, "Moves by: the largest change of any output that the change of the input brings. Framed: the values that share their mean with the marked one. Dashes: the changed part.")),
    column(sum, row(button("Next batch", () => {
      const seed = get("seed") + 1, x = makeBatch(seed), learned = !get("evaluate");
      update(model, { seed, x, ...(learned ? { running: follow(get("running"), changed(x, get("part"), get("scale"), get("shift"))), batches: get("batches") + 1 } : {}) });
      const c = channelOf(get("marked"));
      tell(`Batch ${seed + 1}. ${learned ? `Batch norm\u2019s running mean of channel ${c} is now ${show(get("running").mean[c])}, after ${get("batches")} batch${get("batches") > 1 ? "es" : ""}. ` : "In evaluation the running statistics stay. "}`);
    }, { class: "cw-button cw-main" }), button("Take the change back", () => { update(model, { scale: 1, shift: 0 }); tell("The batch as it was. "); })),
    toggle(model, "evaluate", { label: "Evaluation mode", then: saying(() => (get("evaluate") ? `Evaluation: batch norm uses its running statistics, from ${get("batches")} batch${get("batches") === 1 ? "" : "es"}; the others are the same in both modes. ` : "Training: batch norm uses this batch. ")) })),
    h("div", { class: "cw-wide na-controls" },
      select(model, "kind", { label: "Normalisation", options: KINDS.map((kind) => [kind, kind === "group" ? "group, 2 groups" : kind]), then: saying(() => "") }),
      select(model, "part", { label: "Change", options: PARTS.map((part) => [part, part]), then: saying(() => (same() ? `${capital(get("part"))} is chosen: now scale or shift it. ` : "")) }),
      slider(model, "scale", { label: "times", min: 0.2, max: 4, step: 0.05, format: (value) => show(value), then: saying(() => "") }),
      slider(model, "shift", { label: "plus", min: -5, max: 5, step: 0.1, format: (value) => show(value, 1), then: saying(() => "") }),
      slider(perChannel("gamma"), "gamma", { label: "\u03b3 of the marked channel", min: -2, max: 3, step: 0.05, format: (value) => show(value), then: saying(() => `\u03b3 of channel ${channelOf(get("marked"))} is ${show(get("gamma")[channelOf(get("marked"))])}. `) }),
      slider(perChannel("beta"), "beta", { label: "\u03b2 of the marked channel", min: -3, max: 3, step: 0.1, format: (value) => show(value, 1), then: saying(() => `\u03b2 of channel ${channelOf(get("marked"))} is ${show(get("beta")[channelOf(get("marked"))], 1)}. `) }),
      slider(logEpsilon, "epsilon", { label: "\u03b5", min: -8, max: 0, step: 0.5, format: (value) => small(10 ** value), then: saying(() => `\u03b5 is ${small(get("epsilon"))}. `) })));

  watch(model, ["kind", "x", "marked", "part", "scale", "shift", "gamma", "beta", "epsilon", "evaluate", "running"], () => {
    compute();
    draw();
    say(note + report());
    note = "";
  });
}
export default { render };
