import { randomNumbers, show, clamp, h, s, update, watch, card, slider, button, column, row } from "./kit.js";

const LABELLINGS = 60, SCALE = 4, TOLERANCE = 1e-9;

// Points in the square and the weights of random features; the first ones stay when more are asked for.
export function problem(count, dimension, seed) {
  const place = randomNumbers(seed), spread = randomNumbers(seed + 1);
  const points = Array.from({ length: count }, () => { const x = 2 * place() - 1; return [x, 2 * place() - 1]; });
  const normal = () => {
    const radius = Math.sqrt(-2 * Math.log(1 - spread()));
    return SCALE * radius * Math.cos(2 * Math.PI * spread());
  };
  const weights = Array.from({ length: dimension }, () => { const a = normal(), b = normal(); return [a, b, normal()]; });
  return { points, weights };
}

export function labelsOf(count, index, seed) {
  const coin = randomNumbers(1000 * (seed + 1) + index);
  return Array.from({ length: count }, () => (coin() < 0.5 ? 1 : -1));
}

export const features = (points, weights) =>
  points.map(([x, y]) => weights.map(([a, b, c]) => Math.tanh(a * x + b * y + c)));

// First phase of the simplex method with Bland's rule: a plane with every point on its own side, or null with the
// proof that there is none. The plane's last weight is its bias.
export function separatingPlane(points, labels) {
  const count = points.length, rows = points[0].length + 2, width = count + rows + 1;
  const table = Array.from({ length: rows }, (_, i) => {
    const line = new Float64Array(width);
    for (let j = 0; j < count; j++) line[j] = i === rows - 1 ? 1 : labels[j] * (i === rows - 2 ? 1 : points[j][i]);
    line[count + i] = 1;
    return line;
  });
  table[rows - 1][width - 1] = 1;
  const basis = Array.from({ length: rows }, (_, i) => count + i), reduced = new Float64Array(width);
  for (const line of table) for (let j = 0; j < width; j++) reduced[j] -= line[j];
  for (let j = count; j < width - 1; j++) reduced[j] = 0;
  while (reduced[width - 1] < -TOLERANCE) {
    let enter = 0;
    while (enter < count && reduced[enter] >= -TOLERANCE) enter++;
    if (enter === count) return Array.from(reduced.subarray(count, count + rows - 1), (v) => v - 1);
    let leave = -1, least = Infinity;
    for (let i = 0; i < rows; i++)
      if (table[i][enter] > TOLERANCE) least = Math.min(least, table[i][width - 1] / table[i][enter]);
    for (let i = 0; i < rows; i++)
      if (table[i][enter] > TOLERANCE && table[i][width - 1] / table[i][enter] <= least + TOLERANCE && (leave < 0 || basis[i] < basis[leave])) leave = i;
    const pivot = table[leave][enter];
    for (let j = 0; j < width; j++) table[leave][j] /= pivot;
    for (const line of [...table, reduced]) {
      if (line === table[leave]) continue;
      const factor = line[enter];
      if (factor) for (let j = 0; j < width; j++) line[j] -= factor * table[leave][j];
    }
    basis[leave] = enter;
  }
  return null;
}

export const separable = (points, labels) => separatingPlane(points, labels) !== null;

export function coverFraction(count, dimension) {
  let term = 1, sum = 0;
  for (let k = 0; k <= Math.min(dimension, count - 1); k++) {
    sum += term;
    term *= (count - 1 - k) / (k + 1);
  }
  return sum / 2 ** (count - 1);
}

const PLANE = 300, GRID = 60, CHART = { left: 54, top: 12, width: 316, height: 190 };

