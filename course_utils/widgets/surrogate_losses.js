import { show, clamp, h, s, update, watch, card, slider, toggle, column, row, surface, arrows, drag, uid } from "./kit.js";

const LOSSES = ["zero-one", "perceptron", "hinge", "logistic", "exponential", "squared"];
const FORMULAS = ["1 if m \u2264 0", "max(0, \u2212m)", "max(0, 1 \u2212 m)", "ln(1 + e\u207b\u1d50)", "e\u207b\u1d50", "(1 \u2212 m)\u00b2"];
const REACH = 3, TOP = 5;

// A margin of exactly 0 is an error of the zero-one loss.
export function loss(name, margin, baseTwo = false) {
  switch (name) {
    case "zero-one": return margin <= 0 ? 1 : 0;
    case "perceptron": return Math.max(0, -margin);
    case "hinge": return Math.max(0, 1 - margin);
    case "logistic": return (Math.max(0, -margin) + Math.log1p(Math.exp(-Math.abs(margin)))) / (baseTwo ? Math.LN2 : 1);
    case "exponential": return Math.exp(-margin);
    default: return (1 - margin) ** 2;
  }
}

// At the kinks: the slope that the training rules use.
export function slope(name, margin, baseTwo = false) {
  switch (name) {
    case "zero-one": return 0;
    case "perceptron": return margin <= 0 ? -1 : 0;
    case "hinge": return margin < 1 ? -1 : 0;
    case "logistic": return -1 / (1 + Math.exp(margin)) / (baseTwo ? Math.LN2 : 1);
    case "exponential": return -Math.exp(-margin);
    default: return -2 * (1 - margin);
  }
}

// Least of loss minus zero-one loss over margins -3 ... 3; below 0 means: no upper bound.
export function leastGap(name, baseTwo = false) {
  let least = Infinity;
  for (let i = 0; i <= 600; i++) {
    const margin = (i - 300) / 100;
    least = Math.min(least, loss(name, margin, baseTwo) - loss("zero-one", margin));
  }
  return least;
}

const LEFT = 34, WIDTH = 400, HEIGHT = 300, FOOT = 316;
const toX = (m) => LEFT + (m + REACH) / (2 * REACH) * WIDTH, toY = (value) => FOOT - value / TOP * HEIGHT;

