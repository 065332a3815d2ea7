import { show, clamp, h, s, update, watch, card, slider, select, button, row, column, surface, arrows, drag, uid } from "./kit.js";

// A point is [x, y, label]. The linear kernel is 1 + x.z, so that a bias is folded in.
export function gram(points, others, kernel, degree, gamma) {
  const power = kernel === "polynomial" ? degree : 1;
  return points.map((a) => others.map((b) => (kernel === "RBF"
    ? Math.exp(-gamma * ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2))
    : (1 + a[0] * b[0] + a[1] * b[1]) ** power)));
}

// Mistakes made on each sample by the perceptron, from the kernel matrix alone.
function countMistakes(K, y) {
  const counts = y.map(() => 0), scores = y.map(() => 0);
  for (let pass = 0, clean = false; pass < 100 && !clean; pass++) {
    clean = true;
    for (let i = 0; i < y.length; i++) {
      if (y[i] * scores[i] > 0) continue;
      counts[i]++;
      clean = false;
      for (let j = 0; j < y.length; j++) scores[j] += y[i] * K[j][i];
    }
  }
  return counts;
}

// (K + penalty I)^-1 y by elimination; the matrix is positive definite, so no rows need exchanging.
function solveRidge(K, y, penalty) {
  const n = y.length, A = K.map((values, i) => [...values.map((value, j) => value + (i === j ? penalty : 0)), y[i]]);
  for (let k = 0; k < n; k++)
    for (let i = k + 1; i < n; i++) {
      const factor = A[i][k] / A[k][k];
      if (factor) for (let j = k; j <= n; j++) A[i][j] -= factor * A[k][j];
    }
  const x = new Array(n);
  for (let i = n - 1; i >= 0; i--) {
    let sum = A[i][n];
    for (let j = i + 1; j < n; j++) sum -= A[i][j] * x[j];
    x[i] = sum / A[i][i];
  }
  return x;
}

// The support vector machine's dual, two coefficients at a time.
function solveDual(K, y, c, tolerance, maxSteps) {
  const n = y.length, alpha = new Array(n).fill(0), residual = [...y];
  for (let step = 0; ; step++) {
    let i = -1, j = -1;
    for (let k = 0; k < n; k++) {
      if ((y[k] > 0 ? alpha[k] < c : alpha[k] > 0) && (i < 0 || residual[k] > residual[i])) i = k;
      if ((y[k] > 0 ? alpha[k] > 0 : alpha[k] < c) && (j < 0 || residual[k] < residual[j])) j = k;
    }
    const gap = residual[i] - residual[j];
    if (gap < tolerance || step === maxSteps) return { alpha, bias: (residual[i] + residual[j]) / 2 };
    const curvature = Math.max(K[i][i] + K[j][j] - 2 * K[i][j], 1e-12);
    const roomI = y[i] > 0 ? c - alpha[i] : alpha[i], roomJ = y[j] > 0 ? alpha[j] : c - alpha[j];
    const move = Math.min(gap / curvature, roomI, roomJ);
    alpha[i] = move === roomI ? (y[i] > 0 ? c : 0) : alpha[i] + y[i] * move;
    alpha[j] = move === roomJ ? (y[j] > 0 ? 0 : c) : alpha[j] - y[j] * move;
    for (let k = 0; k < n; k++) residual[k] -= move * (K[k][i] - K[k][j]);
  }
}

export function train(points, kernel, degree, gamma, method, c) {
  if (!points.length) return { coefficients: [], bias: 0 };
  const K = gram(points, points, kernel, degree, gamma), y = points.map((point) => point[2]);
  if (method === "ridge") return { coefficients: solveRidge(K, y, 1 / c), bias: 0 };
  if (method === "perceptron") return { coefficients: countMistakes(K, y).map((count, i) => count * y[i]), bias: 0 };
  if (y.every((label) => label === y[0])) return { coefficients: y.map(() => 0), bias: y[0] };
  const { alpha, bias } = solveDual(K, y, c, 1e-4, 3000);
  return { coefficients: alpha.map((a, i) => a * y[i]), bias };
}

export function score(points, trained, place, kernel, degree, gamma) {
  const similar = gram([place], points, kernel, degree, gamma)[0];
  return trained.coefficients.reduce((sum, a, i) => sum + a * similar[i], 0) + trained.bias;
}