function render({ model, el }) {
  const { body, say } = card(el, "How many features separate random labels?",
    "Each labelling is a row of coin flips: there is nothing to learn. Raise the number of features until a plane separates it.");
  const get = (name) => model.get(name);
  const canvas = h("canvas", { "aria-hidden": "true", class: "se-canvas" });
  const plane = s("svg", { viewBox: `0 0 ${PLANE} ${PLANE}`, role: "img", class: "se-points" });
  const chart = s("svg", { viewBox: "0 0 390 250", role: "img" });
  const strip = s("svg", { viewBox: "0 0 390 76", role: "img" });
  let found = [], here = false, key = "";

  const tell = () => {
    const n = get("count"), d = get("dimension"), hits = found.filter(Boolean).length;
    say(`Labelling ${get("labelling") + 1} of ${n} points in ${d} feature${d === 1 ? "" : "s"}: ${here ? "a plane separates it" : "no plane separates it"}. ` +
      `Of ${LABELLINGS} labellings ${hits} are separable (${show(100 * hits / LABELLINGS, 0)} %); Cover's formula says ${show(100 * coverFraction(n, d), 0)} %.`);
  };
  const later = () => queueMicrotask(tell);
  const next = (step) => { update(model, { labelling: (get("labelling") + step + LABELLINGS) % LABELLINGS }); later(); };
  const figure = (node, words) => h("figure", { class: "cw-figure" }, node, h("figcaption", {}, words));
  body.append(
    column(h("div", { class: "se-plane" }, canvas, plane),
      row(button("Next labelling", () => next(1), { class: "cw-button cw-main" }), button("Previous", () => next(-1)),
        button("New points", () => { update(model, { seed: (get("seed") + 1) % 1000, labelling: 0 }); later(); }))),
    column(slider(model, "dimension", { label: "Random features D", min: 1, max: 24, then: later }),
      slider(model, "count", { label: "Points N", min: 4, max: 20, then: later }),
      figure(chart, "Share of labellings that a plane separates: line, Cover's formula; dot, the 60 below"),
      figure(strip, "60 random labellings: filled where a plane separates them, ringed the one on the left")));

  watch(model, ["count", "dimension", "seed", "labelling"], () => {
    const n = get("count"), d = get("dimension"), { points, weights } = problem(n, d, get("seed"));
    const x = features(points, weights);
    if (key !== `${n} ${d} ${get("seed")}`) {
      key = `${n} ${d} ${get("seed")}`;
      found = Array.from({ length: LABELLINGS }, (_, i) => separable(x, labelsOf(n, i, get("seed"))));
    }
    const labels = labelsOf(n, get("labelling"), get("seed")), w = separatingPlane(x, labels);
    here = w !== null;

    canvas.width = canvas.height = GRID;
    const context = canvas.getContext("2d"), image = context.createImageData(GRID, GRID);
    for (let r = 0; r < GRID; r++)
      for (let c = 0; c < GRID; c++) {
        let color = [128, 128, 128, 40];
        if (w) {
          const place = [(c + 0.5) / GRID * 2 - 1, 1 - (r + 0.5) / GRID * 2];
          let value = w[d];
          for (let k = 0; k < d; k++) value += w[k] * Math.tanh(weights[k][0] * place[0] + weights[k][1] * place[1] + weights[k][2]);
          color = value > 0 ? [0, 114, 178, 90] : [230, 159, 0, 90];
        }
        image.data.set(color, 4 * (r * GRID + c));
      }
    context.putImageData(image, 0, 0);
    plane.setAttribute("aria-label", `${n} points in the plane, ${labels.filter((y) => y > 0).length} of class +1; ${here ? "coloured regions show a separating boundary" : "no boundary of this kind separates them"}`);
    plane.replaceChildren(...points.map(([a, b], i) => {
      const px = clamp((a + 1) / 2 * PLANE, 9, PLANE - 9), py = clamp((1 - b) / 2 * PLANE, 9, PLANE - 9);
      return labels[i] > 0 ? s("circle", { cx: px, cy: py, r: 8, class: "se-plus" }) : s("rect", { x: px - 7, y: py - 7, width: 14, height: 14, class: "se-minus" });
    }));

    const most = 24, X = (k) => CHART.left + CHART.width * k / most, Y = (v) => CHART.top + CHART.height * (1 - v);
    const share = found.filter(Boolean).length / LABELLINGS;
    chart.setAttribute("aria-label", `Cover's curve for ${n} points; measured share at ${d} features ${show(100 * share, 0)} percent`);
    chart.replaceChildren(
      ...[0, 0.5, 1].flatMap((v) => [s("line", { x1: X(0), y1: Y(v), x2: X(most), y2: Y(v), class: "se-grid" }),
        s("text", { x: CHART.left - 8, y: Y(v) + 5, "text-anchor": "end" }, `${100 * v} %`)]),
      ...[[Math.max(n / 2 - 1, 0), "N/2 \u2212 1"], [n - 1, "N \u2212 1"]].flatMap(([k, words]) => [s("line", { x1: X(k), y1: Y(0), x2: X(k), y2: Y(1), class: "se-mark" }),
        s("text", { x: X(k), y: Y(0) + 18, "text-anchor": "middle" }, words)]),
      s("text", { x: X(most), y: Y(0) + 36, "text-anchor": "end" }, "features D"),
      s("polyline", { points: Array.from({ length: most + 1 }, (_, k) => `${X(k)},${Y(coverFraction(n, k))}`).join(" "), class: "se-curve" }),
      s("circle", { cx: X(d), cy: Y(share), r: 7, class: "se-dot" }));
    strip.setAttribute("aria-label", `${found.filter(Boolean).length} of ${LABELLINGS} labellings are separable`);
    strip.replaceChildren(...found.map((ok, i) => s("rect", { x: 4 + 19.2 * (i % 20), y: 4 + 24 * Math.floor(i / 20), width: 14, height: 16, rx: 2,
      class: `${ok ? "se-yes" : "se-no"}${i === get("labelling") ? " se-this" : ""}` })));
  });
  say("Predict: 12 points, coin-flip labels. At how many features does a plane separate half of the labellings?");
}
export default { render };
