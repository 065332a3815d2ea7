import { clamp, h, s, uid, show, update, watch, card, slider, select, toggle, surface, arrows } from "./kit.js";

const CELL = 40, LARGEST = 99;

function norm(values, p) {
  const largest = Math.max(...values.map(Math.abs));      // divided by first: high powers would overflow
  return largest ? largest * values.reduce((sum, x) => sum + (Math.abs(x) / largest) ** p, 0) ** (1 / p) : 0;
}
function bell(size) {
  let line = [1];
  while (line.length < size) line = [1, ...line.slice(1).map((value, i) => value + line[i]), 1];
  return line.map((value) => value / 2 ** (size - 1));
}

// The cells of one window: [i, j, number, slope of the result in it]. Of equal maxima the first counts.
export function slopes(table, { kind, kernel_size: size, stride, p }, row, column) {
  const cells = Array.from({ length: size * size }, (_, n) => [row * stride + Math.floor(n / size), column * stride + n % size]);
  const values = cells.map(([i, j]) => table[i][j]), line = bell(size), length = norm(values, p), winner = values.indexOf(Math.max(...values));
  const slope = {
    max: (x, n) => (n === winner ? 1 : 0),
    average: () => 1 / size ** 2,
    sum: () => 1,
    Lp: (x) => (x && length ? Math.sign(x) * (Math.abs(x) / length) ** (p - 1) : 0),
    blur: (x, n) => line[Math.floor(n / size)] * line[n % size],
  }[kind];
  return cells.map(([i, j], n) => [i, j, values[n], slope(values[n], n)]);
}

export function pool(table, settings) {
  const count = (length) => Math.floor((length - settings.kernel_size) / settings.stride) + 1;
  return Array.from({ length: count(table.length) }, (_, i) => Array.from({ length: count(table[0].length) }, (_, j) => {
    const cells = slopes(table, settings, i, j);
    return settings.kind === "Lp" ? norm(cells.map((cell) => cell[2]), settings.p) : cells.reduce((sum, [, , x, slope]) => sum + x * slope, 0);
  }));
}

// What each cell receives when a gradient of 1 arrives at every output, or at one of them.
export function gradient(table, settings, only = null) {
  const received = table.map((line) => line.map(() => 0));
  pool(table, settings).forEach((line, row) => line.forEach((_, column) => {
    if (only && (only[0] !== row || only[1] !== column)) return;
    for (const [i, j, , slope] of slopes(table, settings, row, column)) received[i][j] += slope;
  }));
  return received;
}

export const rolled = (table, right) => table.map((line) => line.map((_, j) => line[(j - right % line.length + line.length) % line.length]));

export function compare(before, after) {
  const a = before.flat(), b = after.flat(), length = Math.hypot(...a), change = Math.hypot(...a.map((value, n) => value - b[n]));
  return { same: a.filter((value, n) => Math.abs(value - b[n]) <= 1e-9).length, total: a.length, relative: length > 0 ? change / length : 0 };
}

// Grey from 0 up where no number is negative, else blue below 0 and orange above.
export function shade(value, least, greatest) {
  const share = value / Math.max(-least, greatest);
  const rgb = least >= 0 ? Array(3).fill(greatest > 0 ? 255 * value / greatest : 0)
    : (share > 0 ? [230, 120, 0] : [0, 114, 178]).map((end) => 255 + Math.abs(share) * (end - 255));
  return `#${rgb.map((part) => Math.floor(part + 0.5).toString(16).padStart(2, "0")).join("")}`;
}

function inkOn(fill) {
  const [red, green, blue] = [1, 3, 5].map((i) => parseInt(fill.slice(i, i + 2), 16));
  return 0.3 * red + 0.59 * green + 0.11 * blue > 125 ? "#000000" : "#ffffff";
}
function short(value, digits = 3) {
  const text = Number(value).toFixed(digits);
  return (text.includes(".") ? text.replace(/\.?0+$/, "") : text).replace(/^-0$/, "0").replace("-", "\u2212");
}
const inCell = (value) => short(value, Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2).replace(/^(\u2212?)0\./, "$1.");
const shape = (table) => `${table.length}\u00d7${table[0].length}`;