function render({ model, el }) {
  const { body, say } = card(el, "Losses as functions of the margin",
    "Move the margin m. A good substitute for counting errors lies above the zero-one steps and has a slope.");
  body.classList.add("sl-body");
  const get = (name) => model.get(name), clip = uid("clip");
  const curves = s("g", { "clip-path": `url(#${clip})` }), moving = s("g");
  const describe = () => {
    const m = get("margin");
    const side = m > 0 ? "right side" : m < 0 ? "wrong side" : "on the line, counted as wrong";
    say(`m = ${show(m)} (${side}): ` + LOSSES.filter((name) => get("shown").includes(name))
      .map((name) => `${name} ${show(loss(name, m, get("base_two")))}`).join(", ") + ".");
  };
  const move = (margin) => { update(model, { margin: clamp(Math.round(margin * 100) / 100, -REACH, REACH) }); describe(); };
  const plot = surface(s("svg", { viewBox: `0 0 ${LEFT + WIDTH + 12} 360`, class: "sl-plot" },
    s("defs", {}, s("clipPath", { id: clip }, s("rect", { x: LEFT, y: FOOT - HEIGHT, width: WIDTH, height: HEIGHT + 2 }))),
    ...[-3, -2, -1, 0, 1, 2, 3].flatMap((m) => [s("line", { x1: toX(m), x2: toX(m), y1: toY(0), y2: toY(TOP), class: m ? "sl-grid" : "sl-zero" }),
      s("text", { x: toX(m), y: FOOT + 20, "text-anchor": "middle" }, show(m, 0))]),
    ...[0, 1, 2, 3, 4, 5].flatMap((v) => [s("line", { x1: LEFT, x2: LEFT + WIDTH, y1: toY(v), y2: toY(v), class: v ? "sl-grid" : "sl-zero" }),
      s("text", { x: LEFT - 10, y: toY(v) + 5, "text-anchor": "end" }, String(v))]),
    s("text", { x: LEFT + WIDTH / 2, y: FOOT + 40, "text-anchor": "middle" }, "margin m = y\u00b7f(x)"), curves, moving),
  "Plot of the losses. Left and right arrow keys move the margin.", {
    ...arrows((dx, dy, event) => move(get("margin") + (dx - dy) * (event.shiftKey ? 0.01 : 0.1))),
    Home: () => move(-REACH), End: () => move(REACH),
  });
  const fromX = (fx) => (fx * (LEFT + WIDTH + 12) - LEFT) / WIDTH * 2 * REACH - REACH;
  drag(plot, { down: (fx) => move(fromX(fx)), move: (fx) => move(fromX(fx)) });

  const cells = {}, rows = LOSSES.map((name, i) => {
    const id = uid(name), box = h("input", { type: "checkbox", id });
    box.addEventListener("change", () => {
      const shown = LOSSES.filter((one) => (one === name ? box.checked : get("shown").includes(one)));
      update(model, { shown });
      say(`${name} loss ${box.checked ? "shown" : "hidden"}.`);
    });
    cells[name] = { box, value: h("td"), slope: h("td"), bound: h("td") };
    const swatch = s("svg", { viewBox: "0 0 30 8", class: "sl-swatch", "aria-hidden": "true" }, s("path", { d: "M1 4H29", class: `sl-curve sl-${i}` }));
    return h("tr", {}, h("th", { scope: "row" }, h("label", { class: "cw-check", for: id }, box, swatch, h("span", {}, name, h("small", {}, FORMULAS[i])))),
      cells[name].value, cells[name].slope, cells[name].bound);
  });
  body.append(
    column(plot, slider(model, "margin", { label: "margin m", min: -REACH, max: REACH, step: 0.01, format: (m) => show(m), then: describe })),
    column(h("table", {}, h("thead", {}, h("tr", {}, ...["loss", "at m", "slope", "bound?"].map((words) => h("th", { scope: "col" }, words)))), h("tbody", {}, ...rows)),
      h("p", { class: "cw-note" }, "Bound: nowhere below the zero-one loss, so driving it down drives down the count of errors."),
      row(toggle(model, "slopes", { label: "Draw slopes", then: () => say(get("slopes") ? "Each short line shows the slope: how hard the loss pushes." : "Slopes hidden.") }),
        toggle(model, "base_two", { label: "Logistic loss in base 2", then: () => say(get("base_two") ? "Divided by ln 2, the logistic loss is 1 at m = 0 and bounds the zero-one loss." : "With the natural logarithm the logistic loss is 0.69 at m = 0: no upper bound.") }))));

  watch(model, ["shown", "base_two"], () => {
    curves.replaceChildren(...LOSSES.map((name, i) => {
      if (!get("shown").includes(name)) return null;
      const points = Array.from({ length: 301 }, (_, k) => (k - 150) / 50).map((m) => `${toX(m).toFixed(1)} ${toY(Math.min(loss(name, m, get("base_two")), 20)).toFixed(1)}`);
      const path = name === "zero-one" ? `M${toX(-REACH)} ${toY(1)}H${toX(0)}V${toY(0)}H${toX(REACH)}` : `M${points.join("L")}`;
      return s("path", { d: path, class: `sl-curve sl-${i}` });
    }).filter(Boolean));
  });
  watch(model, ["margin", "shown", "base_two", "slopes"], () => {
    const m = get("margin"), base = get("base_two");
    moving.replaceChildren(s("line", { x1: toX(m), x2: toX(m), y1: toY(0), y2: toY(TOP), class: "sl-margin" }));
    LOSSES.forEach((name, i) => {
      const value = loss(name, m, base), rise = slope(name, m, base), shown = get("shown").includes(name), gap = leastGap(name, base);
      const cell = cells[name];
      cell.box.checked = shown;
      cell.value.textContent = show(value);
      cell.slope.textContent = show(rise);
      cell.bound.textContent = name === "zero-one" ? "\u2014" : gap >= -1e-12 ? "yes" : "no";
      cell.bound.className = name === "zero-one" ? "" : gap >= -1e-12 ? "sl-yes" : "sl-no";
      if (!shown || value > TOP) return;
      const px = HEIGHT / TOP, run = 46 / Math.hypot(WIDTH / (2 * REACH), rise * px);
      if (get("slopes") && name !== "zero-one") moving.append(s("line", { x1: toX(m - run), y1: toY(value - run * rise), x2: toX(m + run), y2: toY(value + run * rise), class: `sl-tangent sl-${i}` }));
      moving.append(s("circle", { cx: toX(m), cy: toY(value), r: 5.5, class: `sl-dot sl-${i}` }));
    });
  });
  describe();
}
export default { render };
