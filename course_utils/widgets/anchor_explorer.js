import { show, clamp, h, s, update, watch, card, slider, select, button, row, column, surface, arrows, drag } from "./kit.js";

// Boxes are [x1, y1, x2, y2, ...] in pixels of the picture. The library keeps anchors in 32 bits: so does fround here.
const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
const single = Math.fround;

export function iou(a, b) {
  const wide = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])), tall = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const both = wide * tall, either = area(a) + area(b) - both;
  return either > 0 ? both / either : 0;
}

const around = (w, tall) => [-single(w) / 2, -single(tall) / 2, single(w) / 2, single(tall) / 2];

// Every size in every proportion (height over width), centred at the origin.
export function cellAnchors(sizes, ratios) {
  return ratios.flatMap((ratio) => sizes.map((size) => around(size / Math.sqrt(ratio), size * Math.sqrt(ratio))));
}

// SSD's: two squares, then each ratio wide and tall.
export function ssdCell(size, next, ratios) {
  const middle = Math.sqrt(size * next);
  return [[size, size], [middle, middle], ...ratios.flatMap((ratio) => [[size * Math.sqrt(ratio), size / Math.sqrt(ratio)], [size / Math.sqrt(ratio), size * Math.sqrt(ratio)]])].map(([w, tall]) => around(w, tall));
}

// Row by row, column by column, anchor by anchor.
export function gridAnchors(rows, columns, stride, cell) {
  const placed = [];
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++)
      for (const box of cell) placed.push(box.map((v, k) => single((k % 2 ? i + 0.5 : j + 0.5) * stride + v)));
  return placed;
}

// The maps of a layout: {stride, side, each, first, cell}, `first` the number of its first anchor.
export function mapsOf(layout, stride, scales, ratios, size) {
  let first = 0;
  const made = layout === "three maps" ? [8, 16, 32].map((step, i) => [step, ssdCell(SSD[i] * size, SSD[i + 1] * size, [2])]) : [[stride, cellAnchors(scales, ratios)]];
  return made.map(([step, cell]) => {
    const one = { stride: step, side: Math.floor(size / step), each: cell.length, first, cell };
    first += one.side * one.side * one.each;
    return one;
  });
}
const SSD = [0.17, 0.27, 0.4, 0.6];

// What each anchor learns: the number of an object, -1 the background, -2 nothing; and its IoU with that object.
export function match(anchors, objects, high, low, force) {
  const all = anchors.map((anchor) => objects.map((object) => iou(anchor, object)));
  const overlaps = all.map((values) => Math.max(0, ...values)), taken = all.map((values, i) => values.indexOf(overlaps[i]));
  const indices = overlaps.map((best, i) => (!objects.length || best < low ? -1 : best < high ? -2 : taken[i]));
  if (force === "ties") {
    const highest = objects.map((_, j) => all.reduce((most, values) => Math.max(most, values[j]), 0));
    all.forEach((values, i) => { if (values.some((value, j) => value > 0 && value === highest[j])) indices[i] = taken[i]; });
  }
  if (force === "one") {
    const given = new Set(), done = new Set();
    for (let round = 0; round < Math.min(anchors.length, objects.length); round++) {
      let best = 0, anchor = -1, object = -1;
      all.forEach((values, i) => { if (!given.has(i)) values.forEach((value, j) => { if (value > best && !done.has(j)) { best = value; anchor = i; object = j; } }); });
      if (anchor < 0) break;
      given.add(anchor);
      done.add(object);
      indices[anchor] = object;
      overlaps[anchor] = best;
    }
  }
  return { indices, overlaps };
}

// t_x, t_y, t_w, t_h: the object as a correction of the anchor.
export function encode(box, anchor) {
  const [w, tall, wa, ta] = [box[2] - box[0], box[3] - box[1], anchor[2] - anchor[0], anchor[3] - anchor[1]];
  return [((box[0] + box[2]) / 2 - (anchor[0] + anchor[2]) / 2) / wa, ((box[1] + box[3]) / 2 - (anchor[1] + anchor[3]) / 2) / ta, Math.log(w / wa), Math.log(tall / ta)];
}

