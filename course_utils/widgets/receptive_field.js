import { clamp, h, s, update, watch, card, slider, select, button, row, column, surface, arrows, uid } from "./kit.js";

// Size, receptive field, jump and first centre of the input and of each layer, up to the first without a unit.
export function geometry(layers, size) {
  const rows = [{ size, field: 1, jump: 1, start: 0 }];
  for (const { kernel_size: kernel, stride, padding, dilation } of layers) {
    const last = rows.at(-1), spread = dilation * (kernel - 1);
    if (last.size < 1) break;
    rows.push({
      size: Math.floor((last.size + 2 * padding - spread - 1) / stride) + 1,
      field: last.field + spread * last.jump,
      jump: last.jump * stride,
      start: last.start + (spread / 2 - padding) * last.jump,
    });
  }
  return rows;
}

// The cells of rows 0 to depth that reach one unit, as [index, paths]; indices outside a row lie in its padding.
export function cone(layers, size, depth, unit) {
  const sizes = geometry(layers, size).map((one) => one.size), rows = [[[unit, 1]]];
  for (let level = depth; level > 0; level--) {
    const { kernel_size: kernel, stride, padding, dilation } = layers[level - 1], counts = new Map();
    for (const [index, paths] of rows[0]) {
      if (index < 0 || index >= sizes[level]) continue;
      for (let tap = 0; tap < kernel; tap++) {
        const cell = index * stride - padding + tap * dilation;
        counts.set(cell, (counts.get(cell) ?? 0) + paths);
      }
    }
    rows.unshift([...counts].sort((a, b) => a[0] - b[0]));
  }
  return rows;
}

// A layer's short name: what differs from stride 1, padding 0 and dilation 1 is told.
export function nameOf({ kind, kernel_size: kernel, stride, padding, dilation }) {
  return `${kind} ${kernel}${stride !== 1 ? ` s${stride}` : ""}${padding !== 0 ? ` p${padding}` : ""}${dilation !== 1 ? ` d${dilation}` : ""}`;
}

const MAX_LAYERS = 10, GAP = 54, TOP = 30, HIGH = 14, SIDE = 10;
const MINUS = (value) => String(value).replace("-", "\u2212");

