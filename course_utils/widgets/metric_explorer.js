import { unpackBytes, show, clamp, h, s, update, watch, card, slider, select, button, column, row, surface, arrows, drag, onTheme, themeColor } from "./kit.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", LEVELS = 64;
const METRICS = ["accuracy", "iou", "dice", "boundary", "precision", "recall"];

// Levels 0..63 of the score (level k stands for (k + 0.5) / 64), truth 0 or 1, grey 0..255.
export function unpackMap({ width, height, scores, truth, image }) {
  const bits = unpackBytes(truth), letters = (text) => Uint8Array.from(text, (one) => LETTERS.indexOf(one));
  return { width, height, levels: letters(scores), truth: letters(scores).map((_, i) => (bits[i >> 3] >> (i & 7)) & 1), gray: letters(image).map((one) => 4 * one) };
}

// The smallest (or largest) value of a square window; -1 beyond the picture counts for the smallest only.
function extreme(values, width, height, reach, smallest) {
  const pass = (from, count, step, lines, jump) => {
    const out = new Int16Array(from.length);
    for (let line = 0; line < lines; line++)
      for (let k = 0; k < count; k++) {
        let best = smallest && (k < reach || k + reach >= count) ? -1 : from[line * jump + k * step];
        for (let other = Math.max(0, k - reach); other <= Math.min(count - 1, k + reach); other++) {
          const value = from[line * jump + other * step];
          if (smallest ? value < best : value > best) best = value;
        }
        out[line * jump + k * step] = best;
      }
    return out;
  };
  return pass(pass(values, width, 1, height, width), height, width, width, 1);
}
const shrink = (values, width, height, reach) => extreme(values, width, height, reach, true);

// Growing, shrinking and shifting the levels does it to the masks of all thresholds at once; -1 is never foreground.
function altered({ width, height, levels }, [grow, dx, dy]) {
  const grown = grow ? extreme(levels, width, height, Math.abs(grow), grow < 0) : levels;
  return Int16Array.from(grown, (_, i) => {
    const x = i % width - dx, y = Math.floor(i / width) - dy;
    return x >= 0 && x < width && y >= 0 && y < height ? grown[y * width + x] : -1;
  });
}
const leastOf = (threshold) => Math.max(0, Math.ceil(threshold * LEVELS - 0.5));     // the level a threshold asks for

// The mask at a threshold, then grown by change[0] pixels, then shifted by change[1] and change[2].
export const changed = (map, threshold, change) => Array.from(altered(map, change), (level) => +(level >= leastOf(threshold)));

// 0 rightly background, 1 hit, 2 miss, 3 false alarm.
export const cells = (predicted, truth) => predicted.map((one, i) => (one ? (truth[i] ? 1 : 3) : truth[i] ? 2 : 0));

function prepare(map, change, distance) {
  const { width, height, truth } = map, levels = altered(map, change), inside = shrink(Int16Array.from(truth), width, height, distance);
  return { truth, levels, deep: shrink(levels, width, height, distance), rim: Array.from(truth, (one, i) => one === 1 && inside[i] < 1) };
}
function judge({ truth, levels, deep, rim }, threshold) {
  const counts = [0, 0, 0, 0], ratio = (a, b) => (b ? a / b : null), least = leastOf(threshold);
  let both = 0, either = 0;
  for (let i = 0; i < truth.length; i++) {
    const on = levels[i] >= least, edge = on && deep[i] < least;
    counts[on ? (truth[i] ? 1 : 3) : truth[i] ? 2 : 0]++;
    if (edge && rim[i]) both++;
    if (edge || rim[i]) either++;
  }
  const [rest, hits, misses, alarms] = counts;
  return { counts, accuracy: ratio(rest + hits, truth.length), iou: ratio(hits, hits + misses + alarms), dice: ratio(2 * hits, 2 * hits + misses + alarms), boundary: ratio(both, either), precision: ratio(hits, hits + alarms), recall: ratio(hits, hits + misses) };
}
// The six metrics of the foreground, null for 0 / 0, and the counts of the four kinds of pixels.
export const measure = (map, threshold, change, distance) => judge(prepare(map, change, distance), threshold);

