import { permutation, show, clamp, h, s, update, watch, card, slider, select, toggle, button, row, column, surface, arrows, drag, reducedMotion, ticker, uid } from "./kit.js";

// A point is [x, y, label]; w is [w1, w2, b], where b belongs to a third input that is always 1.
export const score = (w, point) => w[0] * point[0] + w[1] * point[1] + w[2];

export function isMistake(w, point, rule) {
  const signed = point[2] * score(w, point);
  return rule === "below 0" ? signed < 0 : signed <= 0;
}

export function choose(points, w, visits, order, seed) {
  if (order === "worst first") {
    const signed = points.map((point) => point[2] * score(w, point));
    return signed.indexOf(Math.min(...signed));
  }
  const turn = visits % points.length;
  return order === "shuffled" ? permutation(points.length, seed + Math.floor(visits / points.length))[turn] : turn;
}

export function step(points, w, visits, eta, order, rule, seed) {
  const index = choose(points, w, visits, order, seed), [x, y, label] = points[index];
  const mistake = isMistake(w, points[index], rule);
  const after = mistake ? [w[0] + eta * label * x, w[1] + eta * label * y, w[2] + eta * label] : [...w];
  return { index, mistake, w: after };
}

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];

// The nearest point to the origin of the hull of label * (x, y, 1): a corner, an edge or a triangle has it.
export function separator(points) {
  const z = points.map(([x, y, label]) => [x * label, y * label, label]);
  const answer = (nearest, support) => {
    const square = dot(nearest, nearest);
    if (!(square > 1e-10) || z.some((one) => dot(one, nearest) < square - 1e-10)) return null;
    const margin = Math.sqrt(square);
    return { margin, w: nearest.map((value) => value / margin), support };
  };
  for (let i = 0; i < z.length; i++) {
    const found = answer(z[i], [i]);
    if (found) return found;
  }
  for (let i = 0; i < z.length; i++)
    for (let j = i + 1; j < z.length; j++) {
      const e = minus(z[j], z[i]), square = dot(e, e), t = -dot(e, z[i]) / square;
      if (Math.abs(square) < 1e-14 || t < 0 || t > 1) continue;
      const found = answer([0, 1, 2].map((k) => z[i][k] + t * e[k]), [i, j]);
      if (found) return found;
    }
  for (let i = 0; i < z.length; i++)
    for (let j = i + 1; j < z.length; j++)
      for (let l = j + 1; l < z.length; l++) {
        const e = minus(z[j], z[i]), f = minus(z[l], z[i]);
        const ee = dot(e, e), ff = dot(f, f), ef = dot(e, f), det = ee * ff - ef * ef;
        if (Math.abs(det) < 1e-14) continue;
        const ez = -dot(e, z[i]), fz = -dot(f, z[i]);
        const t = (ez * ff - fz * ef) / det, u = (fz * ee - ez * ef) / det;
        if (t < 0 || u < 0 || t + u > 1) continue;
        const found = answer([0, 1, 2].map((k) => z[i][k] + t * e[k] + u * f[k]), [i, j, l]);
        if (found) return found;
      }
  return null;
}

export function bound(points) {
  const best = separator(points);
  return best && Math.max(...points.map(([x, y]) => x * x + y * y + 1)) / best.margin ** 2;
}

const SIZE = 400, GRAB = 16, MAX_POINTS = 60;
const fresh = () => ({ w: [0, 0, 0], before: [0, 0, 0], visits: 0, mistakes: 0, current: -1 });
const sign = (label) => (label > 0 ? "+1" : "\u22121");

