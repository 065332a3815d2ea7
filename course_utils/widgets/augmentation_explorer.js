import { randomNumbers, unpackBytes, show, clamp, h, update, watch, card, slider, select, button, row, column, surface, arrows } from "./kit.js";

const DRAWS = 8, normal = (a, b) => Math.sqrt(-2 * Math.log(1 - a)) * Math.cos(2 * Math.PI * b);

// One random change, up to the given strengths.
export function drawChanges(strengths, seed, index) {
  const next = randomNumbers(seed + 7919 * (index + 1)), u = Array.from({ length: 15 }, next);
  const between = (k, name) => (2 * u[k] - 1) * strengths[name];
  return { mirror: u[0] < strengths.mirror, right: between(1, "shift"), down: between(2, "shift"), turn: between(3, "turn"), zoom: 1 + between(4, "zoom"),
    offset: between(5, "brightness"), factor: 1 + between(6, "contrast"), colour: [8, 10, 12].map((k) => normal(u[k], u[k + 1]) * strengths.colour),
    noise: strengths.noise, cut: [u[7], u[14], strengths.cutout] };
}

// Two rows [a, b, t]: a point (x, y) about the centre, y down, goes to (ax + by + t, ...).
export function matrix({ mirror, turn, zoom, right, down }) {
  const cos = Math.cos(turn * Math.PI / 180), sin = Math.sin(turn * Math.PI / 180), side = mirror ? -1 : 1;
  return [[zoom * side * cos, zoom * sin, right], [-zoom * side * sin, zoom * cos, down]];
}

// The noise of a seed stays the same while strengths change: sixteen of them are kept.
const kept = new Map();
function noiseOf(seed, count) {
  const key = `${seed} ${count}`, next = randomNumbers(seed);
  if (!kept.has(key)) {
    if (kept.size >= 16) kept.clear();
    kept.set(key, Float64Array.from({ length: count }, () => { const u = next(); return normal(u, next()); }));
  }
  return kept.get(key);
}

// Moved, contrast and brightness, colour, noise, cut off to [0, 1], a grey square.
export function augment(pixels, changes, colours, border, seed) {
  const size = Math.round(Math.sqrt(pixels.length / 3)), middle = (size - 1) / 2, out = new Float64Array(pixels.length);
  const [[a, b, right], [c, d, down]] = matrix(changes), det = a * d - b * c;
  const inside = (i) => {
    if (border !== "reflection") return clamp(i, 0, size - 1);
    const folded = ((i % (2 * size)) + 2 * size) % (2 * size);
    return folded < size ? folded : 2 * size - 1 - folded;
  };
  let sum = 0;
  for (let i = 0, at = 0; i < size; i++)
    for (let j = 0; j < size; j++, at += 3) {
      const x = j - middle - right, y = i - middle - down, fromX = (d * x - b * y) / det + middle, fromY = (a * y - c * x) / det + middle;
      const left = Math.floor(fromX), top = Math.floor(fromY);
      for (let u = 0; u < 2; u++)
        for (let v = 0; v < 2; v++) {
          const line = top + u, place = left + v;
          if (border === "zeros" && (line < 0 || line >= size || place < 0 || place >= size)) continue;
          const weight = (1 - Math.abs(fromY - line)) * (1 - Math.abs(fromX - place)), from = 3 * (inside(line) * size + inside(place));
          for (let k = 0; k < 3; k++) out[at + k] += weight * pixels[from + k];
        }
      sum += out[at] + out[at + 1] + out[at + 2];
    }
  const mean = sum / out.length, { colour, factor, offset, noise, cut: [cutX, cutY, side] } = changes, grain = noise > 0 ? noiseOf(seed, out.length) : null;
  const tint = [0, 1, 2].map((channel) => colour.reduce((all, alpha, k) => all + alpha * colours.spreads[k] * colours.axes[k][channel], 0));
  for (let n = 0; n < out.length; n++) {
    let value = (out[n] - mean) * factor + mean + offset + tint[n % 3];
    if (grain) value += noise * grain[n];
    const place = Math.floor(n / 3), hidden = Math.abs((Math.floor(place / size) + 0.5) / size - cutY) < side / 2 && Math.abs((place % size + 0.5) / size - cutX) < side / 2;
    out[n] = hidden ? 0.5 : clamp(value, 0, 1);
  }
  return Array.from(out);
}

