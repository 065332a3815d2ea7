import { permutation, unpackBytes, show, clamp, h, s, update, watch, card, slider, select, toggle, column, row, surface, arrows, paintGray } from "./kit.js";

// Contrast turns about 128; a threshold of 0 means none.
export function adjust(values, brightness, contrast, threshold) {
  return Array.from(values, (value) => {
    const changed = clamp(Math.floor((value - 128) * contrast + 128 + brightness + 0.5), 0, 255);
    return threshold === 0 ? changed : changed >= threshold ? 255 : 0;
  });
}

export function histogram(values, bins = 16) {
  const counts = new Array(bins).fill(0);
  for (const value of values) counts[Math.floor(value * bins / 256)]++;
  return counts;
}

const HALF = 2, BINS = 16;       // the window shows 5 x 5 numbers

function render({ model, el }) {
  const { body, say } = card(el, "A picture is a table of numbers",
    "Point at the picture, or move with the arrow keys. Then shuffle: what did the vector lose?");
  const get = (name) => model.get(name);
  const canvas = h("canvas", { "aria-hidden": "true" }), frame = s("svg", { class: "in-frame", "aria-hidden": "true", preserveAspectRatio: "none" });
  let values = [], order = null;

  const tell = () => {
    const r = get("row"), c = get("col"), index = r * get("width") + c;
    say(`Row ${r}, column ${c}: value ${values[index]}, at index ${r} \u00b7 ${get("width")} + ${c} = ${index} of the vector.`);
  };
  const move = (r, c) => { update(model, { row: clamp(r, 0, get("height") - 1), col: clamp(c, 0, get("width") - 1) }); queueMicrotask(tell); };
  const picture = surface(h("div", { class: "in-picture" }, canvas, frame), "Picture. Arrow keys move the window over the pixels.",
    arrows((dx, dy, event) => { const size = event.shiftKey ? 5 : 1; move(get("row") + dy * size, get("col") + dx * size); }));
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    move(Math.floor((event.clientY - box.top) / box.height * get("height")), Math.floor((event.clientX - box.left) / box.width * get("width")));
  };
  picture.addEventListener("pointerdown", point);
  picture.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") point(event); });

  const cells = [], grid = h("table", { class: "in-grid" }, h("caption", {}, "The numbers in the frame"), h("tbody", {}, ...Array.from({ length: 2 * HALF + 1 }, (_, i) => {
    cells.push([]);
    return h("tr", {}, ...Array.from({ length: 2 * HALF + 1 }, () => { const cell = h("td"); cells[i].push(cell); return cell; }));
  })));
  const line = h("p", { class: "in-vector" }), bars = s("svg", { viewBox: "0 0 320 84", role: "img", class: "in-histogram" });
  const changed = () => say(`${get("threshold") ? `Every number is 0 or 255 now (threshold ${get("threshold")})` : `New number = (old \u2212 128) \u00b7 ${show(get("contrast"), 1)} + 128 ${get("brightness") < 0 ? "\u2212" : "+"} ${Math.abs(get("brightness"))}, kept within 0 and 255`}; the one in the middle is ${values[get("row") * get("width") + get("col")]}.`);
  const later = (words) => () => queueMicrotask(words);
  const shuffledWords = () => say(get("shuffled")
    ? `All ${values.length} numbers are still there and the histogram is the same, but neighbours are strangers: shape lived in the order.`
    : "Back in order.");
  const names = get("labels").map((name, i) => [i, name]);
  body.append(
    column(names.length > 1 ? select(model, "picture", { label: "Picture", options: names, then: later(() => say(`Picture: ${get("labels")[get("picture")]}.`)) }) : null,
      picture, toggle(model, "shuffled", { label: "Shuffle the pixels", then: later(shuffledWords) })),
    column(grid, line,
      h("figure", { class: "cw-figure" }, bars, h("figcaption", {}, "How many pixels have which value: 0 left, 255 right"))),
    h("div", { class: "cw-row cw-wide" },
      slider(model, "brightness", { label: "Brightness", min: -128, max: 128, format: (v) => show(v, 0), then: later(changed) }),
      slider(model, "contrast", { label: "Contrast", min: 0, max: 3, step: 0.1, format: (v) => `\u00d7 ${show(v, 1)}`, then: later(changed) }),
      slider(model, "threshold", { label: "Threshold", min: 0, max: 255, format: (v) => (v ? show(v, 0) : "off"), then: later(changed) })));

  watch(model, ["pixels", "picture", "brightness", "contrast", "threshold", "shuffled", "seed", "row", "col", "height", "width"], draw);
  function draw() {
    const height = get("height"), width = get("width"), size = height * width, r = get("row"), c = get("col");
    const key = JSON.stringify(["picture", "brightness", "contrast", "threshold", "shuffled", "seed"].map(get)) + get("pixels").length;
    if (key !== draw.key) {
      draw.key = key;
      values = adjust(unpackBytes(get("pixels")).subarray(get("picture") * size, (get("picture") + 1) * size), get("brightness"), get("contrast"), get("threshold"));
      if (get("shuffled")) { order = permutation(size, get("seed")); values = order.map((from) => values[from]); }
      paintGray(canvas, values, width, height);
      const counts = histogram(values, BINS), most = Math.max(...counts);
      bars.setAttribute("aria-label", `Histogram of ${size} pixel values; the fullest of ${BINS} ranges holds ${most}.`);
      bars.replaceChildren(s("line", { x1: 0, x2: 320, y1: 83, y2: 83, class: "in-base" }),
        ...counts.map((count, i) => s("rect", { x: 20 * i + 1, width: 18, y: 82 - 80 * count / most, height: 80 * count / most, class: "in-bar" })));
    }
    frame.setAttribute("viewBox", `0 0 ${width} ${height}`);
    frame.replaceChildren(s("rect", { x: c - HALF, y: r - HALF, width: 2 * HALF + 1, height: 2 * HALF + 1, class: "in-halo" }),
      s("rect", { x: c - HALF, y: r - HALF, width: 2 * HALF + 1, height: 2 * HALF + 1, class: "in-window" }), s("rect", { x: c, y: r, width: 1, height: 1, class: "in-window" }));
    cells.forEach((line, i) => line.forEach((cell, j) => {
      const y = r + i - HALF, x = c + j - HALF, inside = y >= 0 && x >= 0 && y < height && x < width, value = values[y * width + x];
      cell.textContent = inside ? value : "";
      cell.style.background = inside ? `rgb(${value} ${value} ${value})` : "transparent";
      cell.style.color = value > 118 ? "#000" : "#fff";
      cell.className = i === HALF && j === HALF ? "in-here" : "";
    }));
    const index = r * width + c, from = clamp(index - 3, 0, Math.max(0, size - 7));
    line.replaceChildren(`vector[${index}]: `, from > 0 ? "\u2026 " : "", ...values.slice(from, from + 7).flatMap((value, i) =>
      [from + i === index ? h("strong", {}, String(value)) : String(value), " "]), from + 7 < size ? "\u2026" : "");
  }
  tell();
}
export default { render };
