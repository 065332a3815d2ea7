import { clamp, h, s, update, watch, card, slider, select, toggle, button, row, surface, arrows, reducedMotion, ticker, uid } from "./kit.js";

// The output size along one axis; below 1 where there is no output.
export function size(length, kernelSize, stride, padding, dilation, transposed) {
  const reach = dilation * (kernelSize - 1) + 1;
  return transposed ? stride * (length - 1) + reach - 2 * padding : Math.floor((length + 2 * padding - reach) / stride) + 1;
}

// The products behind one output cell: [i, j, u, v, x, w] with input cell (i, j) = x, kernel cell (u, v) = w.
export function terms(picture, kernel, settings, row, column) {
  const { stride, padding, dilation, transposed, operation } = settings, found = [];
  const height = kernel.length, width = kernel[0].length;
  for (let a = 0; a < height; a++)
    for (let b = 0; b < width; b++) {
      const top = transposed ? (row + padding - a * dilation) / stride : row * stride - padding + a * dilation;
      const left = transposed ? (column + padding - b * dilation) / stride : column * stride - padding + b * dilation;
      const inside = top >= 0 && top < picture.length && left >= 0 && left < picture[0].length;
      if (transposed && !(inside && Number.isInteger(top) && Number.isInteger(left))) continue;
      const [u, v] = operation === "convolution" ? [height - 1 - a, width - 1 - b] : [a, b];
      found.push([top, left, u, v, inside ? picture[top][left] : 0, kernel[u][v]]);
    }
  return found;
}

export function convolve(picture, kernel, settings) {
  const { stride, padding, dilation, transposed } = settings;
  const height = size(picture.length, kernel.length, stride, padding, dilation, transposed);
  const width = size(picture[0].length, kernel[0].length, stride, padding, dilation, transposed);
  if (height < 1 || width < 1) return null;
  return Array.from({ length: height }, (_, i) => Array.from({ length: width }, (_, j) =>
    terms(picture, kernel, settings, i, j).reduce((sum, term) => sum + term[4] * term[5], 0)));
}

// The table cut or filled up with zeros to a size, its middle in the middle.
export function resize(table, height, width) {
  const top = Math.floor((table.length - height) / 2), left = Math.floor((table[0].length - width) / 2);
  return Array.from({ length: height }, (_, i) => Array.from({ length: width }, (_, j) => table[i + top]?.[j + left] ?? 0));
}

// A cell's colour: grey from 0 up where no number is negative, else blue below 0 and orange above.
export function shade(value, least, greatest) {
  let rgb = new Array(3).fill(greatest > 0 ? 255 * value / greatest : 0);
  if (least < 0) {
    const share = value / Math.max(-least, greatest);
    rgb = (share > 0 ? [230, 120, 0] : [0, 114, 178]).map((end) => 255 + Math.abs(share) * (end - 255));
  }
  return `#${rgb.map((part) => Math.floor(part + 0.5).toString(16).padStart(2, "0")).join("")}`;
}

const CELL = 40, WRITTEN = 20, MAX_SIDE = 12, MAX_KERNEL = 5, LARGEST = 999;
const TRAITS = ["stride", "padding", "dilation", "transposed", "operation"];