// What a change makes of the label; meanings: mirrored, upside down, both, on its side. "" means: it stays true.
export function verdict(meanings, { turn, mirror }) {
  const away = Math.abs(turn);
  if (away >= 120) return meanings[mirror ? 2 : 1];
  if (away >= 60 && meanings[3]) return meanings[3];
  return mirror ? meanings[0] : "";
}

const KNOBS = [["mirror", "Mirror", 0.05, (p) => `${show(100 * p, 0)} %`], ["shift", "Shift", 0.5, (px) => `\u00b1${show(px, 1)} px`], ["turn", "Turn", 1, (angle) => `\u00b1${show(angle, 0)}\u00b0`],
  ["zoom", "Zoom", 0.05, (part) => `\u00b1${show(100 * part, 0)} %`], ["brightness", "Brightness", 0.05, (part) => `\u00b1${show(part)}`], ["contrast", "Contrast", 0.05, (part) => `\u00b1${show(100 * part, 0)} %`],
  ["colour", "Colour", 0.02, (sigma) => `\u03c3 ${show(sigma)}`], ["noise", "Noise", 0.01, (sigma) => `\u03c3 ${show(sigma)}`], ["cutout", "Cutout", 0.05, (side) => `${show(100 * side, 0)} %`]];
const NAMES = KNOBS.map(([name]) => name), FILLS = [["zeros", "black"], ["border", "last pixel"], ["reflection", "reflection"]];

