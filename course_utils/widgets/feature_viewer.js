import { show, clamp, h, s, update, watch, card, select, button, column, surface, arrows, onTheme, themeColor } from "./kit.js";

const SIDE = 64, COLUMNS = 16, FIRST = 50, MEASURED = 400, PART_PIXELS = 4;

// What a unit of a square map sees of the picture: xyxy in pixels, half open.
export function boxOf(ends, place) {
  const [y1, y2] = ends[Math.floor(place / ends.length)], [x1, x2] = ends[place % ends.length];
  return [x1, y1, x2, y2];
}

// x and y of a patch in a frame as wide as a whole field: what the upper or left border cut is missing there.
export function cornerOf([x1, y1, x2, y2], size) {
  return [x1 === 0 ? size - (x2 - x1) : 0, y1 === 0 ? size - (y2 - y1) : 0];
}

// x and y of a picture in the sheet of all pictures.
export function sourceOf(index) {
  return [SIDE * (index % COLUMNS), SIDE * Math.floor(index / COLUMNS)];
}

// The share of the most common label.
export function purity(labels) {
  return Math.max(...labels.map((label) => labels.filter((other) => other === label).length)) / labels.length;
}

// The test of the claim that a unit stands for a part or a class; see examine() in feature_viewer.py.
export function examine(data, stage, index, name) {
  const { units } = data.stages[stage], unit = units[index], part = data.parts.indexOf(name), isPart = part >= 0;
  const at = isPart ? part : data.parts.length + data.classes.indexOf(name);
  const here = unit.scores.map((score, k) => {
    const found = isPart ? Boolean(unit.shows[k] >> at & 1) : data.labels[unit.pictures[k]] === at - data.parts.length;
    return score > 0 ? found : null;
  });
  return {
    here, hits: here.filter((one) => one === true).length, answers: here.filter((one) => one !== null).length,
    overlap: isPart ? unit.overlap[at] / 1000 : null, rank: isPart ? 1 + units.filter((other) => other.overlap[at] > unit.overlap[at]).length : null,
    share: unit.share[at] / FIRST, base: data.base[at] / MEASURED,
  };
}

const KEYS = ["unit", "fits", "name", "most", "image", "scores", "pictures", "places", "shows", "overlap", "share"];
const percent = (value) => `${show(100 * value, 0)} %`;
const WIDE = 7;
const article = (name) => (/^[aeiou]/.test(name) ? "an" : "a");

function unpack(text) {
  const data = JSON.parse(text);
  for (const stage of Object.values(data.stages)) stage.units = stage.units.map((values) => Object.fromEntries(KEYS.map((key, i) => [key, values[i]])));
  return data;
}

