import { h, s, update, watch, card, select, button, row, column, surface, uid, clamp } from "./kit.js";

const FUNCTIONS = ["relu", "tanh", "sigmoid", "exp", "log"];
const MAX_LETTERS = 160, MAX_NODES = 40, MAX_NAMES = 8;
const blank = (letter) => letter === " " || letter === "\t";

// ---- the formula: characters to tokens to a tree, sums of products of powers as in Python; never eval ------------
class Problem extends Error {}

function split(letters) {
  const tokens = [];
  let place = 0;
  while (place < letters.length) {
    if (blank(letters[place])) { place += 1; continue; }
    const rest = letters.slice(place).join("");
    const number = /^(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)/.exec(rest);
    const name = /^[A-Za-z_][A-Za-z_0-9]*/.exec(rest), sign = /^(?:\*\*|[-+*/()])/.exec(rest);
    const found = number ?? name ?? sign;
    if (!found) {
      const remedy = letters[place] === "^" ? ": write ** for a power" : "";
      throw new Problem(`the character ${letters[place]} at place ${place + 1} has no meaning here${remedy}`);
    }
    tokens.push({ kind: number ? "number" : name ? "name" : "sign", word: found[0], from: place, to: place + found[0].length });
    place += found[0].length;
  }
  return tokens;
}

function tree(letters) {
  const tokens = split(letters);
  let at = 0;
  const peek = () => (at < tokens.length ? tokens[at].word : "");
  const take = () => tokens[at++];
  const close = () => {
    if (peek() !== ")") throw new Problem("a closing parenthesis is missing");
    return take().to;
  };
  const chain = (below, signs) => {
    let left = below();
    while (signs.includes(peek()) && at < tokens.length) {
      const kind = take().word, right = below();
      left = { kind, parts: [left, right], from: left.from, to: right.to };
    }
    return left;
  };
  const sum = () => chain(product, ["+", "-"]);
  const product = () => chain(signed, ["*", "/"]);
  const signed = () => {
    if (peek() !== "-") return power();
    const from = take().from, inner = signed();
    if (inner.kind === "number") return { kind: "number", number: -inner.number, parts: [], from, to: inner.to };
    return { kind: "neg", parts: [inner], from, to: inner.to };
  };
  const power = () => {
    const base = atom();
    if (peek() !== "**") return base;
    take();
    const exponent = signed(), whole = { from: base.from, to: exponent.to };
    // a constant exponent has no slope, and its base may be negative
    if (exponent.kind === "number") return { kind: "power", number: exponent.number, parts: [base], ...whole };
    return { kind: "**", parts: [base, exponent], ...whole };
  };
  const atom = () => {
    if (at === tokens.length) throw new Problem("the formula ends too early: something is missing at its end");
    const { kind, word, from, to } = take();
    if (kind === "number") {
      const number = Number(word);
      if (!Number.isFinite(number)) throw new Problem(`the number ${word} is too large`);
      return { kind, number, parts: [], from, to };
    }
    if (word === "(") { const inner = sum(); return { ...inner, from, to: close() }; }
    if (kind === "name" && peek() === "(") {
      if (!FUNCTIONS.includes(word)) throw new Problem(`there is no function ${word}: there are ${FUNCTIONS.join(", ")}`);
      take();
      const inner = sum();
      return { kind: word, parts: [inner], from, to: close() };
    }
    if (kind === "name") {
      if (FUNCTIONS.includes(word)) throw new Problem(`${word} is a function: write ${word}(...) with something in the parentheses`);
      return { kind, name: word, parts: [], from, to };
    }
    throw new Problem(`a number, a name or a parenthesis is missing before ${word}`);
  };
  if (!tokens.length) throw new Problem("the formula is empty: type one, for example w * x + b");
  const whole = sum();
  if (at < tokens.length) {
    const before = tokens[at - 1].word, here = peek();
    if (here === ")") throw new Problem("a closing parenthesis has no partner");
    throw new Problem(`an operator is missing between ${before} and ${here}: write ${before} * ${here}`);
  }
  return whole;
}