export function used(coefficients) {
  const largest = Math.max(1, ...coefficients.map(Math.abs));
  return coefficients.filter((a) => Math.abs(a) > 1e-8 * largest).length;
}

const SIZE = 400, CELLS = 48, GRAB = 16, MAX_POINTS = 60;
const sign = (label) => (label > 0 ? "+1" : "\u22121");
const round = (value) => Math.round(value * 100) / 100;
const toX = (x) => (x + 1) * SIZE / 2, toY = (y) => (1 - y) * SIZE / 2;

// Scores on the corners of a square grid, row by row from the top.
function scoresOnGrid(points, trained, settings) {
  const places = Array.from({ length: CELLS + 1 }, (_, i) => -1 + 2 * i / CELLS);
  return places.map((_, r) => places.map((x) => score(points, trained, [x, -places[r]], ...settings)));
}

// Walk the cells; for each, the part where the score is above the level, and the border through it.
function contour(values, level) {
  const side = SIZE / CELLS;
  let region = "", border = "";
  for (let r = 0; r < CELLS; r++) {
    let start = -1;
    const flush = (end) => { if (start >= 0) region += `M${start * side} ${r * side}H${end * side}v${side}H${start * side}z`; start = -1; };
    for (let q = 0; q < CELLS; q++) {
      const corners = [[q, r], [q + 1, r], [q + 1, r + 1], [q, r + 1]], at = corners.map(([a, b]) => values[b][a] - level);
      if (at.every((value) => value > 0)) { if (start < 0) start = q; continue; }
      flush(q);
      if (!at.some((value) => value > 0)) continue;
      const part = [], crossings = [];
      corners.forEach(([a, b], k) => {
        const next = (k + 1) % 4;
        if (at[k] > 0) part.push([a, b]);
        if (at[k] > 0 === at[next] > 0) return;
        const share = at[k] / (at[k] - at[next]);
        const place = [a + share * (corners[next][0] - a), b + share * (corners[next][1] - b)];
        part.push(place);
        crossings.push(place);
      });
      const words = ([a, b]) => `${(a * side).toFixed(1)} ${(b * side).toFixed(1)}`;
      region += `M${part.map(words).join("L")}z`;
      for (let k = 0; k + 1 < crossings.length; k += 2) border += `M${words(crossings[k])}L${words(crossings[k + 1])}`;
    }
    flush(CELLS);
  }
  return { region, border };
}

