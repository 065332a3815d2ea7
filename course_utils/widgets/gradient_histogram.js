import { unpackBytes, show, clamp, h, s, update, watch, card, slider, select, toggle, column, row, surface, arrows, drag, paintGray } from "./kit.js";

const SIDE = 96, WINDOW = 16, CELL = 8, BINS = 9;

// Another light: every value times the gain, as a negative if asked.
export const relight = (values, gain, negative) => Array.from(values, (v) => gain * (negative ? 255 - v : v));

function normalise(values) {
  let out = values;
  for (const cut of [0.2, Infinity]) {
    const length = Math.sqrt(out.reduce((sum, v) => sum + v * v, 0) + 1e-10);
    out = out.map((v) => Math.min(v / length, cut));
  }
  return out;
}

// Gradients, cell histograms and descriptor of the 16 x 16 window whose top left pixel is (row, column).
export function windowDescriptor(values, width, top, left) {
  const down = [], right = [], cells = [0, 1, 2, 3].map(() => new Array(BINS).fill(0));
  for (let r = 0; r < WINDOW; r++)
    for (let c = 0; c < WINDOW; c++) {
      const at = (top + r) * width + left + c;
      const gr = values[at + width] - values[at - width], gc = values[at + 1] - values[at - 1];
      down.push(gr);
      right.push(gc);
      let angle = Math.atan2(gr, gc) * (180 / Math.PI) % 180;
      if (angle < 0) angle += 180;
      const bin = Math.min(Math.floor(angle / (180 / BINS)), BINS - 1);
      cells[2 * Math.floor(r / CELL) + Math.floor(c / CELL)][bin] += Math.hypot(gr, gc) / (CELL * CELL);
    }
  return { down, right, cells, descriptor: normalise(cells.flat()) };
}

const ZOOM = 20, FIELD = WINDOW * ZOOM;