// Nodes, each after its parents; one node a name, one a number and one an operation. On an error: no nodes.
export function parse(text) {
  const letters = Array.from(text), nodes = [], names = new Map();
  const build = (part) => {
    const parents = part.parts.map(build);
    if (part.kind === "name" && names.has(part.name)) return names.get(part.name);
    nodes.push({ kind: part.kind, text: part.kind === "name" ? part.name : letters.slice(part.from, part.to).join(""), parents, number: part.number ?? 0 });
    if (part.kind === "name") names.set(part.name, nodes.length - 1);
    return nodes.length - 1;
  };
  try {
    if (letters.length > MAX_LETTERS) throw new Problem(`the formula may have ${MAX_LETTERS} characters`);
    build(tree(letters));
    if (nodes.length > MAX_NODES) throw new Problem(`the formula may have ${MAX_NODES} steps, numbers and names, this one has ${nodes.length}`);
    if (names.size > MAX_NAMES) throw new Problem(`the formula may have ${MAX_NAMES} names, this one has ${names.size}`);
  } catch (problem) {
    if (problem instanceof Problem) return { nodes: [], error: problem.message };
    throw problem;
  }
  return { nodes, error: null };
}

// ---- values, slopes, gradients -------------------------------------------------------------------------------------
function sigmoid(a) {
  const small = Math.exp(-Math.abs(a));
  return (a >= 0 ? 1 : small) / (1 + small);
}

// [value, slopes], or a text that says why there is none
function apply(node, v) {
  const [a, b] = v;
  switch (node.kind) {
    case "+": return [a + b, [1, 1]];
    case "-": return [a - b, [1, -1]];
    case "*": return [a * b, [b, a]];
    case "/": return b === 0 ? "nothing can be divided by 0" : [a / b, [1 / b, -(a / b) / b]];
    case "neg": return [-a, [-1]];
    case "relu": return [Math.max(0, a), [a > 0 ? 1 : 0]];
    case "tanh": { const t = Math.tanh(a); return [t, [1 - t * t]]; }
    case "sigmoid": { const t = sigmoid(a); return [t, [t * (1 - t)]]; }
    case "exp": { const e = a < 709.78 ? Math.exp(a) : Infinity; return [e, [e]]; }
    case "log": return a <= 0 ? "log needs a number above 0" : [Math.log(a), [1 / a]];
    case "power": {
      const p = node.number;
      if (p === 0) return [1, [0]];
      if (a === 0 && p < 1) return "0 to a power below 1 has no finite slope";
      if (a < 0 && p !== Math.round(p)) return "a negative base needs a whole exponent";
      return [a ** p, [p * a ** (p - 1)]];
    }
    default: {
      if (a <= 0) return "below a variable exponent the base must be above 0";
      if (b === 0) return [1, [0, Math.log(a)]];
      return [a ** b, [b * a ** (b - 1), a ** b * Math.log(a)]];
    }
  }
}

export function evaluate(nodes, inputs) {
  const values = [], slopes = [];
  for (const node of nodes) {
    if (node.kind === "name" || node.kind === "number") {
      values.push(node.kind === "name" ? inputs[node.text] ?? 1 : node.number);
      slopes.push([]);
      continue;
    }
    const made = apply(node, node.parents.map((i) => values[i]));
    if (typeof made === "string") return { values, slopes, error: `${node.text}: ${made}` };
    if (![made[0], ...made[1]].every(Number.isFinite)) return { values, slopes, error: `${node.text}: the result or its slope is too large for a number` };
    values.push(made[0]);
    slopes.push(made[1]);
  }
  return { values, slopes, error: null };
}

const operations = (nodes) => nodes.map((_, i) => i).filter((i) => nodes[i].parents.length);

// Step 1 gives the result its 1; each further step lets the next operation, last to first, pay its parents.
export function backwardSteps(nodes, slopes, steps) {
  const collected = nodes.map(() => null);
  if (steps < 1) return collected;
  collected[nodes.length - 1] = 1;
  for (const i of operations(nodes).reverse().slice(0, steps - 1))
    nodes[i].parents.forEach((parent, k) => { collected[parent] = (collected[parent] ?? 0) + slopes[i][k] * (collected[i] ?? 0); });
  return collected;
}

export function run(text, inputs) {
  const { nodes, error } = parse(text), done = evaluate(nodes, inputs), wrong = error ?? done.error;
  if (wrong !== null) return { value: null, gradients: null, error: wrong };
  const collected = backwardSteps(nodes, done.slopes, nodes.length + 1), gradients = {};
  nodes.forEach((node, i) => { if (node.kind === "name") gradients[node.text] = collected[i]; });
  return { value: done.values[nodes.length - 1], gradients, error: null };
}