// Each metric at the thresholds 0, 1 / steps, ..., 1.
export function curves(map, change, distance, steps) {
  const ready = prepare(map, change, distance), each = Array.from({ length: steps + 1 }, (_, k) => judge(ready, k / steps));
  return Object.fromEntries(METRICS.map((name) => [name, each.map((one) => one[name])]));
}

const STEPS = 50, SIDE = 10, WORDS = ["Pixel accuracy", "IoU", "Dice", "Boundary IoU", "Precision", "Recall"];
const DASH = ["", "", "7 3", "2 3", "9 3 2 3", "4 4"], many = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const number = (value) => (value === null ? "0/0" : show(value));

function render({ model, el }) {
  const { body, say } = card(el, "Threshold and metrics", "Turn the threshold. Then grow, shrink or shift the mask by a pixel: which metric notices, which sleeps?");
  const get = (name) => model.get(name), unpacked = {}, map = () => (unpacked[get("preset")] ??= unpackMap(get("maps")[get("preset")]));
  const change = () => ["grow", "dx", "dy"].map(get), untouched = () => change().every((one) => one === 0);
  let note = "";

  // The picture: plain for hits, strokes for misses, dots for false alarms, so that no colour is needed.
  const canvas = h("canvas", { role: "img" });
  const offsets = (mark) => Array.from({ length: SIDE * SIDE }, (_, k) => [k % SIDE, Math.floor(k / SIDE)]).filter(([x, y]) => mark(x % 5, y % 5));
  const MARKS = [[], [], offsets((x, y) => (x + y) % 5 === 0), offsets((x, y) => (x === 2 || x === 3) && (y === 2 || y === 3))];
  function paint(kinds) {
    const { width, height, gray } = map(), w = width * SIDE, context = (canvas.width = w, canvas.height = height * SIDE, canvas.getContext("2d")), data = context.createImageData(w, height * SIDE), cells32 = new Uint32Array(data.data.buffer);
    const colors = [null, ...["blue", "orange", "vermillion"].map((name) => themeColor(el, name)).map((color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)))];
    const packed = new Uint8ClampedArray([0, 0, 0, 255]), whole = new Uint32Array(packed.buffer);     // four bytes as one number
    kinds.forEach((kind, i) => {
      const start = Math.floor(i / width) * SIDE * w + i % width * SIDE;
      for (let c = 0; c < 3; c++) packed[c] = kind ? 0.3 * gray[i] + 0.7 * colors[kind][c] : gray[i];
      for (let y = 0; y < SIDE; y++) cells32.fill(whole[0], start + y * w, start + y * w + SIDE);
      for (const [x, y] of MARKS[kind]) cells32[start + y * w + x] = 0xffffffff;
    });
    context.putImageData(data, 0, 0);
  }
  // Change the mask and draw; where nothing changes, the note still has to be read.
  const set = (patch) => { if (Object.keys(patch).every((name) => patch[name] === get(name))) draw(); else update(model, patch); };
  const shift = (dx, dy) => {
    const to = [clamp(dx, -5, 5), clamp(dy, -5, 5)];
    note = `Shifted to ${to[0]} right, ${to[1]} down${dx === to[0] && dy === to[1] ? "" : ", five pixels are the most"}. `;
    set({ dx: to[0], dy: to[1] });
  };
  const grow = (to) => { note = to ? `${to > 0 ? "Grown" : "Shrunk"} by ${many(Math.min(3, Math.abs(to)), "pixel")}. ` : "As thick as the threshold makes it. "; set({ grow: clamp(to, -3, 3) }); };
  const back = () => { note = "The mask is as the threshold makes it. "; set({ grow: 0, dx: 0, dy: 0 }); };
  const stage = surface(h("div", { class: "me-stage" }, canvas), "Predicted mask over the picture. Arrow keys shift it by a pixel, plus and minus grow and shrink it, Enter puts it back.", {
    ...arrows((dx, dy) => shift(get("dx") + dx, get("dy") + dy)), "+": () => grow(get("grow") + 1), "-": () => grow(get("grow") - 1), Enter: back, " ": back,
  });
  let held = null;
  drag(stage, {
    down: (x, y) => { held = [x, y, get("dx"), get("dy")]; },
    move: (x, y) => {
      const to = [held[2] + (x - held[0]) * map().width, held[3] + (y - held[1]) * map().height].map((one) => clamp(Math.round(one), -5, 5));
      if (to[0] !== get("dx") || to[1] !== get("dy")) shift(...to);
    },
  });

  // Bars: a tick marks what the metric was before the mask was changed.
  const bars = METRICS.map((name, k) => ({
    fill: h("span", { class: "me-fill" }), tick: h("span", { class: "me-tick" }), value: h("span", { class: "me-value" }),
    line: s("svg", { viewBox: "0 0 26 8", class: `me-key me-${name}`, "aria-hidden": "true" }, s("path", { d: "M0 4H26", "stroke-dasharray": DASH[k] })), item: h("li"),
  }));
  bars.forEach(({ item, fill, tick, value, line }, k) => item.append(line, h("span", { class: "me-name" }, WORDS[k]), h("span", { class: "me-track", "aria-hidden": "true" }, fill, tick), value));
  const chart = s("svg", { viewBox: "0 0 360 190", role: "img", class: "me-chart" }), X = (t) => 30 + 316 * t, Y = (v) => 158 - 146 * v;
  function bestOf(values) {
    let top = -1;
    values.forEach((value, k) => { if (value !== null && (top < 0 || value > values[top])) top = k; });
    return top;
  }
  function drawChart(lines) {
    const chosen = get("metric"), top = bestOf(lines[chosen]), t = get("threshold");
    const path = (values) => values.map((value, k) => (value === null ? "" : `${k && values[k - 1] !== null ? "L" : "M"}${X(k / STEPS).toFixed(1)} ${Y(value).toFixed(1)}`)).join("");
    const order = METRICS.map((_, k) => k).sort((a, b) => (METRICS[a] === chosen) - (METRICS[b] === chosen));
    chart.replaceChildren(s("path", { d: `M${X(0)} ${Y(0)}H${X(1)}M${X(0)} ${Y(0.5)}H${X(1)}M${X(0)} ${Y(1)}H${X(1)}`, class: "me-grid" }),
      ...[0, 0.5, 1].map((v) => s("text", { x: 24, y: Y(v) + 4, "text-anchor": "end", class: "me-small" }, String(v))), ...[0, 0.5, 1].map((v) => s("text", { x: X(v), y: 174, "text-anchor": "middle", class: "me-small" }, String(v))),
      s("text", { x: X(0.75), y: 186, "text-anchor": "middle", class: "me-small" }, "threshold"), s("path", { d: `M${X(t)} ${Y(0)}V${Y(1)}`, class: "me-now" }),
      ...order.map((k) => s("path", { d: path(lines[METRICS[k]]), "stroke-dasharray": DASH[k], class: `me-curve me-${METRICS[k]} ${METRICS[k] === chosen ? "me-bold" : ""}` })),
      ...(top < 0 ? [] : [s("circle", { cx: X(top / STEPS), cy: Y(lines[chosen][top]), r: 5, class: "me-best" })]));
    chart.setAttribute("aria-label", `Metrics over the threshold. ${WORDS[METRICS.indexOf(chosen)]} is best at ${top < 0 ? "no threshold" : `${show(top / STEPS)}, with ${show(lines[chosen][top])}`}.`);
  }
  let lines = null, linesOf = "";
  function allCurves() {
    const key = JSON.stringify([get("preset"), change(), get("distance")]);
    if (key !== linesOf) { lines = curves(map(), change(), get("distance"), STEPS); linesOf = key; }
    return lines;
  }
  function best() {
    const values = allCurves()[get("metric")], top = bestOf(values), name = WORDS[METRICS.indexOf(get("metric"))];
    if (top < 0) return say(`${name} is 0/0 at every threshold: there is no best one.`);
    note = `Best for ${name}: threshold ${show(top / STEPS)}. `;
    set({ threshold: top / STEPS });
  }

  const facts = h("div", { class: "me-facts" });
  const legend = h("ul", { class: "me-legend" }, ...[["me-hit", "hit"], ["me-miss", "miss"], ["me-alarm", "false alarm"]].map(([kind, words]) => h("li", {}, h("span", { class: `me-swatch ${kind}`, "aria-hidden": "true" }), words)));
  const whole = (name, label, least, most, words) => slider(model, name, { label, min: least, max: most, format: (value) => show(value, 0), then: () => { note = words(get(name)); } });
  body.append(
    column(
      select(model, "preset", { label: "Score map", options: Object.keys(get("maps")).map((name) => [name, name]), then: () => { note = `${get("preset")}. `; update(model, { grow: 0, dx: 0, dy: 0 }); } }),
      h("figure", { class: "cw-figure" }, stage, legend),
      slider(model, "threshold", { label: "Threshold", min: 0, max: 1, step: 0.02, format: (value) => show(value) }),
      row(whole("grow", "Grow", -3, 3, (to) => `Grown by ${show(to, 0)}. `), whole("dx", "Shift right", -5, 5, (to) => `Shifted right by ${show(to, 0)}. `), whole("dy", "Shift down", -5, 5, (to) => `Shifted down by ${show(to, 0)}. `)),
      row(button("Put the mask back", back))),
    column(h("ol", { class: "me-bars", "aria-label": "Metrics of the foreground" }, ...bars.map(({ item }) => item)), chart,
      row(select(model, "metric", { label: "Bold curve", options: METRICS.map((name, k) => [name, WORDS[k]]), then: () => { note = `Bold: ${WORDS[METRICS.indexOf(get("metric"))]}. `; } }), button("Its best threshold", best, { class: "cw-button cw-main" })),
      whole("distance", "Rim of boundary IoU, pixels", 1, 4, (to) => `Rims of ${many(to, "pixel")}. `), facts));

  function draw() {
    const about = map(), t = get("threshold"), now = measure(about, t, change(), get("distance")), before = untouched() ? now : measure(about, t, [0, 0, 0], get("distance"));
    paint(cells(changed(about, t, change()), about.truth));
    METRICS.forEach((name, k) => {
      const value = now[name], old = before[name], { fill, tick, value: words, item } = bars[k];
      fill.style.width = `${100 * (value ?? 0)}%`;
      tick.hidden = untouched() || old === null;
      tick.style.left = `${100 * (old ?? 0)}%`;
      const off = value !== null && old !== null && Math.round(100 * value) - Math.round(100 * old);
      words.textContent = number(value) + (off ? ` (${off > 0 ? "+" : ""}${show(off / 100)})` : "");
      item.className = name === get("metric") ? "me-chosen" : "";
    });
    drawChart(allCurves());
    const [rest, hits, misses, alarms] = now.counts, { iou, dice } = now;
    canvas.setAttribute("aria-label", `Mask over the picture: ${hits} hits, ${misses} misses, ${alarms} false alarms, ${rest} pixels rightly background`);
    facts.textContent = `IoU = ${hits} / (${hits} + ${misses} + ${alarms}) = ${number(iou)}. Dice = ${iou === null ? "0/0" : `2 \u00b7 ${show(iou)} / (1 + ${show(iou)}) = ${show(dice)}`}. Accuracy also counts ${many(rest, "pixel")} of background.`;
    say(`${note}Threshold ${show(t)}: ${many(hits, "hit")}, ${many(misses, "miss").replace("misss", "misses")}, ${many(alarms, "false alarm")}; ${METRICS.map((name, k) => `${WORDS[k]} ${number(now[name])}`).join(", ")}.`);
    note = "";
  }
  watch(model, ["preset", "threshold", "grow", "dx", "dy", "distance", "metric"], draw);
  return onTheme(draw);
}
export default { render };