function render({ model, el }) {
  const { body, say } = card(el, "One picture, eight epochs",
    "Set how strong each random change may be. Each small picture is one draw; point at one to see what was drawn.");
  const get = (name) => model.get(name), strengths = () => Object.fromEntries(NAMES.map((name) => [name, get(name)]));
  let note = "", drawn = [], known = null, values = [];

  function frame(name) {
    const canvas = h("canvas", { role: "img", "aria-label": name });
    return { canvas, paint: (pixels) => {
      const size = canvas.width = canvas.height = Math.round(Math.sqrt(pixels.length / 3)), context = canvas.getContext("2d"), image = context.createImageData(size, size);
      for (let n = 0; n < pixels.length; n++) image.data[4 * Math.floor(n / 3) + n % 3] = Math.floor(255 * pixels[n] + 0.5);
      for (let n = 3; n < image.data.length; n += 4) image.data[n] = 255;
      context.putImageData(image, 0, 0);
    } };
  }
  const original = frame("The picture as it is"), large = frame("The chosen draw"), small = Array.from({ length: DRAWS }, (_, k) => frame(`Draw ${k + 1}`));
  const tiles = small.map(({ canvas }, k) => h("div", { class: "au-tile" }, canvas, h("span", { class: "au-mark", "aria-hidden": "true" }, "\u2260"), h("span", { class: "au-number", "aria-hidden": "true" }, k + 1)));
  const choose = (k) => update(model, { chosen: (k + DRAWS) % DRAWS });
  const grid = surface(h("div", { class: "au-grid" }, ...tiles), "Eight random draws. Arrow keys choose one; Enter draws eight new ones.", {
    ...arrows((dx, dy) => choose(get("chosen") + dx + 4 * dy)), Enter: () => again(), Home: () => choose(0), End: () => choose(DRAWS - 1),
  });
  tiles.forEach((tile, k) => ["pointerenter", "pointerdown"].forEach((kind) => tile.addEventListener(kind, () => { if (get("chosen") !== k) choose(k); })));

  function again() {
    note = "Eight new draws. ";
    update(model, { seed: get("seed") + 1 });
  }
  const table = h("table", { class: "au-matrix" }), words = h("p", { class: "cw-note" }), caption = h("figcaption");
  const knobs = KNOBS.map(([name, label, step, format]) => slider(model, name, { label, min: 0, max: get("limits")[name], step, format,
    then: () => { note = `${label} ${format(get(name))}. `; update(model, { recipe: "own" }); draw(); } }));
  body.classList.add("au-body");
  body.append(
    column(row(h("figure", { class: "cw-figure au-large" }, h("figcaption", {}, "as it is"), original.canvas), h("figure", { class: "cw-figure au-large" }, caption, large.canvas)), table, words),
    column(grid, row(button("New draws", again, { class: "cw-button cw-main" }))),
    h("div", { class: "cw-wide au-controls" },
      select(model, "picture", { label: "Picture", options: Object.keys(get("pictures")).map((one) => [one, one]), then: () => { note = `Picture: ${get("picture")}. `; } }),
      select(model, "recipe", { label: "Recipe", options: [...Object.keys(get("recipes")), "own"].map((one) => [one, one === "own" ? "your own" : one]), then: () => {
        const made = get("recipes")[get("recipe")];
        note = made ? `Recipe: ${get("recipe")}. ` : "Your own: move the sliders. ";
        if (made) update(model, made);
        draw();
      } }),
      select(model, "fill", { label: "Border shows", options: FILLS, then: () => { note = `What comes in at the border: ${FILLS.find(([value]) => value === get("fill"))[1]}. `; } }),
      ...knobs));

  // ---- words ---------------------------------------------------------------------------------------------
  function told(changes) {
    const s = strengths(), parts = [];
    if (changes.mirror) parts.push("mirrored");
    if (s.shift) parts.push(`${show(changes.right, 1)} right, ${show(changes.down, 1)} down`);
    if (s.turn) parts.push(`turned by ${show(changes.turn, 0)}\u00b0`);
    if (s.zoom) parts.push(`size \u00d7${show(changes.zoom)}`);
    if (s.brightness) parts.push(`brightness ${changes.offset > 0 ? "+" : ""}${show(changes.offset)}`);
    if (s.contrast) parts.push(`contrast \u00d7${show(changes.factor)}`);
    if (s.colour) parts.push(`colour ${changes.colour.map((alpha) => show(alpha)).join(", ")}`);
    return parts.join("; ") || "nothing moved";
  }
  function draw() {
    const now = ["picture", "fill", "seed", ...NAMES].map(get), name = get("picture");
    if (now.some((one, i) => one !== drawn[i])) {
      const text = get("pictures")[name];
      if (text !== known) { known = text; values = Array.from(unpackBytes(text), (byte) => byte / 255); original.paint(values); }
      small.forEach((tile, k) => {
        tile.changes = drawChanges(strengths(), get("seed"), k);
        tile.wrong = verdict(get("meanings")[name], tile.changes);
        tile.pixels = augment(values, tile.changes, get("colours")[name], get("fill"), get("seed") + 104729 * (k + 1));
        tile.paint(tile.pixels);
        tiles[k].classList.toggle("au-wrong", !!tile.wrong);
      });
      drawn = now;
    }
    const k = clamp(get("chosen"), 0, DRAWS - 1), { changes, wrong, pixels } = small[k], [top, low] = matrix(changes), wrongs = small.filter((tile) => tile.wrong);
    tiles.forEach((tile, i) => tile.classList.toggle("au-chosen", i === k));
    large.paint(pixels);
    caption.textContent = `draw ${k + 1}`;
    table.replaceChildren(h("tbody", {}, ...[top, low].map((line, i) => h("tr", {}, h("th", { scope: "row" }, i ? "y\u2032 =" : "x\u2032 ="), ...line.map((value, j) => h("td", {}, `${j ? `${show(value).startsWith("\u2212") ? "\u2212" : "+"} ${show(Math.abs(value))}` : show(value)}${["\u00b7x", "\u00b7y", ""][j]}`))))));
    const det = top[0] * low[1] - top[1] * low[0];
    words.textContent = `x right, y down, about the centre, in pixels. Determinant ${show(det)}: areas \u00d7${show(Math.abs(det))}${det < 0 ? ", mirrored" : ""}. Colour moves along the picture's own three colour axes, counted in its spread along each.`;
    say(`${note}Draw ${k + 1}: ${told(changes)}. ${wrong ? `Careful: ${wrong}. ` : ""}${wrongs.length ? `In ${wrongs.length} of 8 draws the label is no longer true${wrong ? "" : `, for example: ${wrongs[0].wrong}`}.` : "The label stays true in all 8."}`);
  }
  watch(model, ["picture", "fill", "seed", "chosen", ...NAMES], () => { draw(); note = ""; });
}
export default { render };