// How many of each kind, and for each object: how many anchors learn it, and the best IoU any anchor has with it.
export function tally(found, anchors, objects) {
  const count = (kind) => found.indices.filter((index) => (kind < 0 ? index === kind : index >= 0)).length;
  const learned = objects.map((_, j) => found.indices.filter((index) => index === j).length);
  const best = objects.map((object) => anchors.reduce((most, anchor) => Math.max(most, iou(anchor, object)), 0));
  return { positive: count(0), negative: count(-1), ignored: count(-2), learned, best };
}

// ---- the page --------------------------------------------------------------------------------------------------------

const SIZE = 128, ZOOM = 4, LEAST = 6, KINDS = ["negative", "ignored", "positive"];
const px = (value) => ZOOM * value, many = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const fraction = (ratio) => (ratio < 1 ? `1:${Math.round(1 / ratio)}` : `${ratio}:1`);

function render({ model, el }) {
  const { body, say } = card(el, "Anchors and their objects",
    "Each dot is an anchor. Click one, or drag an object and its corner. Which anchors learn it, and what are they to correct?");
  const get = (name) => model.get(name), objects = () => get("objects"), picked = () => Math.min(get("chosen"), objects().length - 1);
  const called = (j) => `${j + 1} ${get("classes")[objects()[j][4]]}`;
  let note = "", quiet = false, all = null;

  // All anchors and what they learn, computed once for each state.
  function now() {
    const key = JSON.stringify(["maps", "stride", "scales", "ratios", "objects", "high", "low", "force"].map(get));
    if (all?.key === key) return all;
    const grid = JSON.stringify(["maps", "stride", "scales", "ratios"].map(get)), same = all?.grid === grid;
    const maps = same ? all.maps : mapsOf(get("maps"), get("stride"), get("scales"), get("ratios"), SIZE);
    const anchors = same ? all.anchors : maps.flatMap((one) => gridAnchors(one.side, one.side, one.stride, one.cell));
    const found = match(anchors, objects(), get("high"), Math.min(get("low"), get("high")), get("force"));
    all = { key, grid, maps, anchors, found, counts: tally(found, anchors, objects()) };
    return all;
  }
  const shown = () => now().maps.find((one) => one.stride === get("stride")) ?? now().maps[0];
  // The chosen anchor: where it lies, and its number among all.
  function chosen() {
    const map = shown(), i = clamp(get("row"), 0, map.side - 1), j = clamp(get("column"), 0, map.side - 1), k = clamp(get("anchor"), 0, map.each - 1);
    return { i, j, k, index: map.first + (i * map.side + j) * map.each + k };
  }
  function about(index) {
    const { anchors, found } = now(), anchor = anchors[index], learns = found.indices[index], values = objects().map((one) => iou(anchor, one));
    const most = Math.max(0, ...values), object = learns >= 0 ? learns : most > 0 ? values.indexOf(most) : -1, overlap = object < 0 ? 0 : values[object];
    const high = get("high"), kind = learns >= 0 ? "positive" : learns === -1 ? "negative" : "ignored";
    const low = Math.min(get("low"), high);
    const why = kind === "negative" ? `below ${show(low)}` : kind === "ignored" ? `from ${show(low)} to below ${show(high)}` : overlap >= high ? `at least ${show(high)}` : `below ${show(high)}, but forced: ${get("force") === "one" ? "the object gets this one" : "no anchor overlaps an object more"}`;
    return { anchor, object, overlap, kind, why, forced: kind === "positive" && overlap < high };
  }

  // ---- changes --------------------------------------------------------------------------------------------
  const tell = (words, patch) => { note = words; update(model, patch); };
  function pick(i, j, k) {
    const map = shown(), [a, b, c] = [clamp(i, 0, map.side - 1), clamp(j, 0, map.side - 1), ((k % map.each) + map.each) % map.each];
    quiet = true;
    if (a === get("row") && b === get("column") && c === get("anchor")) draw();
    else update(model, { row: a, column: b, anchor: c });
  }
  const step = (di, dj, dk) => { const { i, j, k } = chosen(); pick(i + di, j + dj, k + dk); };
  function setObject(j, box, words) {
    const [x1, y1, x2, y2] = box.map(Math.round);
    tell(`${words} `, { objects: objects().map((one, at) => (at === j ? [x1, y1, x2, y2, one[4]] : one)), chosen: j });
  }
  function move(j, from, dx, dy) {
    const x = clamp(from[0] + dx, 0, SIZE - from[2] + from[0]), y = clamp(from[1] + dy, 0, SIZE - from[3] + from[1]);
    setObject(j, [x, y, x + from[2] - from[0], y + from[3] - from[1]], `Moved ${called(j)}.`);
  }
  function resize(j, from, corner, x, y) {
    const box = from.slice(0, 4), [a, b] = [corner % 2 ? 2 : 0, corner > 1 ? 3 : 1];
    box[a] = a ? clamp(x, box[0] + LEAST, SIZE) : clamp(x, 0, box[2] - LEAST);
    box[b] = b === 3 ? clamp(y, box[1] + LEAST, SIZE) : clamp(y, 0, box[3] - LEAST);
    setObject(j, box, `Resized ${called(j)}.`);
  }
  const none = () => { if (objects().length) return false; say("There is no object here."); return true; };
  const grow = (dx, dy) => { if (!none()) { const one = objects()[picked()]; resize(picked(), one, 3, one[2] + dx, one[3] + dy); } };
  const next = () => { if (!none()) { const j = (picked() + 1) % objects().length; tell(`Object ${called(j)} chosen. `, { chosen: j }); } };
  // To the anchor that overlaps the chosen object most, on whatever map it lies.
  function nearest() {
    if (none()) return;
    const { anchors, maps } = now(), values = anchors.map((anchor) => iou(anchor, objects()[picked()])), index = values.indexOf(Math.max(...values));
    const map = maps.findLast((one) => one.first <= index), place = index - map.first, cell = Math.floor(place / map.each);
    const patch = { stride: map.stride, row: Math.floor(cell / map.side), column: cell % map.side, anchor: place % map.each };
    quiet = true;
    note = `The best anchor for ${called(picked())}: `;
    if (Object.entries(patch).every(([name, value]) => get(name) === value)) draw();
    else update(model, patch);
  }

  // ---- the stage ------------------------------------------------------------------------------------------
  const stage = surface(s("svg", { viewBox: `0 0 ${px(SIZE)} ${px(SIZE)}`, class: "ae-stage" }),
    "Picture with anchors. Arrow keys move from cell to cell, Enter takes the next anchor of the cell. O chooses the next object, Shift with arrow keys moves it, W and N make it wider and narrower, T and S taller and shorter, B goes to its best anchor.",
    {
      ...arrows((dx, dy, event) => { if (!event.shiftKey) step(dy, dx, 0); else if (!none()) move(picked(), objects()[picked()], 2 * dx, 2 * dy); }),
      Enter: () => step(0, 0, 1), " ": () => step(0, 0, 1), o: next, b: nearest, w: () => grow(2, 0), n: () => grow(-2, 0), t: () => grow(0, 2), s: () => grow(0, -2),
    });
  const corners = (one) => [[one[0], one[1]], [one[2], one[1]], [one[0], one[3]], [one[2], one[3]]];
  // Where the dot of an anchor lies inside its cell: a small table, one line a ratio.
  function dot(map, i, j, k) {
    const wide = get("maps") === "three maps" ? 2 : get("scales").length, lines = Math.ceil(map.each / wide);
    return [(j + ((k % wide) + 1) / (wide + 1)) * map.stride, (i + (Math.floor(k / wide) + 1) / (lines + 1)) * map.stride];
  }
  let held = null;
  drag(stage, {
    down: (fx, fy, event) => {
      const x = fx * SIZE, y = fy * SIZE, reach = Math.max(4, 1300 / stage.getBoundingClientRect().width), tag = event.target.closest?.("[data-object]");
      const corner = objects().length ? corners(objects()[picked()]).findIndex(([a, b]) => Math.hypot(a - x, b - y) < reach) : -1;
      held = tag || corner >= 0 ? { x, y, j: corner >= 0 ? picked() : Number(tag.dataset.object), corner } : null;
      if (held) {
        held.from = objects()[held.j];
        if (held.j !== picked()) tell(`Object ${called(held.j)} chosen. `, { chosen: held.j });
        return;
      }
      const map = shown(), i = clamp(Math.floor(y / map.stride), 0, map.side - 1), j = clamp(Math.floor(x / map.stride), 0, map.side - 1);
      const far = map.cell.map((_, k) => { const [a, b] = dot(map, i, j, k); return Math.hypot(a - x, b - y); });
      pick(i, j, far.indexOf(Math.min(...far)));
    },
    move: (fx, fy) => {
      if (!held) return;
      const x = fx * SIZE, y = fy * SIZE;
      if (held.corner >= 0) resize(held.j, held.from, held.corner, x, y);
      else if (Math.hypot(x - held.x, y - held.y) > 1) move(held.j, held.from, x - held.x, y - held.y);
    },
  });
  const frame = (box, name, more = {}) => s("rect", { x: px(box[0]), y: px(box[1]), width: px(box[2] - box[0]), height: px(box[3] - box[1]), class: name, ...more });
  function arrow([x1, y1], [x2, y2]) {
    const far = Math.hypot(x2 - x1, y2 - y1), [a, b] = [(x2 - x1) / far, (y2 - y1) / far], tip = [px(x2), px(y2)];
    if (far < 0.5) return [s("circle", { cx: tip[0], cy: tip[1], r: 4, class: "ae-point" })];
    const wing = (side) => `${tip[0] - 11 * a + 6 * side * b} ${tip[1] - 11 * b - 6 * side * a}`;
    return ["ae-shaft", "ae-arrow"].map((name) => s("path", { d: `M${px(x1)} ${px(y1)}L${tip[0]} ${tip[1]}M${wing(1)}L${tip[0]} ${tip[1]}L${wing(-1)}`, class: name }));
  }
  const middle = (box) => [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
  // Layers from back to front; only what changed is drawn again.
  const [picture, under, taken, dots, over] = Array.from({ length: 5 }, () => s("g"));
  stage.append(picture, under, taken, dots, over);
  let drawn = "", seen = "";
  function drawAnchors(map) {
    const { anchors, found } = now(), lines = [], places = KINDS.map(() => "");
    for (let line = 1; line < map.side; line++) lines.push(`M${px(line * map.stride)} 0V${px(SIZE)}M0 ${px(line * map.stride)}H${px(SIZE)}`);
    for (let n = 0; n < map.side * map.side * map.each; n++) {
      const cell = Math.floor(n / map.each), [x, y] = dot(map, Math.floor(cell / map.side), cell % map.side, n % map.each), learns = found.indices[map.first + n];
      places[learns >= 0 ? 2 : learns === -2 ? 1 : 0] += `M${Math.round(10 * px(x)) / 10} ${Math.round(10 * px(y)) / 10}h0`;
    }
    const wide = get("maps") === "three maps" ? 2 : get("scales").length, gap = px(map.stride) / (Math.max(wide, Math.ceil(map.each / wide)) + 1), r = clamp(0.55 * gap, 2.5, 9);
    const learned = anchors.map((_, index) => index).filter((index) => found.indices[index] >= 0);
    taken.replaceChildren(s("path", { d: lines.join(""), class: "ae-grid" }), ...learned.map((index) => frame(anchors[index], `ae-learned ${found.overlaps[index] < get("high") ? "ae-forced" : ""}`)));
    dots.replaceChildren(...KINDS.flatMap((kind, n) => ["halo", "dot"].map((part) => s("path", { d: places[n], class: `ae-${part} ae-${kind}`, "stroke-width": (n ? 1 : 0.6) * r + (part === "halo" ? 3 : 0) }))));
  }
  function drawStage(at, one) {
    const map = shown(), { counts, key } = now(), image = get("scenes")[get("scene")].picture;
    if (seen !== image) picture.replaceChildren(s("image", { href: image, width: px(SIZE), height: px(SIZE), class: "ae-picture" }));
    seen = image;
    if (drawn !== key + map.stride) drawAnchors(map);
    drawn = key + map.stride;
    under.replaceChildren(frame([at.j * map.stride, at.i * map.stride, (at.j + 1) * map.stride, (at.i + 1) * map.stride], "ae-cell"));
    over.replaceChildren(...objects().map((object, j) => frame(object, `ae-object ${j === picked() ? "ae-here" : ""} ${counts.learned[j] ? "" : "ae-lost"}`)),
      frame(one.anchor, "ae-rim"), frame(one.anchor, `ae-chosen ae-${one.kind}`),
      s("circle", { cx: px(middle(one.anchor)[0]), cy: px(middle(one.anchor)[1]), r: 4, class: "ae-point" }),
      ...(one.object < 0 ? [] : [[middle(one.anchor), middle(objects()[one.object])], [one.anchor.slice(0, 2), objects()[one.object]], [one.anchor.slice(2), objects()[one.object].slice(2)]].flatMap(([from, to]) => arrow(from, to))),
      ...(objects().length ? corners(objects()[picked()]).map(([x, y]) => s("rect", { x: px(x) - 5, y: px(y) - 5, width: 10, height: 10, class: "ae-grip" })) : []),
      ...objects().map((object, j) => s("g", { class: `ae-tag ${counts.learned[j] ? "" : "ae-lost"}`, "data-object": j, transform: `translate(${px(middle(object)[0])} ${clamp(px(object[1]), 12, px(SIZE) - 12)})` },
        s("rect", { x: counts.learned[j] ? -11 : -54, y: -11, width: counts.learned[j] ? 22 : 108, height: 22, rx: 11 }), s("text", { y: 5, "text-anchor": "middle" }, counts.learned[j] ? j + 1 : `${j + 1} no anchor`))));
  }

  // ---- beside it ------------------------------------------------------------------------------------------
  const facts = h("dl", { class: "ae-facts" }), fact = (name, value, kind) => [h("dt", {}, kind ? h("span", { class: `ae-key ae-${kind}`, "aria-hidden": "true" }) : null, name), h("dd", {}, value)];
  const balance = ({ positive, negative }) => (positive ? `1 positive to ${(negative / positive).toLocaleString("en", { maximumFractionDigits: negative < 10 * positive ? 1 : 0 })} negative` : "no positive at all");
  const sum = () => now().maps.map((one) => `${one.each} × ${one.side} × ${one.side}`).join(" + ");
  const lines = h("tbody", { onclick: (event) => { const line = event.target.closest("tr"); if (line) tell(`Object ${called(Number(line.dataset.line))} chosen. `, { chosen: Number(line.dataset.line) }); } });
  const table = h("table", { class: "ae-table" }, h("thead", {}, h("tr", {}, ...["object", "pixels", "best IoU", "anchors"].map((words) => h("th", { scope: "col" }, words)))), lines);
  const title = h("p", { class: "ae-head" }), codes = h("tbody");
  const offsets = h("table", { class: "ae-codes" }, codes);
  function drawSide(one, at) {
    const { counts, anchors } = now(), map = shown(), [w, tall] = [one.anchor[2] - one.anchor[0], one.anchor[3] - one.anchor[1]];
    facts.replaceChildren(...fact("anchors", `${sum()} = ${anchors.length.toLocaleString("en")}`), ...KINDS.map((kind) => fact(kind, counts[kind].toLocaleString("en"), kind)).reverse().flat(), ...fact("balance", balance(counts)));
    lines.replaceChildren(...objects().map((object, j) => h("tr", { "data-line": j, class: j === picked() ? "ae-now" : "", "aria-current": j === picked() ? "true" : null }, h("th", { scope: "row" }, called(j)),
      h("td", {}, `${object[2] - object[0]} × ${object[3] - object[1]}`), h("td", {}, show(counts.best[j])), h("td", {}, counts.learned[j] || "none"))));
    title.replaceChildren(h("b", {}, `Row ${at.i + 1}, column ${at.j + 1} of ${map.side} × ${map.side}, anchor ${at.k + 1} of ${map.each}`), ` (${show(w, 1)} × ${show(tall, 1)}): ${one.object < 0 ? "overlaps no object" : `IoU ${show(one.overlap)} with ${called(one.object)}`}; `, h("b", {}, one.kind), ` (${one.why})`);
    const box = objects()[one.object], t = box ? encode(box, one.anchor) : null, [x, y] = middle(box ?? one.anchor), [xa, ya] = middle(one.anchor);
    const ways = box ? [`(${show(x, 1)} \u2212 ${show(xa, 1)}) / ${show(w, 1)}`, `(${show(y, 1)} \u2212 ${show(ya, 1)}) / ${show(tall, 1)}`, `log(${show(box[2] - box[0], 1)} / ${show(w, 1)})`, `log(${show(box[3] - box[1], 1)} / ${show(tall, 1)})`] : Array(4).fill("\u2013");
    codes.replaceChildren(...["x", "y", "w", "h"].map((letter, n) => h("tr", {}, h("th", { scope: "row" }, "t", h("sub", {}, letter)), h("td", {}, ways[n]), h("td", {}, t ? show(t[n]) : "\u2013"))));
  }

  // ---- controls -------------------------------------------------------------------------------------------
  // A line of boxes to tick, one a size or a ratio; one at least stays. They are those of the one map.
  function choices(name, label, options, format) {
    const boxes = options.map((value) => h("input", { type: "checkbox", onchange: (event) => {
      const kept = options.filter((_, n) => boxes[n].checked);
      if (!kept.length) { event.target.checked = true; return say(`One ${label} has to stay.`); }
      tell(`With${event.target.checked ? "" : "out"} ${label} ${format(value)}: `, { [name]: kept, maps: "one map" });
    } }));
    watch(model, [name], () => boxes.forEach((box, n) => { box.checked = get(name).includes(options[n]); }));
    return h("fieldset", { class: "ae-choices" }, h("legend", {}, `${label[0].toUpperCase()}${label.slice(1)}s of the one map`), ...boxes.map((box, n) => h("label", {}, box, format(options[n]))));
  }
  const said = (words) => ({ then: () => { note = words(); } });
  function start() {
    const one = get("presets")[get("preset")];
    tell(`${get("preset")}: `, { ...one, objects: get("scenes")[one.scene].objects });
  }
  body.append(
    column(h("figure", { class: "cw-figure" }, stage, h("figcaption", {}, "Dots in a cell: one a size and ratio. Squares: positive; rings: ignored; small dots: negative. Thin boxes: positive anchors, broken if forced.")),
      row(button("Next anchor", () => step(0, 0, 1)), button("Next object", next), button("Best anchor for it", nearest, { class: "cw-button cw-main" }))),
    column(select(model, "preset", { label: "Start from", options: Object.keys(get("presets")).map((name) => [name, name]), then: start }), facts, table, title, offsets),
    h("div", { class: "cw-wide ae-dials" },
      column(row(select(model, "maps", { label: "Anchors", options: [["one map", "one map"], ["three maps", "three maps, as SSD"]], ...said(() => `${get("maps")}: `) }),
        select(model, "stride", { label: "Stride of the map shown", options: [8, 16, 32].map((value) => [value, `${value} pixels`]), ...said(() => `Stride ${get("stride")}: `) })),
        choices("scales", "size", get("all_scales"), String), choices("ratios", "ratio", get("all_ratios"), fraction)),
      column(row(slider(model, "high", { label: "Positive from IoU", min: 0.05, max: 0.95, step: 0.05, format: (value) => show(value), ...said(() => `Positive from ${show(get("high"))}: `) }),
        slider(model, "low", { label: "Negative below IoU", min: 0, max: 0.95, step: 0.05, format: (value) => show(Math.min(value, get("high"))), ...said(() => `Negative below ${show(Math.min(get("low"), get("high")))}: `) })),
        select(model, "force", { label: "Forced matches", options: [["none", "none"], ["one", "one for each object (SSD)"], ["ties", "every best anchor (Faster R-CNN)"]], ...said(() => `Forced: ${get("force")}. `) }))));

  // ---- the whole ------------------------------------------------------------------------------------------
  function report(one, at) {
    if (quiet) return `${title.textContent}.${one.object < 0 ? "" : ` Offsets ${encode(objects()[one.object], one.anchor).map((value) => show(value)).join(", ")}.`}`;
    const { counts, anchors } = now(), lost = objects().map((_, j) => j).filter((j) => !counts.learned[j]).map(called);
    return `${many(anchors.length, "anchor")} (${sum()}): ${counts.positive.toLocaleString("en")} positive, ${counts.ignored.toLocaleString("en")} ignored, ${counts.negative.toLocaleString("en")} negative; ${balance(counts)}. ${lost.length ? `No anchor learns ${lost.join(", ")}.` : "Every object has an anchor."}`;
  }
  function draw() {
    const at = chosen(), one = about(at.index);
    drawStage(at, one);
    drawSide(one, at);
    say(note + report(one, at));
    note = "";
    quiet = false;
  }
  watch(model, ["maps", "stride", "scales", "ratios", "objects", "high", "low", "force", "row", "column", "anchor", "chosen", "scene"], draw);
}
export default { render };