function render({ model, el }) {
  const { body, say } = card(el, "What a unit looks for",
    "Choose a unit, look at its nine patches, give it a name, and test the name against the truth. Then find the patch that breaks it.");
  const get = (name) => model.get(name), facts = unpack(get("facts")), data = () => facts, stage = () => data().stages[get("stage")];
  const at = () => clamp(get("unit"), 0, stage().units.length - 1), unit = () => stage().units[at()], patch = () => clamp(get("patch"), 0, 8);
  const label = (k) => data().classes[data().labels[unit().pictures[k]]];
  const nameOf = (k) => `unit ${stage().units[k].unit}`;
  let note = "", drawnStage = "";
  // Drawn again once it has loaded: pictures of a data address come a moment after the page.
  const sheet = (name, type) => { const image = new Image(); image.onload = () => { drawnStage = ""; draw(); }; image.src = `data:image/${type};base64,${get(name)}`; return image; };
  const sheets = {};

  // Paint a piece of a sheet, [x, y, width, height], at [dx, dy] in a frame of a given side.
  function paint(canvas, image, [x, y, w, v], side, [dx, dy] = [0, 0]) {
    canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    context.fillStyle = themeColor(el, "edge");
    context.fillRect(0, 0, side, side);
    if (w && image?.complete && image.naturalWidth) context.drawImage(image, x, y, w, v, dx, dy, w, v);
  }
  function paintPatch(canvas, of, k) {
    const box = boxOf(stage().ends, of.places[k]), [x, y] = sourceOf(of.pictures[k]), [x1, y1, x2, y2] = box;
    paint(canvas, sheets.pictures, of.scores[k] > 0 ? [x + x1, y + y1, x2 - x1, y2 - y1] : [0, 0, 0, 0], stage().size, cornerOf(box, stage().size));
  }

  // ---- units -------------------------------------------------------------------------------------------------
  const cell = (kind, onclick) => { const canvas = h("canvas", { "aria-hidden": "true" }), words = h("span", { class: "fv-word" }); return { canvas, words, node: h("div", { class: `fv-cell ${kind}`, onclick }, canvas, words) }; };
  const chooseUnit = (k) => update(model, { unit: clamp(k, 0, stage().units.length - 1), patch: 0 });
  const units = Array.from({ length: 14 }, (_, k) => cell("fv-unit", () => { chooseUnit(k); grid.focus(); }));
  const grid = surface(h("div", { class: "fv-grid" }, ...units.map((one) => one.node)),
    "Units of the stage, each as the patch that excites it most. Arrow keys choose a unit; Enter goes to the next one.", {
      ...arrows((dx, dy) => chooseUnit(at() + dx + WIDE * dy)), Enter: () => chooseUnit((at() + 1) % stage().units.length) });

  // ---- patches -----------------------------------------------------------------------------------------------
  const choosePatch = (k) => update(model, { patch: clamp(k, 0, 8) });
  const patches = Array.from({ length: 9 }, (_, k) => cell("fv-patch", () => { choosePatch(k); wall.focus(); }));
  const wall = surface(h("div", { class: "fv-wall" }, ...patches.map((one) => one.node)),
    "The nine patches that excite the unit most, the strongest first. Arrow keys choose one; Enter goes to the next.", {
      ...arrows((dx, dy) => choosePatch(patch() + dx + 3 * dy)), Enter: () => choosePatch((patch() + 1) % 9) });

  // ---- the whole picture and the unit image --------------------------------------------------------------------
  const whole = h("canvas", { "aria-hidden": "true" }), frame = s("svg", { viewBox: "0 0 64 64", class: "fv-frame", "aria-hidden": "true" }), wholeWords = h("figcaption");
  const made = h("canvas", { "aria-hidden": "true" }), madeWords = h("figcaption");
  const panel = (canvas, words, ...more) => h("figure", { class: "cw-figure" }, h("div", { class: "fv-stack" }, canvas, ...more), words);

  // ---- the name ------------------------------------------------------------------------------------------------
  const table = h("table", { class: "fv-table" }, h("tbody"));
  const names = () => [...data().parts.map((one) => [one, `part: ${one}`]), ...data().classes.map((one) => [one, `class: ${one}`])];
  const fits = () => data().parts[unit().name];
  const choice = select(model, "name", { label: "I say: it finds \u2026", options: names(), then: () => { note = verdict(); } });
  const best = button("Take the part that fits best", () => {
    const name = fits();
    note = `${name === get("name") ? "You have it already: " : ""}of all parts, ${name} fits ${nameOf(at())} best on the pictures for choosing. ${verdict(name)}`;
    update(model, { name });
    draw();
  });

  // ---- words -----------------------------------------------------------------------------------------------------
  function verdict(name = get("name")) {
    const { here, hits, answers, share, base, overlap } = examine(data(), get("stage"), at(), name);
    if (!answers) return `${nameOf(at())} never answers to these pictures: no name can be tested. `;
    const missed = here.flatMap((one, k) => (one === false ? [k + 1] : []));
    return `\u201c${name}\u201d: in ${hits} of ${answers} patches${missed.length && hits ? `, not in ${missed.length > 1 ? "patches" : "patch"} ${missed.join(", ")}` : ""}; in ${percent(share)} of its 50 strongest new pictures against ${percent(base)} of all${overlap === null ? "" : `; overlap ${show(overlap, 2)}`}. `;
  }
  function aboutUnit() {
    const one = unit(), labels = one.pictures.filter((_, k) => one.scores[k] > 0).map((picture) => data().labels[picture]);
    const head = `${nameOf(at())} of ${get("stage")}${one.fits ? " (shown because it overlaps much with wheels)" : ""}`.replace(/^u/, "U");
    if (!labels.length) return `${head} never answers to these pictures: a dead unit. `;
    const share = purity(labels), most = data().classes[labels.find((label) => labels.filter((other) => other === label).length / labels.length === share)];
    return `${head}: ${Math.round(share * labels.length)} of its ${labels.length} patches are cut from pictures of ${article(most)} ${most}. `;
  }
  function aboutPatch() {
    const one = unit(), k = patch();
    if (!(one.scores[k] > 0)) return `Patch ${k + 1}: no answer. `;
    const [x1, y1, x2, y2] = boxOf(stage().ends, one.places[k]), seen = examine(data(), get("stage"), at(), get("name")).here[k];
    return `Patch ${k + 1}: answer ${show(one.scores[k], 1)}, from ${article(label(k))} ${label(k)}, columns ${x1} to ${x2 - 1}, rows ${y1} to ${y2 - 1}. \u201c${get("name")}\u201d: ${seen ? "yes" : "no"}. `;
  }

  // ---- drawing ---------------------------------------------------------------------------------------------------
  function drawUnits() {
    units.forEach(({ canvas, words, node }, k) => {
      const one = stage().units[k];
      node.hidden = !one;
      if (!one) return;
      if (drawnStage !== get("stage")) paintPatch(canvas, one, 0);
      words.textContent = `${one.unit}${one.fits ? "*" : ""}`;
      node.classList.toggle("fv-on", k === at());
    });
    drawnStage = get("stage");
  }
  function drawPatches() {
    const { here } = examine(data(), get("stage"), at(), get("name"));
    patches.forEach(({ canvas, words, node }, k) => {
      paintPatch(canvas, unit(), k);
      words.textContent = here[k] === null ? `${k + 1} silent` : `${k + 1} ${here[k] ? "\u2713" : "\u2717"} ${label(k)}`;
      node.classList.toggle("fv-on", k === patch());
      node.classList.toggle("fv-no", here[k] === false);
    });
  }
  function drawPanels() {
    const one = unit(), k = patch(), [x, y] = sourceOf(one.pictures[k]), [x1, y1, x2, y2] = boxOf(stage().ends, one.places[k]), answers = one.scores[k] > 0;
    paint(whole, sheets.pictures, answers ? [x, y, SIDE, SIDE] : [0, 0, 0, 0], SIDE);
    frame.replaceChildren(...(answers ? [s("path", { class: "fv-dim", "fill-rule": "evenodd", d: `M0 0h64v64h-64zM${x1} ${y1}H${x2}V${y2}H${x1}z` }), s("rect", { class: "fv-box", x: x1, y: y1, width: x2 - x1, height: y2 - y1 })] : []));
    wholeWords.textContent = answers ? `Patch ${k + 1} in its picture. A unit here sees at most ${stage().size} \u00d7 ${stage().size} pixels.` : "No answer, no patch.";
    const { size, strip } = stage();
    paint(made, strip === undefined ? sheets.filters : sheets.images, strip === undefined ? [7 * at(), 0, 7, 7] : [size * at(), strip, size, size], strip === undefined ? 7 : size);
    madeWords.textContent = strip === undefined ? "The filter itself; a weight of 0 is grey." : `Made by climbing: answer ${show(one.image, 1)}. The best of 800 pictures gets ${show(one.most, 1)}.`;
  }
  function drawTable() {
    const name = get("name"), { hits, answers, overlap, rank, share, base } = examine(data(), get("stage"), at(), name);
    const line = (words, value) => h("tr", {}, h("th", { scope: "row" }, words), h("td", {}, value));
    table.tBodies[0].replaceChildren(line(`${name} in its patches`, answers ? `${hits} of ${answers}` : "\u2013"), line("in its 50 strongest of 400 new pictures", percent(share)), line("in all 400", percent(base)),
      line("overlap with its pixels, new pictures", overlap === null ? "a class has none" : `${show(overlap, 2)} (rank ${rank} of ${stage().units.length})`));
  }
  let last = [];
  function draw() {
    drawUnits();
    drawPatches();
    drawPanels();
    drawTable();
    const now = [get("stage"), at(), patch()], moved = now.map((one, i) => one !== last[i]);
    last = now;
    if (note) say(note);
    else if (moved[0] || moved[1]) say(aboutUnit() + verdict());
    else if (moved[2]) say(aboutPatch());
    note = "";
  }
  const panels = column(h("div", { class: "fv-pair" }, panel(whole, wholeWords, frame), panel(made, madeWords)));
  const walls = column(wall, h("p", { class: "cw-note" }, `\u2713 the patch shows at least ${PART_PIXELS} pixels of the part, or is of the class; \u2717 it does not. The strongest of ${data().labels.length} pictures, one patch a picture.`));
  walls.classList.add("fv-walls");
  body.append(column(select(model, "stage", { label: "Stage", options: Object.entries(data().stages).map(([name, one]) => [name, `${name}: ${one.width} units see ${one.size} \u00d7 ${one.size}`]), then: () => update(model, { unit: 0, patch: 0 }) }),
    grid, h("p", { class: "cw-note" }, "Not picked by eye: twelve units at even steps, and (*) the two others that overlap most with wheels.")),
  walls, panels, h("div", { class: "cw-wide fv-test" }, column(choice, best), table));
  for (const [name, type] of [["pictures", "webp"], ["images", "webp"], ["filters", "png"]]) sheets[name] = sheet(name, type);
  watch(model, ["stage", "unit", "patch", "name"], draw);
  return onTheme(() => { drawnStage = ""; draw(); });
}
export default { render };