// A place [level, position] for each node: inputs just before their first use, no two at one place.
export function layout(nodes) {
  const level = nodes.map(() => 0), position = nodes.map(() => 0);
  nodes.forEach((node, i) => { if (node.parents.length) level[i] = 1 + Math.max(...node.parents.map((p) => level[p])); });
  nodes.forEach((node, i) => {
    const users = nodes.map((_, k) => k).filter((k) => nodes[k].parents.includes(i)).map((k) => level[k]);
    if (!node.parents.length && users.length) level[i] = Math.min(...users) - 1;
  });
  let leaves = 0;
  nodes.forEach((node, i) => {
    position[i] = node.parents.length ? node.parents.reduce((sum, p) => sum + position[p], 0) / node.parents.length : leaves++;
  });
  for (const column of [...new Set(level)].sort((a, b) => a - b)) {
    let last = -Infinity;
    const members = nodes.map((_, k) => k).filter((k) => level[k] === column);
    members.sort((a, b) => position[a] - position[b] || a - b);
    for (const i of members) { position[i] = Math.max(position[i], last + 1); last = position[i]; }
  }
  return nodes.map((_, i) => [level[i], position[i]]);
}

// ---- the page ------------------------------------------------------------------------------------------------------
function short(value) {
  const text = Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  return text.replace("-", "\u2212").replace("e+", "e");
}
const brackets = (value) => (value < 0 ? `(${short(value)})` : short(value));

function symbol(node) {
  if (node.kind === "power") return `^${short(node.number)}`;
  if (node.kind === "name" || node.kind === "number") return node.text.slice(0, 5).replace("-", "\u2212");
  return { "*": "\u00d7", "/": "\u00f7", "-": "\u2212", neg: "\u2212( )", "**": "a^b", sigmoid: "\u03c3" }[node.kind] ?? node.kind;
}