function render({ model, el }) {
  const { body, say } = card(el, "Perceptron playground",
    "Click to add a point, drag to move it. Then step: each mistake turns the line.");
  const get = (name) => model.get(name);
  const extent = () => get("extent");
  const toX = (x) => (x / extent() + 1) * SIZE / 2, toY = (y) => (1 - y / extent()) * SIZE / 2;
  const fromX = (fx) => clamp((2 * fx - 1) * extent(), -extent(), extent());
  const fromY = (fy) => clamp((1 - 2 * fy) * extent(), -extent(), extent());
  const round = (value) => Math.round(value * 100 / extent()) / 100 * extent();
  let label = 1, selected = -1, cursor = [0, 0], keyboard = false, lifted = false, best = null, solved = null, note = "";

  const plane = surface(s("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "pp-plane" }),
    "Plane of points. Arrow keys move the cross, Enter adds a point or lifts the nearest one, Delete removes it, L changes the label.",
    {
      ...arrows((dx, dy, event) => {
        keyboard = true;
        const size = (event.shiftKey ? 0.01 : 0.05) * extent();
        cursor = [clamp(cursor[0] + dx * size, -extent(), extent()), clamp(cursor[1] - dy * size, -extent(), extent())].map(round);
        if (lifted && selected >= 0) movePoint(selected, cursor);
        else { selected = nearest(cursor); say(`Cross at (${show(cursor[0])}, ${show(cursor[1])})${selected >= 0 ? `, on point ${selected + 1}` : ""}.`); }
        draw();
      }),
      Enter: press, " ": press,
      Delete: () => removePoint(selected), Backspace: () => removePoint(selected),
      l: flipLabel, L: flipLabel,
    });

  function nearest([x, y]) {
    const points = get("points");
    let found = -1, least = (GRAB / SIZE * 2 * extent()) ** 2;
    points.forEach(([a, b], i) => { const d = (a - x) ** 2 + (b - y) ** 2; if (d < least) { least = d; found = i; } });
    return found;
  }
  function setPoints(points, words, preset = "own") {
    running.stop();
    note = words;
    update(model, { points, preset, ...fresh() });
  }
  function addPoint(place) {
    if (get("points").length >= MAX_POINTS) return say(`${MAX_POINTS} points are the most that fit here: remove one first.`);
    selected = get("points").length;
    setPoints([...get("points"), [...place.map(round), label]], `Added point ${selected + 1} of class ${sign(label)} at (${show(place[0])}, ${show(place[1])}); w starts again from 0.`);
  }
  function movePoint(index, place) {
    const points = get("points").map((point, i) => (i === index ? [...place.map(round), point[2]] : point));
    setPoints(points, `Moved point ${index + 1} to (${show(place[0])}, ${show(place[1])}); w starts again from 0.`);
  }
  function removePoint(index) {
    if (index < 0) return say("No point is chosen: move the cross onto one, or click one.");
    selected = -1; lifted = false;
    setPoints(get("points").filter((_, i) => i !== index), `Removed point ${index + 1}; w starts again from 0.`);
  }
  function flipLabel() {
    if (selected < 0) { chooseLabel(-label); return say(`New points get class ${sign(label)}.`); }
    const points = get("points").map((point, i) => (i === selected ? [point[0], point[1], -point[2]] : point));
    setPoints(points, `Point ${selected + 1} is now of class ${sign(points[selected][2])}; w starts again from 0.`);
  }
  function press() {
    keyboard = true;
    if (lifted) { lifted = false; say(`Put point ${selected + 1} down.`); return draw(); }
    selected = nearest(cursor);
    if (selected >= 0) { lifted = true; say(`Lifted point ${selected + 1}: arrow keys move it, Enter puts it down.`); return draw(); }
    addPoint(cursor);
  }
  let grabbed = false, start = [0, 0];
  drag(plane, {
    down: (fx, fy) => {
      keyboard = false; lifted = false; start = [fx, fy];
      cursor = [fromX(fx), fromY(fy)];
      const found = nearest(cursor);
      grabbed = found >= 0;
      if (!grabbed) return;
      selected = found;
      say(`Point ${selected + 1}, class ${sign(get("points")[selected][2])}.`);
      draw();
    },
    move: (fx, fy) => { if (grabbed) { cursor = [fromX(fx), fromY(fy)]; movePoint(selected, cursor); } },
    // a point appears when the finger lifts where it came down: one that scrolls the page adds nothing
    up: (fx, fy, event) => {
      if (!grabbed && event.type === "pointerup" && Math.hypot(fx - start[0], fy - start[1]) < 0.03) addPoint(cursor);
    },
  });
  plane.addEventListener("focus", () => { keyboard = plane.matches(":focus-visible"); draw(); });
  plane.addEventListener("blur", () => { keyboard = false; lifted = false; draw(); });

  // ---- running -------------------------------------------------------------------------------------------
  const wrong = () => get("points").filter((point) => isMistake(get("w"), point, get("rule"))).length;
  const stuck = () => get("rule") === "below 0" && get("w").every((value) => value === 0);
  function present() {
    const points = get("points"), w = get("w");
    if (!points.length) { say("There is no point to present: add some first."); return false; }
    const next = step(points, w, get("visits"), get("eta"), get("order"), get("rule"), get("seed"));
    const value = points[next.index][2] * score(w, points[next.index]);
    selected = -1;
    const test = get("rule") === "below 0" ? (next.mistake ? "below 0" : "not below 0") : (next.mistake ? "not above 0" : "above 0");
    note = `Point ${next.index + 1}: y\u00b7f = ${show(value)} is ${test}, so ` +
      (next.mistake ? `w moves ${points[next.index][2] > 0 ? "towards" : "away from"} it: w ${points[next.index][2] > 0 ? "+" : "\u2212"} ${show(get("eta"), 1)}\u00b7(${show(points[next.index][0])}, ${show(points[next.index][1])}, 1). Mistake ${get("mistakes") + 1}.` : "w stays.");
    update(model, { before: w, w: next.w, current: next.index, visits: get("visits") + 1, mistakes: get("mistakes") + next.mistake });
    if (stuck()) note += " Every score is 0 and the strict rule calls 0 right: nothing will ever change.";
    else if (wrong() === 0) note += " No point is wrong any more: done.";
    return !(wrong() === 0 || (stuck() && get("visits") >= points.length));
  }
  const runButton = button("Run", () => {
    if (running.running) return running.stop();
    if (!get("points").length) return say("There is nothing to run on: add some points first.");
    if (!reducedMotion()) return running.start();
    for (let i = 0; i < 2000 && present(); i++);     // without motion: straight to the end
  });
  const running = ticker(300, present, (on) => { runButton.textContent = on ? "Pause" : "Run"; });
  const stepButton = button("Step", () => { running.stop(); present(); }, { class: "cw-button cw-main" });
  const reset = (words) => { running.stop(); note = words; selected = -1; update(model, fresh()); };

  // ---- controls ------------------------------------------------------------------------------------------
  const group = uid("label");
  const labels = [1, -1].map((value) => {
    const input = h("input", { type: "radio", name: group, value, onchange: () => { label = value; say(`New points get class ${sign(label)}.`); } });
    return h("label", { class: "cw-check" }, input, h("span", { class: value > 0 ? "pp-plus" : "pp-minus" }, sign(value)));
  });
  const chooseLabel = (value) => { label = value; labels.forEach((one, i) => { one.firstChild.checked = (i === 0) === (value > 0); }); };
  chooseLabel(1);
  const names = Object.keys(get("presets")).map((name) => [name, name]);
  const data = select(model, "preset", {
    label: "Points", options: [...names, ["own", "your own"]],
    then: () => {
      const name = get("preset"), chosen = get("presets")[name];
      selected = -1;
      if (chosen) setPoints(chosen.map(([x, y, one]) => [x * extent(), y * extent(), one]), `${chosen.length} points, ${name}; w starts again from 0.`, name);
    },
  });
  const meter = h("div", { class: "pp-bar" }), meterText = h("p", { class: "pp-meter" });
  const facts = h("dl", { class: "pp-facts" });
  const clear = () => { selected = -1; setPoints([], "All points removed."); };
  body.append(
    column(plane, row(h("span", { id: `${group}-name` }, "Add:"), ...labels,
      button("Delete", () => removePoint(selected)), button("Clear", clear))),
    column(row(stepButton, runButton, button("Reset w", () => reset("w is 0 again: every score is 0."))),
      meterText, h("div", { class: "pp-track", "aria-hidden": "true" }, meter), facts,
      row(data, select(model, "order", { label: "Order", options: [["in turn", "in turn"], ["shuffled", "shuffled each round"], ["worst first", "worst first"]], then: () => say(`Points are now presented ${get("order")}.`) })),
      row(select(model, "rule", { label: "A mistake is", options: [["at most 0", "y\u00b7f \u2264 0"], ["below 0", "y\u00b7f < 0 (strict)"]], then: () => say(get("rule") === "below 0" ? "Strict rule: a score of exactly 0 counts as right." : "A score of exactly 0 counts as a mistake.") }),
        slider(model, "eta", { label: "\u03b7", min: 0.1, max: 2, step: 0.1, format: (value) => show(value, 1), then: () => reset(`\u03b7 = ${show(get("eta"), 1)}; w starts again from 0.`) })),
      toggle(model, "show_best", { label: "Show the line that gives \u03b3", then: () => say(get("show_best") ? (best ? `\u03b3 = ${show(best.margin, 3)}: the widest margin that any line reaches when the bias counts as an input.` : "No line separates these points.") : "Line of \u03b3 hidden.") })));

  // ---- drawing -------------------------------------------------------------------------------------------
  // Ends of the line w.x = level, far outside the plane, or null when w has no direction in it.
  function ends([w1, w2, b], level = 0) {
    const square = w1 * w1 + w2 * w2;
    if (square < 1e-18) return null;
    const length = Math.sqrt(square), reach = 4 * extent(), fx = (level - b) * w1 / square, fy = (level - b) * w2 / square;
    return [[fx - w2 / length * reach, fy + w1 / length * reach], [fx + w2 / length * reach, fy - w1 / length * reach], [fx, fy], [w1 / length, w2 / length]];
  }
  const straight = (w, level, name) => {
    const e = ends(w, level);
    return e && s("line", { x1: toX(e[0][0]), y1: toY(e[0][1]), x2: toX(e[1][0]), y2: toY(e[1][1]), class: name });
  };
  function side(w, name, direction) {       // the half plane on which f has this sign
    const e = ends(w);
    if (!e) return null;
    const far = 8 * extent() * direction, corners = [e[0], e[1], [e[1][0] + e[3][0] * far, e[1][1] + e[3][1] * far], [e[0][0] + e[3][0] * far, e[0][1] + e[3][1] * far]];
    return s("polygon", { points: corners.map(([x, y]) => `${toX(x)},${toY(y)}`).join(" "), class: name });
  }
  function arrow(w) {
    const e = ends(w);
    if (!e || Math.max(Math.abs(e[2][0]), Math.abs(e[2][1])) > extent()) return [];
    const [x, y] = e[2], [nx, ny] = e[3];    // where the line comes nearest to the middle of the plane
    const size = 0.3 * extent(), tx = toX(x + nx * size), ty = toY(y + ny * size), angle = Math.atan2(-ny, nx);
    const head = [0, 2.5, -2.5].map((turn) => `${tx + 12 * Math.cos(angle + turn)},${ty + 12 * Math.sin(angle + turn)}`);
    return [s("line", { x1: toX(x), y1: toY(y), x2: tx, y2: ty, class: "pp-normal" }), s("polygon", { points: head.join(" "), class: "pp-head" }),
      s("text", { x: clamp(tx + 16 * nx, 12, SIZE - 12), y: clamp(ty - 20 * ny + 5, 14, SIZE - 6), "text-anchor": "middle", class: "pp-name" }, "w")];
  }
  function fact(name, ...value) { return [h("dt", {}, name), h("dd", {}, ...value)]; }
  function draw() {
    const points = get("points"), w = get("w"), current = get("current"), strictRule = get("rule");
    if (solved !== points) { best = points.length ? separator(points) : null; solved = points; }
    const values = points.map((point) => point[2] * score(w, point)), left = wrong();
    const length = Math.hypot(w[0], w[1]), margin = points.length && length > 1e-9 ? Math.min(...values) / length : 0;
    const mid = SIZE / 2, limit = best && Math.max(...points.map(([x, y]) => x * x + y * y + 1)) / best.margin ** 2;
    plane.replaceChildren(...[
      s("rect", { width: SIZE, height: SIZE, class: "pp-ground" }),
      side(w, "pp-plus-side", 1), side(w, "pp-minus-side", -1),
      s("line", { x1: 0, y1: mid, x2: SIZE, y2: mid, class: "pp-axis" }), s("line", { x1: mid, y1: 0, x2: mid, y2: SIZE, class: "pp-axis" }),
      get("show_best") && best && straight(best.w, 0, "pp-best"),
      get("show_best") && best && straight(best.w, best.margin, "pp-best-edge"), get("show_best") && best && straight(best.w, -best.margin, "pp-best-edge"),
      current >= 0 && straight(get("before"), 0, "pp-before"),
      margin > 0 && straight(w, margin * length, "pp-edge"), margin > 0 && straight(w, -margin * length, "pp-edge"),
      straight(w, 0, "pp-line"), ...arrow(w),
      ...points.map(([x, y, one], i) => s("g", { transform: `translate(${toX(x)} ${toY(y)})`, class: `pp-point ${one > 0 ? "pp-pos" : "pp-neg"}` },
        i === current && s("circle", { r: 16, class: "pp-current" }), i === selected && s("circle", { r: 13, class: "pp-selected" }),
        one > 0 ? s("rect", { x: -8, y: -8, width: 16, height: 16 }) : s("circle", { r: 9 }),
        s("path", { d: one > 0 ? "M-5 0H5M0-5V5" : "M-5 0H5" }))),
      keyboard && s("path", { d: `M${toX(cursor[0]) - 12} ${toY(cursor[1])}h24m-12-12v24`, class: "pp-cross" }),
    ].filter(Boolean));
    meterText.replaceChildren(h("strong", {}, `${get("mistakes")} mistake${get("mistakes") === 1 ? "" : "s"}`),
      limit ? ` of at most ${Math.floor(limit + 1e-9)} = \u230a(R/\u03b3)\u00b2\u230b` : points.length ? " \u2014 no line separates these points, so no bound" : "");
    meter.style.width = `${limit ? Math.min(100, 100 * get("mistakes") / Math.floor(limit + 1e-9)) : 0}%`;
    facts.replaceChildren(
      ...fact("w = (w\u2081, w\u2082, b)", `(${w.map((value) => show(value)).join(", ")})`),
      ...fact("presented", `${get("visits")} times`),
      ...fact("wrong now", `${left} of ${points.length}${stuck() ? " (strict rule, w = 0)" : ""}`),
      ...fact("margin of the line", margin > 0 ? show(margin, 3) : "none yet"));
    if (note) { say(note); note = ""; }
  }
  say(`${get("points").length} points. w is 0, so every score is 0. Predict the first line, then press Step.`);
  watch(model, ["points", "w", "before", "current", "rule", "show_best", "visits", "mistakes", "extent"], draw);
  return () => running.stop();
}
export default { render };