// A table of numbers as coloured cells, with a layer for marks on top; keys make it a control.
function grid(label, keys) {
  const cells = s("g"), marks = s("g"), numbers = s("g"), plain = s("svg", { class: "pe-grid" }), node = keys ? surface(plain, label, keys) : plain;
  if (!keys) { node.setAttribute("role", "img"); node.setAttribute("aria-label", label); }
  const caption = h("figcaption"), figure = h("figure", { class: "pe-panel cw-figure" }, caption, node);
  node.append(cells, marks, numbers);
  let built = "", shown = [];
  const at = (i, j, inset, name) => s("rect", { x: j * CELL + inset, y: i * CELL + inset, width: CELL - 2 * inset, height: CELL - 2 * inset, class: name });
  function draw(table, name, words) {
    const values = table.flat(), least = Math.min(...values), greatest = Math.max(...values), [rows, columns] = [table.length, table[0].length];
    if (shape(table) !== built) {
      built = shape(table);
      shown = table.flatMap((line, i) => line.map((_, j) => [i, j, at(i, j, 0.5, "pe-cell"), s("text", { x: (j + 0.5) * CELL, y: (i + 0.5) * CELL, class: "pe-number" })]));
      cells.replaceChildren(...shown.map((one) => one[2]));
      numbers.replaceChildren(...shown.map((one) => one[3]));
      node.setAttribute("viewBox", `-2 -2 ${columns * CELL + 4} ${rows * CELL + 4}`);
      figure.style.setProperty("--columns", columns);
    }
    for (const [i, j, cell, text] of shown) {
      const fill = shade(table[i][j], least, greatest), number = inCell(table[i][j]);
      cell.setAttribute("fill", fill);
      text.textContent = number;
      text.style.fill = inkOn(fill);
      text.style.fontSize = `${number.length > 4 ? 12 : number.length > 3 ? 14 : 16}px`;
    }
    caption.replaceChildren(h("strong", {}, name), ` ${words}`);
  }
  // [i, j, framed, words in the corner]; a white line under a coloured one is seen on every ground
  const mark = (list, edited) => marks.replaceChildren(...list.flatMap(([i, j, framed, corner]) => [...(framed ? [at(i, j, 2.5, "pe-under"), at(i, j, 2.5, "pe-window")] : []),
    ...(corner ? [s("rect", { x: (j + 1) * CELL - 6 - 6.5 * corner.length, y: i * CELL + 26, width: 5 + 6.5 * corner.length, height: 13, class: "pe-same" }), s("text", { x: (j + 1) * CELL - 3.5, y: (i + 1) * CELL - 4, class: "pe-corner" }, corner)] : [])]),
    ...(edited ? [s("circle", { cx: edited[1] * CELL + 8, cy: edited[0] * CELL + 8, r: 5, class: "pe-edit" })] : []));
  const place = (event) => {
    const box = node.getBoundingClientRect(), view = node.viewBox.baseVal;
    return [Math.floor((view.y + (event.clientY - box.top) / box.height * view.height) / CELL), Math.floor((view.x + (event.clientX - box.left) / box.width * view.width) / CELL)];
  };
  return { node, figure, draw, mark, place };
}

const KINDS = [["max", "maximum"], ["average", "average"], ["sum", "sum"], ["Lp", "Lp norm"], ["blur", "blur (bell)"]];
const TRAITS = ["kind", "kernel_size", "stride", "p"];