function render({ model, el }) {
  const { body, say } = card(el, "Computation graph", "Step forward through the formula, then back. Change numbers or type a formula of your own.");
  const get = (name) => model.get(name);
  let nodes = [], made = { values: [], slopes: [], error: null }, paying = [], narrow = false;
  const counted = () => operations(nodes).filter((i) => i < made.values.length).length;   // operations that work
  const total = () => (made.error ? counted() : 2 * counted() + 1);
  const done = () => clamp(get("done"), 0, total());
  const refresh = () => { nodes = parse(get("expression")).nodes; made = evaluate(nodes, get("inputs")); paying = operations(nodes).reverse(); };

  // ---- words for each step -----------------------------------------------------------------------------------------
  function told(step) {
    const count = counted();
    if (step === 0) return "Nothing is computed yet: only inputs and numbers have values.";
    if (step <= count) {
      const i = operations(nodes)[step - 1], node = nodes[i];
      const slopes = node.parents.map((p, k) => `${brackets(made.slopes[i][k])} in ${nodes[p].text}`).join(", ");
      const end = step < count ? "" : made.error ? ` Here it ends. ${made.error}.` : " That was the forward sweep: every slope is stored.";
      return `Forward: ${node.text} = ${short(made.values[i])}, with slope ${slopes}.${end}`;
    }
    if (step === count + 1) return "Backward begins: the result changes with itself at rate 1.";
    const i = paying[step - count - 2], node = nodes[i];
    const before = backwardSteps(nodes, made.slopes, step - count - 1), after = backwardSteps(nodes, made.slopes, step - count);
    const paid = node.parents.map((p, k) => nodes[p].kind === "number" ? null : `${nodes[p].text} gets ${brackets(after[i])} \u00b7 ${brackets(made.slopes[i][k])} = ${short(after[i] * made.slopes[i][k])}` +
      (before[p] !== null || node.parents.indexOf(p) !== k ? ` on top, ${short(after[p])} in all` : "")).filter(Boolean);
    return `Backward through ${node.text}: ${paid.length ? paid.join("; ") : "only a number, nothing to tell"}.${step === total() ? " Done: these are the slopes of the result." : ""}`;
  }
  function go(step) {
    const to = clamp(step, 0, total()), stuck = to === done();
    update(model, { done: to });
    say(!stuck ? told(to) : to === 0 ? "This is the start: step forward first." : made.error ? `No way on. ${made.error}.` : "Everything is computed. Step back, start again, or change a number.");
  }

  // ---- the formula and its numbers ---------------------------------------------------------------------------------
  const id = uid("formula"), errorId = uid("error");
  const formula = h("input", { type: "text", id, class: "cg-formula", "aria-describedby": errorId, spellcheck: "false", autocomplete: "off", autocapitalize: "off", maxlength: MAX_LETTERS });
  const error = h("p", { class: "cg-error", id: errorId });
  formula.addEventListener("input", () => {
    const parsed = parse(formula.value);
    formula.setAttribute("aria-invalid", parsed.error ? "true" : "false");
    if (parsed.error) { error.textContent = sentence(parsed.error); return say(`${sentence(parsed.error)} The graph still shows the last formula.`); }
    const inputs = {};
    for (const node of parsed.nodes) if (node.kind === "name") inputs[node.text] = get("inputs")[node.text] ?? 1;
    update(model, { expression: formula.value, inputs, example: "own", done: 0 });
    refresh();
    say(`New formula with ${parsed.nodes.filter((node) => node.parents.length).length} steps. ${made.error ? sentence(made.error) : "Step forward."}`);
  });
  const sentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}.`;
  const numbers = h("div", { class: "cg-inputs" });
  function drawInputs() {
    const names = nodes.filter((node) => node.kind === "name").map((node) => node.text);
    const same = [...numbers.children].map((one) => one.dataset.name).join() === names.join();
    if (!same) numbers.replaceChildren(...names.map((name) => {
      const input = h("input", { type: "number", step: "0.1", class: "cg-number", "aria-label": `value of ${name}` });
      input.addEventListener("input", () => {
        const value = Number(input.value);
        if (input.value === "" || !Number.isFinite(value)) { input.setAttribute("aria-invalid", "true"); return say(`${name} needs a number: the graph still shows ${short(get("inputs")[name])}.`); }
        input.removeAttribute("aria-invalid");
        update(model, { inputs: { ...get("inputs"), [name]: value }, example: "own" });
        refresh();
        const result = run(get("expression"), get("inputs"));
        say(result.error ? `${name} = ${short(value)}. ${sentence(result.error)}` : `${name} = ${short(value)}: the result becomes ${short(result.value)}, its slope in ${name} ${short(result.gradients[name])}.`);
      });
      const label = h("label", {}, h("span", { class: "cg-name" }, name), input);
      label.dataset.name = name;
      return label;
    }));
    [...numbers.querySelectorAll("input")].forEach((input, k) => {
      if (document.activeElement !== input || Number(input.value) !== get("inputs")[names[k]]) input.value = get("inputs")[names[k]] ?? 1;
    });
  }

  // ---- the picture -------------------------------------------------------------------------------------------------
  const graph = surface(s("svg", { class: "cg-graph" }), "Graph of the formula. Right arrow: one step on. Left arrow: one step back. End: all steps. Home: start again.", {
    ArrowRight: () => go(done() + 1), ArrowLeft: () => go(done() - 1), Enter: () => go(done() + 1), " ": () => go(done() + 1),
    Home: () => go(0), End: () => go(total()),
  });
  function draw() {
    refresh();
    const step = done(), count = counted(), order = operations(nodes), places = layout(nodes);
    const forward = new Set(order.slice(0, Math.min(step, count))), back = Math.max(0, step - count);
    const collected = made.error ? nodes.map(() => null) : backwardSteps(nodes, made.slopes, back);
    const paid = new Set(paying.slice(0, Math.max(0, back - 1)));
    const live = step === 0 ? -1 : step <= count ? order[step - 1] : step === count + 1 ? nodes.length - 1 : paying[step - count - 2];
    const anchor = narrow ? "start" : "middle", beside = narrow ? 5 : 0;     // on a phone the graph runs downwards
    const along = narrow ? 92 : 122, across = narrow ? 88 : 96;
    const at = places.map(([level, position]) => (narrow ? [26 + across * position, 30 + along * level] : [56 + along * level, 52 + across * position]));
    const width = Math.max(narrow ? 250 : 380, ...at.map(([x]) => x + (narrow ? 78 : 56))), height = Math.max(...at.map(([, y]) => y)) + (narrow ? 28 : 54);
    const shapes = [], words = [];
    nodes.forEach((node, i) => node.parents.forEach((p, k) => {
      const [x0, y0] = at[p], [x1, y1] = at[i], length = Math.hypot(x1 - x0, y1 - y0);
      const span = places[i][0] - places[p][0], twice = node.parents.filter((one) => one === p).length > 1;
      const bow = (span > 1 ? 26 * (span - 1) : 0) + (twice ? (k ? 24 : -24) : 0);   // around what stands between
      const nx = -(y1 - y0) / length, ny = (x1 - x0) / length;
      const cx = (x0 + x1) / 2 + 2 * bow * nx, cy = (y0 + y1) / 2 + 2 * bow * ny;
      const ux = x1 - cx, uy = y1 - cy, reach = Math.hypot(ux, uy), tx = x1 - 22 * ux / reach, ty = y1 - 22 * uy / reach, angle = Math.atan2(uy, ux);
      shapes.push(s("path", { d: `M${x0},${y0} Q${cx},${cy} ${tx},${ty}`, class: `cg-edge${i === live ? " cg-edge-live" : ""}` }),
        s("polygon", { points: [0, 2.6, -2.6].map((turn) => `${tx + (turn ? 9 : 1) * Math.cos(angle + turn)},${ty + (turn ? 9 : 1) * Math.sin(angle + turn)}`).join(" "), class: "cg-arrow" }));
      const mx = (x0 + 2 * cx + x1) / 4, my = (y0 + 2 * cy + y1) / 4;
      if (node.parents.length && forward.has(i)) words.push(s("text", { x: mx + beside, y: my - 3, "text-anchor": anchor, class: "cg-slope" }, `\u00b7${brackets(made.slopes[i][k])}`));
      if (paid.has(i) && nodes[p].kind !== "number") words.push(s("text", { x: mx + beside, y: my + 12, "text-anchor": anchor, class: "cg-flow" }, `${short(collected[i] * made.slopes[i][k])}`));
    }));
    nodes.forEach((node, i) => {
      const [x, y] = at[i];
      shapes.push(s("g", { class: `cg-node${node.parents.length ? "" : " cg-leaf"}${i === live ? " cg-live" : ""}` }, s("title", {}, node.text),
        s("circle", { cx: x, cy: y, r: 20 }), s("text", { x, y: y + 5, "text-anchor": "middle" }, symbol(node))));
      const known = !node.parents.length || forward.has(i);
      if (known && node.kind !== "number") words.push(s("text", { x: x + (narrow ? 24 : 0), y: y - (narrow ? 3 : 26), "text-anchor": anchor, class: "cg-value" }, short(made.values[i])));
      if (collected[i] !== null && node.kind !== "number") words.push(s("text", { x: x + (narrow ? 24 : 0), y: y + (narrow ? 14 : 38), "text-anchor": anchor, class: "cg-grad" }, short(collected[i])));
    });
    graph.setAttribute("viewBox", `0 0 ${width} ${height}`);
    graph.replaceChildren(...shapes, ...words);
    if (document.activeElement !== formula || parse(formula.value).error === null) {
      if (formula.value !== get("expression")) formula.value = get("expression");
      formula.setAttribute("aria-invalid", "false");
      error.textContent = made.error ? sentence(made.error) : "";
    }
    drawInputs();
  }

  const example = select(model, "example", {
    label: "Examples", options: [...Object.keys(get("examples")).map((name) => [name, name]), ["own", "your own"]],
    then: () => {
      const chosen = get("examples")[get("example")];
      if (!chosen) return say("Type a formula of your own into the field.");
      formula.value = chosen.expression;
      update(model, { expression: chosen.expression, inputs: chosen.inputs, done: 0 });
      say(`${get("example")}: ${chosen.expression}. Step forward.`);
    },
  });
  const key = h("p", { class: "cg-key" }, h("span", {}, h("b", { class: "cg-b" }, "blue"), " value"), h("span", {}, "grey on an arrow: its slope, stored going forward"),
    h("span", {}, h("b", { class: "cg-r" }, "red"), " slope of the result, and what each arrow brought"));
  body.append(
    h("div", { class: "cw-wide cw-column" }, graph, key,
      row(button("Step", () => go(done() + 1), { class: "cw-button cw-main" }), button("Back", () => go(done() - 1)),
        button("Forward", () => go(counted())), button("Backward", () => go(total())), button("Start again", () => go(0)))),
    column(h("div", { class: "cg-field" }, h("label", { for: id }, "Formula"), formula), error),
    column(h("div", { class: "cg-field" }, h("span", { class: "cg-name" }, "Inputs"), numbers), example));
  watch(model, ["expression", "inputs", "done", "example"], draw);
  const sizes = new ResizeObserver(([entry]) => {
    const now = entry.contentRect.width < 480;
    if (now !== narrow) { narrow = now; draw(); }
  });
  sizes.observe(el);
  say(get("done") ? told(done()) : "Blue numbers are given. Press Step to compute the first node.");
  return () => sizes.disconnect();
}

export default { render };