function render({ model, el }) {
  const { body, say } = card(el, "From gradients to a descriptor",
    "Drag the window, or use the arrow keys. Then dim the light: which of the two bar charts changes?");
  const get = (name) => model.get(name);
  const canvas = h("canvas", { "aria-hidden": "true" });
  const frame = s("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, class: "gh-frame", "aria-hidden": "true" });
  const limit = SIDE - WINDOW - 1;
  let last = null;

  const tell = () => {
    const total = last.cells.reduce((sum, cell) => sum.map((v, i) => v + cell[i]), new Array(BINS).fill(0));
    const most = total.indexOf(Math.max(...total)), share = total[most] / (total.reduce((a, b) => a + b, 0) || 1);
    say(`Light \u00d7 ${show(get("gain"), 2)}${get("negative") ? ", negative" : ""}, window at row ${get("row")}, column ${get("column")}: ${show(100 * share, 0)} % of the gradient points between ${20 * most} and ${20 * most + 20} degrees` +
      `; largest histogram entry ${show(Math.max(...last.cells.flat()), 1)}, largest descriptor entry ${show(Math.max(...last.descriptor), 2)}.`);
  };
  const later = () => queueMicrotask(tell);
  const place = (r, c) => { update(model, { row: clamp(Math.round(r), 1, limit), column: clamp(Math.round(c), 1, limit) }); later(); };
  const picture = surface(h("div", { class: "gh-picture" }, canvas, frame), "Picture. Arrow keys move the window, with Shift in larger steps.",
    arrows((dx, dy, event) => { const size = event.shiftKey ? 8 : 1; place(get("row") + dy * size, get("column") + dx * size); }));
  const point = (x, y) => place(y * SIDE - WINDOW / 2, x * SIDE - WINDOW / 2);
  drag(picture, { down: point, move: point });

  const zoom = s("svg", { viewBox: `0 0 ${FIELD} ${FIELD}`, role: "img", class: "gh-zoom" });
  const raw = s("svg", { viewBox: "0 0 380 96", role: "img" }), normal = s("svg", { viewBox: "0 0 380 96", role: "img" });
  const names = Object.keys(get("pictures")).map((name) => [name, name]);
  const figure = (node, words) => h("figure", { class: "cw-figure" }, node, h("figcaption", {}, words));
  body.append(
    column(select(model, "picture", { label: "Picture", options: names, then: later }), picture,
      slider(model, "gain", { label: "Light", min: 0.1, max: 1, step: 0.05, format: (v) => `\u00d7 ${show(v, 2)}`, then: later }),
      toggle(model, "negative", { label: "Show the negative", then: later })),
    column(figure(zoom, "The window, with the gradient of each pixel and the four cells"),
      figure(raw, "Cell histograms: nine directions from 0 to 180 degrees in each of four cells"),
      figure(normal, "Descriptor: the same 36 numbers, scaled to length 1, cut at 0.2, scaled again")));

  function bars(svg, values, top, name) {
    svg.setAttribute("aria-label", `${name}: 36 bars, the highest ${show(Math.max(...values), 2)}`);
    svg.replaceChildren(s("line", { x1: 0, y1: 92, x2: 380, y2: 92, class: "gh-axis" }), ...values.map((v, i) => {
      const height = clamp(88 * v / top, 0, 90);
      return s("rect", { x: 4 + 10 * i + 5 * Math.floor(i / BINS), y: 92 - height, width: 8, height, class: `gh-bar gh-cell-${Math.floor(i / BINS)}` });
    }));
  }
  watch(model, ["picture", "row", "column", "gain", "negative"], () => {
    const values = relight(unpackBytes(get("pictures")[get("picture")]), get("gain"), get("negative"));
    const top = get("row"), left = get("column");
    last = windowDescriptor(values, SIDE, top, left);
    paintGray(canvas, values, SIDE, SIDE);
    frame.replaceChildren(s("rect", { x: left, y: top, width: WINDOW, height: WINDOW, class: "gh-window" }),
      s("path", { d: `M${left + CELL} ${top}v${WINDOW}M${left} ${top + CELL}h${WINDOW}`, class: "gh-window gh-thin" }));
    const parts = [], longest = Math.max(40, ...last.right.map((g, i) => Math.hypot(g, last.down[i])));
    for (let r = 0; r < WINDOW; r++)
      for (let c = 0; c < WINDOW; c++) {
        const i = r * WINDOW + c, gray = Math.round(values[(top + r) * SIDE + left + c]);
        parts.push(s("rect", { x: c * ZOOM, y: r * ZOOM, width: ZOOM, height: ZOOM, fill: `rgb(${gray},${gray},${gray})` }));
      }
    for (let r = 0; r < WINDOW; r++)
      for (let c = 0; c < WINDOW; c++) {
        const i = r * WINDOW + c, size = 0.9 * ZOOM / longest, x = (c + 0.5) * ZOOM, y = (r + 0.5) * ZOOM;
        const dx = last.right[i] * size, dy = last.down[i] * size;
        if (Math.hypot(dx, dy) < 1.5) continue;
        const line = { x1: x - dx / 2, y1: y - dy / 2, x2: x + dx / 2, y2: y + dy / 2 };
        parts.push(s("line", { ...line, class: "gh-halo" }), s("line", { ...line, class: "gh-arrow" }),
          s("circle", { cx: x + dx / 2, cy: y + dy / 2, r: 2.4, class: "gh-tip" }));
      }
    parts.push(s("path", { d: `M${FIELD / 2} 0v${FIELD}M0 ${FIELD / 2}h${FIELD}`, class: "gh-cells" }));
    zoom.setAttribute("aria-label", `Window enlarged, with gradients; the longest is ${show(longest, 0)} gray values`);
    zoom.replaceChildren(...parts);
    bars(raw, last.cells.flat(), 40, "Cell histograms");
    bars(normal, last.descriptor, 0.5, "Descriptor");
  });
  say("Predict: the light falls to a tenth. Which bars shrink, and which stay?");
}
export default { render };