function render({ model, el }) {
  const { body, say } = card(el, "Kernel explorer",
    "Click to add a point, drag to move it. The border is trained anew at once; a point is as large as its coefficient.");
  const get = (name) => model.get(name);
  const settings = () => [get("kernel"), get("degree"), 10 ** get("log_gamma")];
  let label = 1, selected = -1, lifted = false, keyboard = false, cursor = [0, 0], note = "";

  // ---- the plane -----------------------------------------------------------------------------------------
  const plane = surface(s("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "ke-plane" }),
    "Plane with points. Arrow keys move a cross, with Shift in small steps; Enter adds a point, or lifts and drops one; L changes a point's class; Delete removes it.", {
      ...arrows((dx, dy, event) => {
        keyboard = true;
        const size = event.shiftKey ? 0.01 : 0.05;
        cursor = [clamp(cursor[0] + dx * size, -1, 1), clamp(cursor[1] - dy * size, -1, 1)].map(round);
        if (lifted && selected >= 0) return movePoint(selected, cursor);
        selected = nearest(cursor);
        say(`Cross at (${show(cursor[0])}, ${show(cursor[1])})${selected >= 0 ? `, on point ${selected + 1}, coefficient ${show(trained.coefficients[selected])}` : `, score ${show(score(get("points"), trained, cursor, ...settings()))}`}.`);
        mark();
      }),
      Enter: press, " ": press,
      Delete: () => removePoint(selected), Backspace: () => removePoint(selected),
      l: flipLabel, L: flipLabel,
    });
  const ground = s("g"), dots = s("g"), marks = s("g");
  plane.append(s("rect", { width: SIZE, height: SIZE, class: "ke-ground" }), ground, dots, marks);

  function nearest([x, y]) {
    let found = -1, least = (GRAB / SIZE * 2) ** 2;
    get("points").forEach(([a, b], i) => { const d = (a - x) ** 2 + (b - y) ** 2; if (d < least) { least = d; found = i; } });
    return found;
  }
  function setPoints(points, words, preset = "own") {
    note = words;
    update(model, { points, preset });
  }
  function addPoint(place) {
    if (get("points").length >= MAX_POINTS) return say(`${MAX_POINTS} points are the most that fit here: remove one first.`);
    selected = get("points").length;
    setPoints([...get("points"), [...place.map((value) => round(clamp(value, -1, 1))), label]], `Added point ${selected + 1} of class ${sign(label)}. `);
  }
  function movePoint(index, place) {
    const to = place.map((value) => round(clamp(value, -1, 1)));
    setPoints(get("points").map((point, i) => (i === index ? [...to, point[2]] : point)), `Moved point ${index + 1} to (${show(to[0])}, ${show(to[1])}). `);
  }
  function removePoint(index) {
    if (index < 0) return say("No point is chosen: move the cross onto one, or click one.");
    selected = -1; lifted = false;
    setPoints(get("points").filter((_, i) => i !== index), `Removed point ${index + 1}. `);
  }
  function flipLabel() {
    if (selected < 0) { chooseLabel(-label); return say(`New points get class ${sign(label)}.`); }
    const points = get("points").map((point, i) => (i === selected ? [point[0], point[1], -point[2]] : point));
    setPoints(points, `Point ${selected + 1} is now of class ${sign(points[selected][2])}. `);
  }
  function press() {
    keyboard = true;
    if (lifted) { lifted = false; say(`Put point ${selected + 1} down.`); return mark(); }
    selected = nearest(cursor);
    if (selected >= 0) { lifted = true; say(`Lifted point ${selected + 1}: arrow keys move it, Enter puts it down.`); return mark(); }
    addPoint(cursor);
  }
  const unproject = (fx, fy) => [fx * 2 - 1, 1 - fy * 2];
  drag(plane, {
    down: (fx, fy) => {
      keyboard = false; lifted = false;
      cursor = unproject(fx, fy);
      selected = nearest(cursor);
      if (selected < 0) return void addPoint(cursor);
      say(`Point ${selected + 1}, class ${sign(get("points")[selected][2])}, coefficient ${show(trained.coefficients[selected])}.`);
      mark();
    },
    move: (fx, fy) => { cursor = unproject(fx, fy); if (selected >= 0) movePoint(selected, cursor); },
  });
  plane.addEventListener("focus", () => { keyboard = plane.matches(":focus-visible"); mark(); });
  plane.addEventListener("blur", () => { keyboard = false; lifted = false; mark(); });

  // ---- controls ------------------------------------------------------------------------------------------
  const group = uid("label");
  const labels = [1, -1].map((value) => {
    const input = h("input", { type: "radio", name: group, value, onchange: () => { label = value; say(`New points get class ${sign(label)}.`); } });
    return h("label", { class: "cw-check" }, input, h("span", { class: value > 0 ? "ke-plus" : "ke-minus" }, sign(value)));
  });
  const chooseLabel = (value) => { label = value; labels.forEach((one, i) => { one.firstChild.checked = (i === 0) === (value > 0); }); };
  chooseLabel(1);
  const names = Object.keys(get("presets")).map((name) => [name, name]);
  const data = select(model, "preset", {
    label: "Points", options: [...names, ["own", "your own"]],
    then: () => {
      const chosen = get("presets")[get("preset")];
      selected = -1;
      if (chosen) setPoints(chosen, `${chosen.length} points, ${get("preset")}. `, get("preset"));
      else say("Your own points: click into the plane to add, drag to move.");
    },
  });
  const scaled = (value) => (value < 0.095 ? show(value, 3) : value < 9.5 ? show(value, 2) : show(value, 0));
  const width = slider(model, "log_gamma", { label: "\u03b3 (one over width squared)", min: -1, max: 3, step: 0.1, format: (v) => scaled(10 ** v) });
  const degree = slider(model, "degree", { label: "degree", min: 2, max: 9, format: String });
  const price = slider(model, "log_c", { label: "C (price of a deviation)", min: -2, max: 4, step: 0.1, format: (v) => scaled(10 ** v) });
  const widthSlot = h("div", { class: "cw-field" }), priceSlot = h("div", { class: "cw-field" });
  const facts = h("dl", { class: "ke-facts" });
  body.append(
    column(plane, row(h("span", {}, "Add:"), ...labels, button("Delete", () => removePoint(selected)),
      button("Clear", () => { selected = -1; setPoints([], "All points removed. "); }))),
    column(row(data, select(model, "method", { label: "Method", options: [["SVM", "SVM"], ["ridge", "kernel ridge"], ["perceptron", "perceptron"]] })),
      select(model, "kernel", { label: "Kernel", options: [["RBF", "RBF  exp(\u2212\u03b3\u00b7|x \u2212 z|\u00b2)"], ["polynomial", "polynomial  (1 + x\u00b7z)\u1d48"], ["linear", "linear  1 + x\u00b7z"]] }),
      widthSlot, priceSlot, facts));

  // ---- training and drawing ------------------------------------------------------------------------------
  let trained = { coefficients: [], bias: 0 };
  const fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];
  function mark() {
    const point = get("points")[selected];
    marks.replaceChildren(...[
      point && s("circle", { cx: toX(point[0]), cy: toY(point[1]), r: 17, class: "ke-selected" }),
      keyboard && s("path", { d: `M${toX(cursor[0]) - 12} ${toY(cursor[1])}h24m-12-12v24`, class: "ke-cross" }),
    ].filter(Boolean));
  }
  function draw() {
    const points = get("points"), method = get("method"), kernel = get("kernel");
    trained = train(points, ...settings(), method, 10 ** get("log_c"));
    const values = scoresOnGrid(points, trained, settings()), zero = contour(values, 0);
    ground.replaceChildren(s("path", { d: zero.region, class: "ke-plus-side" }),
      ...(method === "SVM" ? [1, -1].map((level) => s("path", { d: contour(values, level).border, class: "ke-edge" })) : []),
      s("path", { d: zero.border, class: "ke-line" }));
    const largest = Math.max(1e-12, ...trained.coefficients.map(Math.abs));
    dots.replaceChildren(...points.map(([x, y, one], i) => {
      const size = Math.abs(trained.coefficients[i]) / largest, r = 5.5 + 8.5 * Math.sqrt(size);
      const shape = one > 0 ? s("rect", { x: -r, y: -r, width: 2 * r, height: 2 * r }) : s("circle", { r });
      return s("g", { transform: `translate(${toX(x)} ${toY(y)})`, class: `ke-point ${one > 0 ? "ke-pos" : "ke-neg"}` }, shape,
        s("path", { d: one > 0 ? "M-3.5 0H3.5M0-3.5V3.5" : "M-3.5 0H3.5" }));
    }));
    widthSlot.replaceChildren(...(kernel === "RBF" ? [width] : kernel === "polynomial" ? [degree] : []));
    priceSlot.replaceChildren(...(method === "perceptron" ? [] : [price]));
    const count = used(trained.coefficients), wrong = points.filter((point) => point[2] * score(points, trained, point, ...settings()) <= 0).length;
    facts.replaceChildren(...fact("coefficients not zero", `${count} of ${points.length}`), ...fact("points on the wrong side", String(wrong)),
      ...fact("largest coefficient", show(points.length ? largest : 0)));
    mark();
    const name = method === "ridge" ? "Kernel ridge" : method === "SVM" ? "SVM" : "Perceptron";
    const setting = kernel === "RBF" ? `RBF kernel, \u03b3 = ${scaled(10 ** get("log_gamma"))}` : kernel === "polynomial" ? `polynomial kernel of degree ${get("degree")}` : "linear kernel";
    const dear = method === "perceptron" ? "" : `, C = ${scaled(10 ** get("log_c"))}`;
    say(`${note}${name}, ${setting}${dear}: ${count} of ${points.length} coefficients are not zero, ${wrong} point${wrong === 1 ? " is" : "s are"} on the wrong side.`);
    note = "";
  }
  watch(model, ["points", "kernel", "degree", "log_gamma", "method", "log_c"], draw);
}
export default { render };