function render({ model, el }) {
  const { body, say } = card(el, "Receptive field",
    "Point at a unit: the lines run down to every input cell that it sees. The stronger a cell's colour, the more paths lead to it.");
  const get = (name) => model.get(name);
  let rows = [], room = 600, note = "";

  // ---- the drawing ---------------------------------------------------------------------------------------
  const cells = s("g"), marks = s("g"), labels = s("g"), drawing = surface(s("svg", { class: "rf-drawing" }),
    "Rows of units, the input at the bottom. Left and right arrows choose a unit, up and down a row; Enter takes the middle unit of the top row.", {
      ...arrows((dx, dy) => look(now().depth - dy, now().depth === clamp(now().depth - dy, 0, top()) ? now().unit + dx : null)),
      Enter: () => look(top(), Math.floor(rows[top()].size / 2)),
    });
  drawing.append(cells, marks, labels);
  const top = () => rows.length - (rows.at(-1).size < 1 ? 2 : 1);
  const now = () => { const depth = clamp(get("depth"), 0, top()); return { depth, unit: clamp(get("unit"), 0, rows[depth].size - 1) }; };
  // unit null: the unit of the other row that lies nearest to the present one
  function look(depth, unit) {
    const from = now(), centre = rows[from.depth].start + from.unit * rows[from.depth].jump;
    depth = clamp(depth, 0, top());
    unit = clamp(unit ?? Math.round((centre - rows[depth].start) / rows[depth].jump), 0, rows[depth].size - 1);
    update(model, { depth, unit });
  }
  // The frame holds every row with its padding, so that it stays still while one looks around.
  function frame() {
    let least = -0.5, most = get("size") - 0.5;
    rows.slice(0, top() + 1).forEach(({ size, jump, start }, level) => {
      const padding = get("layers")[level]?.padding ?? 0, reach = Math.min(jump, 2) / 2;
      least = Math.min(least, start - padding * jump - reach);
      most = Math.max(most, start + (size - 1 + padding) * jump + reach);
    });
    const scale = (room - 2 * SIDE) / (most - least);
    return { scale, x: (level, index) => SIDE + scale * (rows[level].start + index * rows[level].jump - least), y: (level) => TOP + GAP * (top() - level), wide: (level) => clamp(scale * rows[level].jump * 0.84, 1.5, 22) };
  }
  function at(event) {
    const box = drawing.getBoundingClientRect(), { scale, x, y } = frame(), px = (event.clientX - box.left) / box.width * room;
    const depth = clamp(Math.round(top() - ((event.clientY - box.top) / box.height * drawing.viewBox.baseVal.height - TOP) / GAP), 0, top());
    return [depth, clamp(Math.round((px - x(depth, 0)) / (scale * rows[depth].jump)), 0, rows[depth].size - 1)];
  }
  for (const kind of ["pointermove", "pointerdown"])
    drawing.addEventListener(kind, (event) => {
      const [depth, unit] = at(event), old = now();
      if (depth !== old.depth || unit !== old.unit) look(depth, unit);
    });
  const box = (x, y, w, extra = 0) => `M${(x - w / 2 - extra).toFixed(1)} ${y - HIGH / 2 - extra}h${(w + 2 * extra).toFixed(1)}v${HIGH + 2 * extra}h${-(w + 2 * extra).toFixed(1)}z`;
  function drawCells() {
    const { x, y, wide } = frame(), layers = get("layers"), bottom = y(0) + 44;
    drawing.setAttribute("viewBox", `0 0 ${room} ${bottom}`);
    drawing.style.aspectRatio = `${room} / ${bottom}`;
    cells.replaceChildren(...rows.slice(0, top() + 1).flatMap(({ size }, level) => {
      const padding = level < top() ? layers[level].padding : 0, w = wide(level);
      const outside = Array.from({ length: padding }, (_, i) => box(x(level, -1 - i), y(level), w) + box(x(level, size + i), y(level), w)).join("");
      return [s("path", { d: outside, class: "rf-pad" }), s("path", { d: Array.from({ length: size }, (_, i) => box(x(level, i), y(level), w)).join(""), class: "rf-cell" })];
    }));
    labels.replaceChildren(...rows.slice(0, top() + 1).map((_, level) => s("text", { x: 4, y: y(level) - 12, class: "rf-name" }, level ? `${level}: ${nameOf(layers[level - 1])}` : "input")));
  }
  function drawMarks() {
    const { x, y, wide, scale } = frame(), { depth, unit } = now(), layers = get("layers"), seen = cone(layers, get("size"), depth, unit);
    let lines = "";
    for (let level = depth; level > 0; level--) {
      const { kernel_size: kernel, stride, padding, dilation } = layers[level - 1];
      for (const [index] of seen[level])
        for (let tap = 0; index >= 0 && index < rows[level].size && tap < kernel; tap++)
          lines += `M${x(level, index).toFixed(1)} ${y(level) + HIGH / 2}L${x(level - 1, index * stride - padding + tap * dilation).toFixed(1)} ${y(level - 1) - HIGH / 2}`;
    }
    const list = seen.flatMap((reached, level) => {
      const most = Math.max(...reached.map(([, paths]) => paths));
      return reached.map(([index, paths]) => {
        const inside = index >= 0 && index < rows[level].size;
        return s("path", { d: box(x(level, index), y(level), wide(level)), class: inside ? "rf-seen" : "rf-lost", "fill-opacity": inside ? (0.3 + 0.7 * Math.sqrt(paths / most)).toFixed(2) : null });
      });
    });
    const { field, jump, start } = rows[depth], centre = x(0, start + unit * jump), half = field * scale / 2, under = y(0) + 20;
    marks.replaceChildren(s("path", { d: lines, class: "rf-lines", "stroke-opacity": clamp(120 / (lines.length / 26), 0.4, 0.9).toFixed(2) }), ...list,
      s("path", { d: box(x(depth, unit), y(depth), wide(depth), 2.5), class: "rf-chosen" }),
      s("path", { d: `M${(centre - half).toFixed(1)} ${under - 6}v6h${(2 * half).toFixed(1)}v-6`, class: "rf-brace" }),
      s("text", { x: clamp(centre, 90, room - 90), y: under + 16, class: "rf-field" }, `receptive field ${field}`));
    return seen;
  }

  // ---- building the stack --------------------------------------------------------------------------------
  const chosen = () => clamp(get("edited"), 0, Math.max(0, get("layers").length - 1));
  // Changes keep the look at the middle of the top row: what one watches while turning a knob.
  function stack(layers, words, patch = {}) {
    note = words;
    rows = geometry(layers, patch.size ?? get("size"));
    update(model, { layers, preset: "own", ...patch, depth: top(), unit: Math.floor(rows[top()].size / 2) });
  }
  const change = (name, value) => stack(get("layers").map((layer, i) => (i === chosen() ? { ...layer, [name]: value } : layer)), `Layer ${chosen() + 1}: ${name.replace("_", " ")} ${value}. `);
  function add() {
    const layers = [...get("layers")];
    if (layers.length === MAX_LAYERS) return say(`${MAX_LAYERS} layers are the most that fit here: remove one first.`);
    layers.splice(chosen() + 1, 0, layers.length ? { ...layers[chosen()] } : { kind: "conv", kernel_size: 3, stride: 1, padding: 0, dilation: 1 });
    stack(layers, `Added layer ${Math.min(chosen() + 2, layers.length)}. `, { edited: Math.min(chosen() + 1, layers.length - 1) });
  }
  function remove() {
    if (!get("layers").length) return say("There is no layer to remove.");
    stack(get("layers").filter((_, i) => i !== chosen()), `Removed layer ${chosen() + 1}. `, { edited: Math.max(0, chosen() - 1) });
  }
  function move(step) {
    const layers = [...get("layers")], from = chosen(), to = from + step;
    if (to < 0 || to >= layers.length) return say(step < 0 ? "This layer is the first already." : "This layer is the last already.");
    [layers[from], layers[to]] = [layers[to], layers[from]];
    stack(layers, `Layer ${from + 1} is now layer ${to + 1}. `, { edited: to });
  }
  function choice(label, oninput) {
    const id = uid("choice"), node = h("select", { id, onchange: () => oninput(node.value) });
    return { node, field: h("div", { class: "cw-field" }, h("div", { class: "cw-label" }, h("label", { for: id }, label)), node) };
  }
  const which = choice("Change layer", (value) => { update(model, { edited: Number(value) }); say(`Layer ${chosen() + 1} is ${nameOf(get("layers")[chosen()])}. ${recurrence()}`); });
  const kind = choice("Kind", (value) => change("kind", value));
  kind.node.append(h("option", { value: "conv" }, "convolution"), h("option", { value: "pool" }, "pooling"));
  const knobs = Object.entries(get("limits")).map(([name, [min, max]]) => {
    const id = uid(name), value = h("output", { for: id }), words = name.replace("_", " ");
    const node = h("input", { type: "range", id, min, max, step: 1, oninput: () => (get("layers").length ? change(name, Number(node.value)) : say("There is no layer to change: add one.")) });
    const set = (number) => { node.value = number; value.textContent = number; node.setAttribute("aria-valuetext", number); };
    return { name, set, field: h("div", { class: "cw-field" }, h("div", { class: "cw-label" }, h("label", { for: id }, words[0].toUpperCase() + words.slice(1)), value), node) };
  });
  const names = Object.keys(get("presets"));
  const table = h("table", { class: "rf-table" }, h("thead", {}, h("tr", {}, ...["layer", "size", "field", "jump", "centre"].map((word) => h("th", { scope: "col" }, word)))), h("tbody"));
  const sum = h("p", { class: "cw-note rf-sum" });
  body.append(h("div", { class: "cw-wide" }, drawing),
    column(row(select(model, "preset", { label: "Stack", options: [...names.map((name) => [name, name]), ["own", "your own"]], then: () => {
      const made = get("presets")[get("preset")];
      if (made) stack(made.layers, `${get("preset")}. `, { size: made.size, preset: get("preset"), edited: made.layers.length - 1 });
      else say("Your own stack: change a layer, add, remove or move one.");
    } }), slider(model, "size", { label: "Input size", min: 4, max: 96, then: () => stack(get("layers"), `Input of ${get("size")} cells. `) })),
    row(which.field, kind.field), h("div", { class: "rf-knobs" }, ...knobs.map((knob) => knob.field)),
    row(button("Add layer", add, { class: "cw-button cw-main" }), button("Remove", remove), button("Move down", () => move(-1)), button("Move up", () => move(1)))),
    column(table, sum, h("p", { class: "cw-note" }, "Field: input cells from the first to the last that a unit can see. Jump: input cells between neighbours. Centre: of unit 0; input cell 0 is at 0. In a name, s is the stride, p the padding, d the dilation.")));

  // ---- words ---------------------------------------------------------------------------------------------
  function recurrence() {
    const i = chosen(), layer = get("layers")[i], below = rows[i];
    if (!layer || !below || below.size < 1) return "";
    const { kernel_size: k, stride, padding, dilation } = layer, here = rows[i + 1];
    const fits = `size = \u230a(${below.size} + 2\u00b7${padding} \u2212 ${dilation}\u00b7(${k} \u2212 1) \u2212 1) / ${stride}\u230b + 1 = ${MINUS(here.size)}`;
    return here.size < 1 ? `${fits}: no unit fits.` : `${fits}; field = ${below.field} + ${dilation}\u00b7(${k} \u2212 1)\u00b7${below.jump} = ${here.field}; jump = ${below.jump}\u00b7${stride} = ${here.jump}.`;
  }
  function report(seen) {
    const { depth, unit } = now(), inside = seen[0].filter(([i]) => i >= 0 && i < get("size")), lost = seen.some((reached, level) => reached.some(([i]) => i < 0 || i >= rows[level].size));
    if (rows.at(-1).size < 1) return `Layer ${rows.length - 1} has no unit: its kernel reaches over more cells than layer ${rows.length - 2 || "the input"} and the padding have. ${depth ? "" : "Pad more, or use a smaller kernel or dilation."}`.replace("layer the", "the");
    if (!depth) return `Input cell ${unit} sees itself.`;
    if (!inside.length) return `Unit ${unit} of layer ${depth} sees nothing but padding.`;
    const first = inside[0][0], last = inside.at(-1)[0], holes = last - first + 1 - inside.length;
    return `Unit ${unit} of layer ${depth} sees input cells ${first} to ${last}${holes ? `, but ${holes} between them are skipped` : ""}; its field is ${rows[depth].field}${lost ? ", a part of it padding" : ""}.`;
  }
  let drawn = [];
  function draw() {
    const layers = get("layers"), key = [layers, get("size"), room];
    rows = geometry(layers, get("size"));
    if (key.some((one, i) => one !== drawn[i])) drawCells();
    drawn = key;
    const seen = drawMarks(), layer = layers[chosen()];
    which.node.replaceChildren(...layers.map((one, i) => h("option", { value: i, selected: i === chosen() }, `${i + 1}: ${nameOf(one)}`)));
    kind.node.value = layer?.kind ?? "conv";
    for (const knob of knobs) knob.set(layer?.[knob.name] ?? get("limits")[knob.name][0]);
    const { depth } = now();
    table.tBodies[0].replaceChildren(...rows.map((one, i) => h("tr", { class: i === depth ? "rf-here" : null }, h("th", { scope: "row" }, i ? `${i}: ${nameOf(layers[i - 1])}` : "input"),
      ...(one.size < 1 ? [h("td", { colspan: 4 }, `${MINUS(one.size)}: no unit`)] : [one.size, one.field, one.jump, MINUS(one.start)].map((value) => h("td", {}, String(value)))))).reverse());
    sum.replaceChildren(layer ? h("strong", {}, `Layer ${chosen() + 1} `) : "", recurrence());
    say(note + report(seen));
    note = "";
  }
  watch(model, ["layers", "size", "depth", "unit", "edited"], draw);
  const observer = new ResizeObserver(() => {
    const width = Math.round(drawing.clientWidth);
    if (width > 0 && width !== room) { room = width; draw(); }
  });
  observer.observe(drawing);
  return () => observer.disconnect();
}
export default { render };