function render({ model, el }) {
  const { body, say } = card(el, "Pooling explorer",
    "Point at a pooled number to see its window. Click an input number and type to change it. Then shift the input and count what stays.");
  const get = (name) => model.get(name), settings = () => Object.fromEntries(TRAITS.map((name) => [name, get(name)]));
  let edit = [2, 2], typed = "", note = "", output = [[0]], after = [[0]], current = [0, 0], drawn = [];
  const inside = (table, i, j) => [clamp(i, 0, table.length - 1), clamp(j, 0, table[0].length - 1)];

  // ---- the tables ----------------------------------------------------------------------------------------
  function choose(i, j) {
    const next = inside(get("table"), i, j);
    if (next[0] !== edit[0] || next[1] !== edit[1]) typed = "";
    edit = next;
    const windows = output.flatMap((line, r) => line.filter((_, c) => slopes(get("table"), settings(), r, c).some(([a, b]) => a === edit[0] && b === edit[1]))).length;
    point();
    say(`Input row ${edit[0]}, column ${edit[1]}: ${short(get("table")[edit[0]][edit[1]])}, in ${windows} ${windows === 1 ? "window" : "windows"}. Type a number to change it.`);
  }
  function write(value) {
    const table = get("table").map((line) => [...line]);
    table[edit[0]][edit[1]] = clamp(value, -LARGEST, LARGEST);
    note = `Input row ${edit[0]}, column ${edit[1]} is now ${short(table[edit[0]][edit[1]])}. `;
    update(model, { table, preset: "own" });
  }
  function type(key) {
    typed = key === "Backspace" ? typed.slice(0, -1) : key === "-" ? (typed.startsWith("-") ? typed.slice(1) : `-${typed}`) : typed + key;
    write(Number.isFinite(Number(typed)) ? Number(typed) : 0);
  }
  function look(i, j) {
    const [row, column] = inside(output, i, j);
    if (row !== get("row") || column !== get("column")) update(model, { row, column });
    else draw();
  }
  const input = grid("Input numbers. Arrow keys choose a cell, digits, minus and point write a number into it.", {
    ...arrows((dx, dy) => choose(edit[0] + dy, edit[1] + dx)), Enter: () => { typed = ""; choose(...edit); }, Backspace: () => type("Backspace"),
    ...Object.fromEntries([..."0123456789.-"].map((key) => [key, () => type(key)])),
  });
  input.node.addEventListener("pointerdown", (event) => choose(...input.place(event)));
  const result = grid("Pooled numbers. Arrow keys choose one and show its window.", {
    ...arrows((dx, dy) => look(current[0] + dy, current[1] + dx)), Enter: () => look(...current), Home: () => look(0, 0), End: () => look(Infinity, Infinity),
  });
  for (const kind of ["pointermove", "pointerdown"])
    result.node.addEventListener(kind, (event) => {
      const [i, j] = inside(output, ...result.place(event));
      if (i !== current[0] || j !== current[1]) look(i, j);
    });
  const moved = grid("Pooled numbers after the shift; those that stayed the same carry an equals sign."), back = grid("What each input number receives of the gradient.");

  // ---- controls ------------------------------------------------------------------------------------------
  const id = uid("number"), value = h("output", { for: id }), name = h("label", { for: id });
  const knob = h("input", { type: "range", id, min: -9, max: 16, step: 1, oninput: () => { typed = ""; write(Number(knob.value)); } });
  const setting = (trait, label, min, max, step, words) => slider(model, trait, { label, min, max, step, format: (number) => short(number), then: () => { note = words(short(get(trait))); draw(); } });
  const sum = h("p", { class: "pe-sum" }), stay = h("p", { class: "pe-stay" });
  body.append(h("div", { class: "cw-wide pe-panels" }, input.figure, result.figure, moved.figure, back.figure),
    h("div", { class: "cw-wide pe-words" }, sum, stay),
    h("div", { class: "cw-wide pe-controls" },
      select(model, "preset", { label: "Input", options: [...Object.keys(get("presets")).map((one) => [one, one]), ["own", "your own"]], then: () => {
        const made = get("presets")[get("preset")];
        note = `Input: ${get("preset")}. `;
        typed = "";
        if (made) update(model, { table: made }); else say("Your own: click a number and type.");
      } }),
      select(model, "kind", { label: "Pooling", options: KINDS, then: () => { note = `${KINDS.find(([kind]) => kind === get("kind"))[1]} pooling. `.replace(/^./, (letter) => letter.toUpperCase()); } }),
      setting("p", "Power p", 1, 16, 0.5, (p) => `Power ${p}${get("kind") === "Lp" ? "" : ", used by Lp only"}. `),
      setting("kernel_size", "Window", 1, 5, 1, (size) => `Window ${size}\u00d7${size}. `), setting("stride", "Stride", 1, 4, 1, (step) => `Stride ${step}. `),
      setting("shift", "Shift input by", 0, 4, 1, (by) => `Shift by ${by}. `),
      h("div", { class: "cw-field" }, h("div", { class: "cw-label" }, name, value), knob),
      toggle(model, "single", { label: "Gradient of one result only", then: () => { note = get("single") ? "The gradient of the chosen result. " : "A gradient of 1 arrives at every result. "; } })));

  // ---- drawing -------------------------------------------------------------------------------------------
  const factor = (x) => (x < 0 ? `(${short(x)})` : short(x));
  function written(cells) {
    const all = cells.map((cell) => factor(cell[2])), size = get("kernel_size"), p = short(get("p"));
    const few = (list, mark) => (list.length > 9 ? [...list.slice(0, 4), "\u2026", ...list.slice(-2)] : list).join(mark);
    if (get("kind") === "max") return `the largest of ${few(all, ", ")}`;
    if (get("kind") === "sum") return few(all, " + ");
    if (get("kind") === "average") return size === 1 ? all[0] : `(${few(all, " + ")}) / ${size ** 2}`;
    if (get("kind") === "Lp") return `(${few(all.map((x) => `|\u2060${x.replace(/[()]/g, "")}|^${p}`), " + ")})^(1/${p})`;
    const whole = 4 ** (size - 1);
    return size === 1 ? all[0] : `(${few(cells.map(([, , x, slope]) => `${short(slope * whole)}\u00b7${factor(x)}`), " + ")}) / ${whole}`;
  }
  function draw() {
    const table = get("table"), chosen = settings(), now = [table, ...TRAITS.map(get), get("shift")];
    if (now.some((one, i) => one !== drawn[i])) {
      drawn = now;
      output = pool(table, chosen);
      after = pool(rolled(table, get("shift")), chosen);
      edit = inside(table, ...edit);
      input.draw(table, "Input", shape(table));
      result.draw(output, "Pooled", shape(output));
      moved.draw(after, "Shifted", `by ${get("shift")}`);
      moved.mark(after.flatMap((line, i) => line.flatMap((one, j) => (Math.abs(one - output[i][j]) <= 1e-9 ? [[i, j, false, "="]] : []))));
    }
    current = inside(output, get("row"), get("column"));
    const found = compare(output, after), size = chosen.kernel_size, by = get("shift"), share = Math.max(0, size - by) / (size + by);
    const received = gradient(table, chosen, get("single") ? current : null), cells = slopes(table, chosen, ...current), number = output[current[0]][current[1]];
    back.draw(received, "Gradient", get("single") ? "of the chosen result" : "1 for each result");
    point();
    sum.replaceChildren(h("strong", {}, `Pooled [${current[0]}, ${current[1]}] = `), `${written(cells)} = `, h("strong", {}, short(number)));
    stay.replaceChildren(h("strong", {}, `Shifted by ${by}: `), `${found.same} of ${found.total} results are the same${chosen.kind === "max" ? ` (expected for numbers at random: ${show(100 * share, 0)} %)` : ""}; relative change ${show(found.relative)}.`);
    const busy = received.flat().filter((one) => Math.abs(one) > 1e-12).length;
    say(`${note}Row ${current[0]}, column ${current[1]}: ${short(number)}. ${busy} of ${table.length * table[0].length} inputs receive a gradient. After a shift by ${by}, ${found.same} of ${found.total} results are the same.`);
    note = "";
  }
  function point() {
    const table = get("table"), cells = slopes(table, settings(), ...current), number = table[edit[0]][edit[1]];
    name.replaceChildren(h("span", { class: "pe-dot", "aria-hidden": "true" }), `Input [${edit[0]}, ${edit[1]}]`);
    const all = table.flat();
    [knob.min, knob.max] = [Math.max(-LARGEST, Math.min(-9, Math.floor(Math.min(...all)) - 1)), Math.min(LARGEST, Math.max(16, Math.ceil(Math.max(...all)) + 1))];
    knob.value = number;
    value.textContent = short(number);
    knob.setAttribute("aria-valuetext", value.textContent);
    input.mark(cells.map(([i, j]) => [i, j, true]), edit);
    result.mark([[...current, true]]);
    back.mark(cells.map(([i, j]) => [i, j, true]));
  }
  watch(model, ["table", ...TRAITS, "shift", "single", "row", "column"], draw);
}
export default { render };