function inkOn(fill) {
  const [red, green, blue] = [1, 3, 5].map((i) => parseInt(fill.slice(i, i + 2), 16));
  return 0.3 * red + 0.59 * green + 0.11 * blue > 125 ? "#000" : "#fff";
}
function short(value, digits = 4) {
  const text = value.toFixed(digits), cut = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return Number(cut) === 0 ? "0" : cut.replace("-", "\u2212");
}
const inCell = (value) => short(value, Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
const factor = (value) => (value < 0 ? `(${short(value)})` : short(value));
const shape = (table) => `${table.length} \u00d7 ${table[0].length}`;

// The formula of one output side, with the numbers put in.
function formula(length, kernelSize, { stride, padding, dilation, transposed }) {
  const result = short(size(length, kernelSize, stride, padding, dilation, transposed));
  return transposed
    ? `${stride}\u00b7(${length} \u2212 1) + ${dilation}\u00b7(${kernelSize} \u2212 1) + 1 \u2212 2\u00b7${padding} = ${result}`
    : `\u230a(${length} + 2\u00b7${padding} \u2212 ${dilation}\u00b7(${kernelSize} \u2212 1) \u2212 1) / ${stride}\u230b + 1 = ${result}`;
}

// A table of numbers as coloured cells, with `extra` empty cells around it, and a layer for marks on top.
function grid(label, keys) {
  const cells = s("g"), marks = s("g"), node = surface(s("svg", { class: "cx-grid" }), label, keys);
  const caption = h("figcaption"), figure = h("figure", { class: "cx-panel cw-figure" }, caption, node);
  node.append(cells, marks);
  let built = "", shown = [];
  const at = (i, j, inset, name) => s("rect", { x: j * CELL + inset, y: i * CELL + inset, width: CELL - 2 * inset, height: CELL - 2 * inset, class: name });
  function build(rows, columns, extra) {
    const all = Array.from({ length: (rows + 2 * extra) * (columns + 2 * extra) }, (_, n) => [Math.floor(n / (columns + 2 * extra)) - extra, n % (columns + 2 * extra) - extra]);
    const outside = all.filter(([i, j]) => i < 0 || j < 0 || i >= rows || j >= columns);
    const written = Math.max(rows, columns) + 2 * extra <= WRITTEN;
    shown = all.filter(([i, j]) => i >= 0 && j >= 0 && i < rows && j < columns).map(([i, j]) => [i, j, at(i, j, 0.5, "cx-cell"),
      written ? s("text", { x: (j + 0.5) * CELL, y: (i + 0.5) * CELL, class: "cx-number" }) : null]);
    cells.replaceChildren(...outside.flatMap(([i, j]) => [at(i, j, 2, "cx-pad"), written ? s("text", { x: (j + 0.5) * CELL, y: (i + 0.5) * CELL, class: "cx-number cx-zero" }, "0") : ""]).filter(Boolean),
      ...shown.flatMap(([, , cell, text]) => (text ? [cell, text] : [cell])));
    node.setAttribute("viewBox", `${-extra * CELL - 2} ${-extra * CELL - 2} ${(columns + 2 * extra) * CELL + 4} ${(rows + 2 * extra) * CELL + 4}`);
    const across = columns + 2 * extra;      // panels side by side keep one size of cell
    figure.style.cssText = `flex: ${across} 1 ${across * 20}px; max-width: min(100%, ${Math.max(across * 46, 92)}px)`;
  }
  function draw(table, words, extra = 0, signed = false) {
    const key = `${shape(table)} ${extra}`, values = table.flat(), greatest = Math.max(...values);
    const least = signed ? Math.min(-1e-9, ...values) : Math.min(...values);
    if (key !== built) build(table.length, table[0].length, extra);
    built = key;
    for (const [i, j, cell, text] of shown) {
      const fill = shade(table[i][j], least, greatest);
      cell.setAttribute("fill", fill);
      if (!text) continue;
      const number = inCell(table[i][j]);
      text.textContent = number;
      text.style.fill = inkOn(fill);
      text.style.fontSize = `${number.length > 4 ? 11 : number.length > 3 ? 13 : 16}px`;
    }
    caption.replaceChildren(h("strong", {}, words[0]), ` ${words[1]}`);
  }
  // [i, j, name, small number in the corner]; a white line under a coloured one is seen on every ground
  const mark = (list, edited) => marks.replaceChildren(...list.flatMap(([i, j, name, corner]) => [at(i, j, 2.5, "cx-under"), at(i, j, 2.5, name),
    ...(corner === undefined ? [] : [s("rect", { x: j * CELL + 15, y: i * CELL + 26, width: 24, height: 13, class: "cx-tag" }), s("text", { x: (j + 1) * CELL - 4, y: (i + 1) * CELL - 4, class: "cx-corner" }, corner)])]),
    ...(edited ? [s("circle", { cx: edited[1] * CELL + 8, cy: edited[0] * CELL + 8, r: 5, class: "cx-edit" })] : []));
  const place = (event) => {
    const box = node.getBoundingClientRect(), view = node.viewBox.baseVal;
    return [Math.floor((view.y + (event.clientY - box.top) / box.height * view.height) / CELL), Math.floor((view.x + (event.clientX - box.left) / box.width * view.width) / CELL)];
  };
  return { node, figure, draw, mark, place };
}

function render({ model, el }) {
  const { body, say } = card(el, "Convolution explorer",
    "Point at an output cell: the framed cells of input and kernel are multiplied in pairs and added up. Click a number to change it.");
  const get = (name) => model.get(name), settings = () => Object.fromEntries(TRAITS.map((name) => [name, get(name)]));
  let edit = { name: "picture", i: 2, j: 2 }, typed = "", output = null, current = [0, 0], note = "";

  // ---- the three tables ----------------------------------------------------------------------------------
  const inside = (table, i, j) => [clamp(i, 0, table.length - 1), clamp(j, 0, table[0].length - 1)];
  const nameOf = (name) => (name === "picture" ? "Input" : "Kernel");
  function choose(name, i, j) {
    [i, j] = inside(get(name), i, j);
    if (edit.name !== name || edit.i !== i || edit.j !== j) typed = "";
    edit = { name, i, j };
    const where = `${nameOf(name)} row ${i}, column ${j}: ${short(get(name)[i][j])}`;
    const uses = name === "picture" && output ? output.flatMap((line, r) => line.filter((_, c) => terms(get("picture"), get("kernel"), settings(), r, c).some(([a, b]) => a === i && b === j))).length : 0;
    say(name === "picture" ? `${where}. It is part of ${uses} of ${output ? output.length * output[0].length : 0} output sums.` : `${where}. Type a number to change it.`);
    point();
  }
  function write(value) {
    const { name, i, j } = edit, table = get(name).map((line) => [...line]);
    table[i][j] = clamp(value, -LARGEST, LARGEST);
    note = `${nameOf(name)} row ${i}, column ${j} is now ${short(table[i][j])}. `;
    update(model, { [name]: table, [`${name}_preset`]: "own" });
  }
  function type(key) {
    typed = key === "Backspace" ? typed.slice(0, -1) : key === "-" ? (typed.startsWith("-") ? typed.slice(1) : `-${typed}`) : typed + key;
    write(Number.isFinite(Number(typed)) ? Number(typed) : 0);
  }
  function table(name, words) {
    const chosen = () => (edit.name === name ? edit : { i: 0, j: 0 });
    const view = grid(words, {
      ...arrows((dx, dy) => choose(name, chosen().i + dy, chosen().j + dx)),
      ...Object.fromEntries([..."0123456789.-"].map((key) => [key, () => { choose(name, chosen().i, chosen().j); type(key); }])),
      Backspace: () => type("Backspace"), Enter: () => { typed = ""; choose(name, chosen().i, chosen().j); },
    });
    view.node.addEventListener("pointerdown", (event) => choose(name, ...view.place(event)));
    return view;
  }
  const input = table("picture", "Input numbers. Arrow keys choose a cell, digits, minus and point write a number into it.");
  const weights = table("kernel", "Kernel numbers. Arrow keys choose a cell, digits, minus and point write a number into it.");
  const result = grid("Output numbers. Arrow keys choose a cell and show the sum behind it.", {
    ...arrows((dx, dy) => look(current[0] + dy, current[1] + dx)),
    Enter: () => look(...current), Home: () => look(0, 0), End: () => look(Infinity, Infinity),
  });
  function look(i, j) {
    if (!output) return;
    current = inside(output, i, j);
    update(model, { row: current[0], column: current[1] });
  }
  for (const kind of ["pointermove", "pointerdown"])
    result.node.addEventListener(kind, (event) => {
      const [i, j] = output ? inside(output, ...result.place(event)) : current;
      if (i !== current[0] || j !== current[1]) { walk.stop(); look(i, j); }
    });

  // ---- controls ------------------------------------------------------------------------------------------
  // A slider on something that is no part of the state by itself.
  function range(label, min, max, change) {
    const id = uid("range"), value = h("output", { for: id }), name = h("label", { for: id }, label);
    const node = h("input", { type: "range", id, min, max, step: 1, oninput: () => change(Number(node.value)) });
    const show = (number, words, limits = [min, max]) => {
      [node.min, node.max] = limits;
      node.value = number;
      value.textContent = words;
      node.setAttribute("aria-valuetext", words);
    };
    return { field: h("div", { class: "cw-field" }, h("div", { class: "cw-label" }, name, value), node), name, show };
  }
  function scale(name, side) {
    const [height, width] = [get(name).length, get(name)[0].length], longest = Math.max(height, width);
    note = `${nameOf(name)} resized. `;
    edit = { name, i: 0, j: 0 };
    const to = (length) => (length === longest ? side : Math.min(length, side));      // a row of numbers stays a row
    update(model, { [name]: resize(get(name), to(height), to(width)), [`${name}_preset`]: "own" });
  }
  const pick = (name, label, presets) => select(model, `${name}_preset`, {
    label, options: [...Object.keys(get(presets)).map((one) => [one, one]), ["own", "your own"]],
    then: () => {
      const chosen = get(presets)[get(`${name}_preset`)];
      note = `${nameOf(name)}: ${get(`${name}_preset`)}. `;
      typed = "";
      if (chosen) update(model, { [name]: chosen });
      else say(`${nameOf(name)}: click a number and type, or use the slider.`);
    },
  });
  const value = range("Chosen number", -9, 9, (number) => { typed = ""; write(number); });
  const inputSide = range("Input size", 2, MAX_SIDE, (side) => scale("picture", side));
  const kernelSide = range("Kernel size", 1, MAX_KERNEL, (side) => scale("kernel", side));
  const setting = (name, label, min, max) => slider(model, name, { label, min, max, then: () => { note = `${label} ${get(name)}. `; } });
  function forward() {
    if (!output) { say("There is no output to walk over."); return false; }
    const next = (current[0] * output[0].length + current[1] + 1) % (output.length * output[0].length);
    look(Math.floor(next / output[0].length), next % output[0].length);
    return next !== output.length * output[0].length - 1;
  }
  const walkButton = button("Slide", () => { if (reducedMotion()) forward(); else walk.flip(); }, { class: "cw-button cw-main" });
  const walk = ticker(450, forward, (on) => { walkButton.textContent = on ? "Pause" : "Slide"; });
  const sum = h("p", { class: "cx-sum" }), sizes = h("p", { class: "cx-size" }), none = h("p", { class: "cx-none" });
  body.append(h("div", { class: "cw-wide cx-panels" }, input.figure, weights.figure, result.figure, none),
    h("div", { class: "cw-wide cx-words" }, sizes, sum),
    h("div", { class: "cw-wide cx-controls" },
      pick("picture", "Input", "pictures"), pick("kernel", "Kernel", "kernels"),
      select(model, "operation", { label: "Operation", options: [["correlation", "correlation"], ["convolution", "convolution"]], then: () => { note = get("operation") === "convolution" ? "Convolution: the kernel is turned by 180\u00b0. " : "Correlation: the kernel is laid on as it is. "; } }),
      row(walkButton, toggle(model, "transposed", { label: "transposed", then: () => { note = get("transposed") ? "Transposed: each input number spreads the kernel out over the output. " : "Not transposed: each output number gathers its window. "; } })),
      value.field, inputSide.field, kernelSide.field,
      setting("stride", "Stride", 1, 4), setting("padding", "Padding", 0, 4), setting("dilation", "Dilation", 1, 3)));

  // ---- drawing -------------------------------------------------------------------------------------------
  const named = ["picture", "kernel", ...TRAITS];
  let drawn = [];
  function draw() {
    const now = named.map(get), picture = get("picture"), kernel = get("kernel"), chosen = settings();
    if (now.some((one, i) => one !== drawn[i])) {        // a look at another cell leaves the tables as they are
      drawn = now;
      output = convolve(picture, kernel, chosen);
      input.draw(picture, ["Input", shape(picture) + (chosen.padding && !chosen.transposed ? ` and ${chosen.padding} of padding` : "")], chosen.transposed ? 0 : chosen.padding);
      weights.draw(kernel, ["Kernel", shape(kernel) + (chosen.operation === "convolution" ? ", turned when used" : "")], 0, true);
      if (output) result.draw(output, ["Output", shape(output)]);
      result.figure.hidden = !output;
      none.hidden = !!output;
      const square = picture.length === picture[0].length && kernel.length === kernel[0].length;
      const high = formula(picture.length, kernel.length, chosen), wide = formula(picture[0].length, kernel[0].length, chosen);
      sizes.replaceChildren(...(square ? [h("strong", {}, "Output side = "), high] : [h("strong", {}, "Output height = "), high, h("br"), h("strong", {}, "Output width = "), wide]));
      inputSide.show(Math.max(picture.length, picture[0].length), shape(picture));
      kernelSide.show(Math.max(kernel.length, kernel[0].length), shape(kernel));
    }
    if (output) current = inside(output, get("row"), get("column"));
    point();
    if (output) say(`${note}Output ${shape(output)}; row ${current[0]}, column ${current[1]}: ${short(output[current[0]][current[1]])}.`);
    else say(`${note}${none.textContent}`);
    note = "";
  }
  function point() {
    const picture = get("picture"), kernel = get("kernel"), chosen = settings();
    const [a, b] = inside(get(edit.name), edit.i, edit.j), number = get(edit.name)[a][b];
    const reach = edit.name === "picture" ? [Math.min(0, number), Math.max(16, number, ...picture.flat())] : [Math.min(-9, number), Math.max(9, number)];
    value.name.replaceChildren(h("span", { class: "cx-dot", "aria-hidden": "true" }), `${nameOf(edit.name)} [${a}, ${b}]`);
    value.show(number, short(number), reach.map(Math.round));
    const window_ = output ? terms(picture, kernel, chosen, ...current) : [];
    const chosenCell = (name) => (edit.name === name ? [a, b] : null);
    const room = Math.max(picture.length, picture[0].length) + 2 * chosen.padding <= 10;
    input.mark(window_.map(([i, j, , , , w]) => [i, j, "cx-window", room ? `\u00d7${inCell(w)}` : undefined]), chosenCell("picture"));
    weights.mark(window_.map(([, , u, v]) => [u, v, "cx-window"]), chosenCell("kernel"));
    result.mark(output ? [[...current, "cx-window"]] : []);
    if (!output) {
      const reached = Math.max(...[kernel.length, kernel[0].length].map((length) => chosen.dilation * (length - 1) + 1));
      none.textContent = chosen.transposed
        ? "No output: the padding cuts off more than there is. Use a smaller padding."
        : `No output: the kernel reaches over ${reached} cells and the input, with its padding, has ${Math.min(picture.length, picture[0].length) + 2 * chosen.padding}. Pad more, or use a smaller kernel or dilation.`;
      return sum.replaceChildren();
    }
    const products = window_.flatMap(([, , , , x, w], n) => [n ? " + " : "", h("span", { class: x && w ? "cx-term" : "cx-nothing" }, `${factor(x)}\u00b7${factor(w)}`)]);
    sum.replaceChildren(h("strong", {}, `Output [${current}] = `.replace(",", ", ")), ...products,
      products.length ? " = " : "no input cell reaches it: ", h("strong", { class: "cx-total" }, short(output[current[0]][current[1]])));
  }
  watch(model, [...named, "row", "column"], draw);
  return () => walk.stop();
}
export default { render };
