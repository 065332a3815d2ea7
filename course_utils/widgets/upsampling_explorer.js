import { randomNumbers, show, clamp, uid, h, s, update, watch, card, slider, select, button, row, column, surface, arrows, paintGray } from "./kit.js";

const SEED = 2;

// The weights of a kernel of so many taps: all one, a triangle that peaks in the middle, or fixed random ones.
export function kernelOf(kind, size) {
  if (kind === "ones") return Array(size).fill(1);
  const factor = (size + 1) >> 1, next = randomNumbers(SEED);
  return Array.from({ length: size }, (_, i) => (kind === "bilinear" ? 1 - Math.abs(i - (size - 1) / 2) / factor : Math.floor(1 + 12 * next()) / 10));
}

// The inputs that reach an output pixel of a transposed convolution, each with the tap that carries it.
export function reaching(count, size, stride, output) {
  const found = [];
  for (let i = 0; i < count; i++) {
    const tap = output - i * stride;
    if (tap >= 0 && tap < size) found.push([i, tap]);
  }
  return found;
}

// The transposed convolution along one axis: every input stamps the kernel, stamps that overlap add up.
export function transposed(values, kernel, stride) {
  const out = Array(stride * (values.length - 1) + kernel.length).fill(0);
  values.forEach((value, i) => kernel.forEach((weight, tap) => { out[i * stride + tap] += value * weight; }));
  return out;
}

// Away from the borders output pixels come in turns, one for each residue of the stride: taps that meet an input, and their sum.
export function phases(kernel, stride) {
  return Array.from({ length: stride }, (_, phase) => {
    const taps = kernel.filter((_, tap) => tap % stride === phase);
    return [taps.length, taps.reduce((a, b) => a + b, 0)];
  });
}

// What interpolation gives at the places of the output pixels; null beyond the half pixel around the outermost inputs.
export function interpolated(values, size, stride, mode) {
  const last = values.length - 1;
  return Array.from({ length: stride * last + size }, (_, output) => {
    const nearest = Math.floor((2 * output - size + 1 + stride) / (2 * stride)), place = (2 * output - size + 1) / (2 * stride);
    if (nearest < 0 || nearest > last) return null;
    if (mode === "nearest") return values[nearest];
    const inside = clamp(place, 0, last), low = Math.min(Math.floor(inside), Math.max(last - 1, 0));
    return values[low] + (inside - low) * (values[Math.min(low + 1, last)] - values[low]);
  });
}

// Largest distances from interpolation: where every tap's place lies among the inputs, and nearer to the border.
export function distances(values, kernel, stride, mode) {
  const wanted = interpolated(values, kernel.length, stride, mode), most = [null, null];
  transposed(values, kernel, stride).forEach((value, output) => {
    if (wanted[output] === null) return;
    const border = output < kernel.length - 1 || output > stride * (values.length - 1) ? 1 : 0;
    most[border] = Math.max(most[border] ?? 0, Math.abs(value - wanted[output]));
  });
  return most;
}

// Paths from each pixel of the receptive field to one output of a stack of 3-tap layers; 0 is a hole.
export function paths(rates) {
  let counts = [1];
  for (const rate of rates) {
    const next = Array(counts.length + 2 * rate).fill(0);
    counts.forEach((count, i) => { for (const tap of [0, 1, 2]) next[i + tap * rate] += count; });
    counts = next;
  }
  return counts;
}

// The units of each row, the input first, that reach one output, with the paths from there.
export function cone(rates, unit) {
  const rows = [[[unit, 1]]];
  for (const rate of [...rates].reverse()) {
    const counts = new Map();
    for (const [index, count] of rows[0])
      for (const tap of [0, 1, 2]) counts.set(index + tap * rate, (counts.get(index + tap * rate) ?? 0) + count);
    rows.unshift([...counts].sort((a, b) => a[0] - b[0]));
  }
  return rows;
}

// How many inputs an output shares with the output beside it.
export function shared(rates) {
  const seen = paths(rates);
  return seen.filter((count, i) => i && count && seen[i - 1]).length;
}

// Growing rates with the same field and no hole, the first rate as large as can be; null if there are none up to most.
export function cure(rates, most) {
  const total = rates.reduce((a, b) => a + b, 0);
  let found = null;
  const search = (chosen, left, low) => {
    if (chosen.length === rates.length) { if (!left && paths(chosen).every(Boolean)) found = chosen; return; }
    for (let rate = most; rate >= low && !found; rate--) if (rate <= left) search([...chosen, rate], left - rate, rate);
  };
  search([], total, 1);
  return found;
}

const MOST = 5, OUTPUTS = 7, SIDE = 10, GAP = 46;
const short = (value) => show(value, 2).replace(/\.?0+$/, "");
const same = (list) => list.every((one) => Math.abs(one - list[0]) < 1e-9);
const WORDS = { ones: "all ones", bilinear: "bilinear", random: "random" };

function render({ model, el }) {
  const { body, say } = card(el, "Upsampling and dilation", "Click an output pixel, or walk with the arrow keys: what reaches it lights up. Then turn the knobs and look for an uneven pattern.");
  const get = (name) => model.get(name), signals = get("signals");
  let room = 600, note = "";
  const up = () => get("mode") === "transposed";
  const kernel = () => kernelOf(get("weights"), get("kernel_size"));
  const count = () => (up() ? get("stride") * (get("values").length - 1) + get("kernel_size") : OUTPUTS);
  const name = () => (up() ? "chosen" : "unit");
  const at = () => clamp(get(name()), 0, count() - 1);
  const rates = () => get("rates").filter(Boolean);
  const look = (index) => { index = clamp(index, 0, count() - 1); if (index !== get(name())) update(model, { [name()]: index }); };

  // ---- the drawing ---------------------------------------------------------------------------------------------
  const drawing = surface(s("svg", { class: "ue-drawing" }), "Rows of pixels. Left and right arrows choose an output pixel, Home and End the first and the last, Enter the middle one.", {
    ...arrows((dx) => look(at() + dx)), Home: () => look(0), End: () => look(count() - 1), Enter: () => look(count() >> 1),
  });
  // Left edge and width of the frame in pixels of the output (or of the input, for the stack).
  function frame() {
    const left = up() ? -(get("kernel_size") - 1) / 2 : 0;
    const cells = up() ? count() + get("kernel_size") - 1 : OUTPUTS + 2 * rates().reduce((a, b) => a + b, 0);
    const step = Math.min((room - 2 * SIDE) / cells, 34), start = (room - step * cells) / 2;
    return { step, x: (place) => start + step * (place - left + 0.5), w: step * 0.84 };
  }
  function choose(event) {
    const box = drawing.getBoundingClientRect(), { x, step } = frame(), half = up() ? 0 : rates().reduce((a, b) => a + b, 0);
    look(Math.round(((event.clientX - box.left) / box.width * room - x(half)) / step));
  }
  drawing.addEventListener("pointerdown", choose);
  drawing.addEventListener("pointermove", (event) => { if (event.buttons & 1) choose(event); });
  const box = (x, y, w, high, grow = 0) => `M${(x - w / 2 - grow).toFixed(1)} ${(y - grow).toFixed(1)}h${(w + 2 * grow).toFixed(1)}v${(high + 2 * grow).toFixed(1)}h${(-w - 2 * grow).toFixed(1)}z`;
  const p = (d, kind, more = {}) => s("path", { d, class: kind, ...more });
  const t = (x, y, words, kind) => s("text", { x: x.toFixed(1), y, class: kind }, words);
  const label = (y, words) => t(SIDE, y, words, "ue-name");

  function drawUp() {
    const { x, w, step } = frame(), values = get("values"), k = kernel(), size = k.length, stride = get("stride"), mid = (size - 1) / 2;
    const out = transposed(values, k, stride), wanted = get("compare") === "none" ? [] : interpolated(values, size, stride, get("compare"));
    const here = at(), met = reaching(values.length, size, stride, here), parts = [], last = stride * (values.length - 1);
    const most = Math.max(...out, ...wanted.map(Number), 1e-9), heavy = Math.max(...k), tall = (value) => 54 * value / most, wide = step >= 24;
    const digits = [], numbers = [];
    let zeros = "", around = "", rest = "", ticks = "", lines = "";
    for (let place = 1 - size; place < last + size; place++) {
      if (place < 0 || place > last) around += box(x(place + mid), 24, w, 20);
      else if (place % stride) { zeros += box(x(place + mid), 24, w, 20); if (wide) digits.push(t(x(place + mid), 39, "0", "ue-digit ue-soft")); }
    }
    parts.push(label(15, stride > 1 ? `input, ${stride - 1} zero${stride > 2 ? "s" : ""} in between` : "input"), p(around, "ue-around"), p(zeros, "ue-zero"), ...digits);
    for (const [i] of met) lines += `M${x(i * stride + mid).toFixed(1)} 44L${x(i * stride + mid).toFixed(1)} 76`;
    lines += `M${x(here).toFixed(1)} 112V${(204 - tall(out[here]) - (wide ? 14 : 0)).toFixed(1)}`;
    parts.push(p(lines, "ue-line"), p(box(x(here), 46, size * step, 66), "ue-window"));
    values.forEach((value, i) => {
      const on = met.some(([one]) => one === i), c = x(i * stride + mid);
      parts.push(p(box(c, 24, w, 20), on ? "ue-on" : "ue-cell"), t(c, 39, String(value), on ? "ue-digit ue-inverse" : "ue-digit"));
    });
    parts.push(label(66, "kernel, turned round"));
    k.forEach((weight, tap) => {
      const on = met.some(([, one]) => one === tap), high = 2 + 28 * Math.abs(weight) / heavy, c = x(here - tap + mid);
      parts.push(p(box(c, 110 - high, w, high), on ? "ue-on" : "ue-off"));
      if (wide) parts.push(t(c, high > 18 ? 106 : 106 - high, short(weight), high > 18 && on ? "ue-digit ue-inverse" : "ue-digit"));
    });
    out.forEach((value, i) => { if (i !== here) rest += box(x(i), 206 - tall(value), w, tall(value)); });
    if (wide) out.forEach((value, i) => numbers.push(t(x(i), (202 - tall(Math.max(value, wanted[i] ?? 0))).toFixed(1), short(value), "ue-digit")));
    wanted.forEach((value, i) => { if (value !== null) ticks += `M${(x(i) - step / 2).toFixed(1)} ${(206 - tall(value)).toFixed(1)}h${step.toFixed(1)}`; });
    parts.push(label(132, `output, ${out.length} pixels${wanted.length ? `; orange: ${get("compare")}` : ""}`), p(rest, "ue-bar"), p(box(x(here), 206 - tall(out[here]), w, tall(out[here])), "ue-on"), p(ticks, "ue-tick"), ...numbers, p(`M${SIDE} 206H${room - SIDE}`, "ue-base"));
    parts.push(label(226, "taps that reach each output pixel"));
    out.forEach((_, i) => {
      const taps = reaching(values.length, size, stride, i).length;
      parts.push(p(box(x(i), 233, w, 20), "ue-taps", { "fill-opacity": (0.38 * taps / Math.max(1, Math.ceil(size / stride))).toFixed(2) }), t(x(i), 248, String(taps), "ue-digit"));
    });
    parts.push(p(box(x(here), 233, w, 20, 2), "ue-chosen"));
    return [parts, 262];
  }
  function drawStack() {
    const { x, w } = frame(), list = rates(), depth = list.length, seen = cone(list, at()), parts = [], y = (level) => 24 + GAP * (depth - level);
    const half = list.reduce((all, rate) => [...all, all.at(-1) + rate], [0]), total = OUTPUTS + 2 * half[depth], field = paths(list), floor = y(0) + 92, most = Math.max(...field);
    let lines = "", holes = "", beside = "";
    for (let level = depth; level > 0; level--)
      for (const [index] of seen[level]) for (const tap of [0, 1, 2]) lines += `M${x(index + half[level]).toFixed(1)} ${y(level) + 16}L${x(index + tap * list[level - 1] + half[level - 1]).toFixed(1)} ${y(level - 1)}`;
    half.forEach((reach, level) => parts.push(p(Array.from({ length: total - 2 * reach }, (_, i) => box(x(i + reach), y(level), w, 16)).join(""), "ue-cell")));
    parts.push(p(lines, "ue-line"), ...seen.map((reached, level) => p(reached.map(([index]) => box(x(index + half[level]), y(level), w, 16)).join(""), "ue-on")), p(box(x(at() + half[depth]), y(depth), w, 16, 2.5), "ue-chosen"));
    half.forEach((_, level) => parts.push(label(y(level) - 6, !level ? (depth ? "input" : "input, no layer") : `${level === depth ? "output: " : ""}layer ${level}, rate ${list[level - 1]}`)));
    const other = at() + (at() < OUTPUTS - 1 ? 1 : -1);
    field.forEach((number, i) => {
      const c = x(at() + i), high = 34 * number / most;
      if (number) { parts.push(p(box(c, floor - high, w, high), "ue-bar")); if (w > 14) parts.push(t(c, (floor - high - 4).toFixed(1), String(number), "ue-digit")); beside += box(x(other + i), y(0) + 20, w, 5); }
      else holes += `M${(c - w / 3).toFixed(1)} ${floor - 3 - w / 3}l${(w / 1.5).toFixed(1)} ${(w / 1.5).toFixed(1)}m0 ${(-w / 1.5).toFixed(1)}l${(-w / 1.5).toFixed(1)} ${(w / 1.5).toFixed(1)}`;
    });
    parts.push(p(beside, "ue-beside"), label(y(0) + 41, "paths from each input"), p(holes, "ue-hole"), p(`M${(x(at()) - w / 2).toFixed(1)} ${floor + 4}v6H${(x(at() + field.length - 1) + w / 2).toFixed(1)}v-6`, "ue-base"));
    parts.push(t(clamp(x(at() + (field.length - 1) / 2), 100, room - 100), floor + 26, `field ${field.length}, ${field.filter(Boolean).length} seen`, "ue-field"));
    return [parts, floor + 34];
  }

  // ---- the picture in two dimensions ---------------------------------------------------------------------------
  const canvas = h("canvas", { role: "img", class: "ue-picture" }), caption = h("figcaption");
  function paint() {
    const line = up() ? transposed(get("values"), kernel(), get("stride")) : paths(rates()), most = Math.max(...line, 1e-9) ** 2;
    const gray = line.flatMap((a) => line.map((b) => (up() ? 255 * a * b / most : a * b ? 80 + 175 * Math.sqrt(a * b / most) : 0)));
    paintGray(canvas, gray, line.length, line.length);
    const words = up() ? "In two dimensions." : "In two dimensions; black is not seen.";
    canvas.setAttribute("aria-label", words);
    caption.textContent = words;
  }

  // ---- words ---------------------------------------------------------------------------------------------------
  function sentence() {
    if (!up()) {
      const list = rates(), field = paths(list), seen = field.filter(Boolean).length, all = field.reduce((a, b) => a + b, 0);
      return `Output ${at()}, rates ${list.join(", ") || "none"}: ${seen} of ${field.length} inputs of its field reach it, by ${all} path${all === 1 ? "" : "s"}; ${field.length - seen || "no"} hole${field.length - seen === 1 ? "" : "s"}. `
        + `In two dimensions ${seen ** 2} of ${field.length ** 2}. It shares ${shared(list)} of its inputs with the output beside it.`;
    }
    const k = kernel(), values = get("values"), met = reaching(values.length, k.length, get("stride"), at());
    const sum = met.map(([i, tap]) => `${values[i]}\u00b7${short(k[tap])}`).join(" + ");
    return `Output ${at()} = ${sum ? `${sum} = ${short(met.reduce((total, [i, tap]) => total + values[i] * k[tap], 0))}` : "0"}: ${met.length} of ${k.length} tap${k.length === 1 ? "" : "s"} meet${met.length === 1 ? "s" : ""} an input.`;
  }
  const facts = h("div", { class: "cw-note ue-facts" });
  function tell() {
    const lines = [];
    if (up()) {
      const k = kernel(), stride = get("stride"), size = k.length, turns = phases(k, stride), sums = turns.map(([, sum]) => sum), even = same(turns.map(([taps]) => taps));
      lines.push(`Taps in turn: ${turns.map(([taps]) => taps).join(", ")}. ${even ? `Even: ${size} is a multiple of ${stride}.` : `Uneven: ${size} is no multiple of ${stride}.`}`);
      lines.push(`Their weights sum to ${sums.map(short).join(", ")}: ${same(sums) ? `a constant input stays constant${even ? "" : ", these weights make up for it"}.` : "a constant input gets a pattern."}`);
      if (get("compare") !== "none") {
        const [inside, border] = distances(get("values"), k, stride, get("compare")), far = (value, where) => (value === null ? null : value < 1e-9 ? `equal ${where}` : `up to ${short(value)} off ${where}`);
        lines.push(`Against ${get("compare")}: ${[far(inside, "inside"), far(border, "near the borders")].filter(Boolean).join(", ")}.`);
      }
    } else lines.push("Bars count paths, a cross is a hole. Thin orange marks: what the output beside it sees.", "A 3-tap layer of rate r widens the field by 2r, at 3 weights.");
    facts.replaceChildren(...lines.map((words) => h("p", {}, words)));
  }

  // ---- the knobs -----------------------------------------------------------------------------------------------
  const mode = select(model, "mode", { label: "Show", options: [["transposed", "upsampling: transposed convolution"], ["dilated", "a stack of dilated layers"]] });
  const middle = (patch) => update(model, { ...patch, chosen: (patch.stride ?? get("stride")) * (get("values").length >> 1) + ((get("kernel_size") - 1) >> 1) });
  const recentre = () => middle({});
  const knobs = [
    row(slider(model, "kernel_size", { label: "Kernel size", min: 1, max: 6, then: recentre }), slider(model, "stride", { label: "Stride", min: 1, max: 4, then: recentre })),
    row(select(model, "weights", { label: "Kernel", options: Object.entries(WORDS), then: () => { note = `Kernel: ${kernel().map(short).join(", ")}. `; } }),
      select(model, "signal", { label: "Input", options: [...Object.keys(signals), "own"].map((one) => [one, one === "own" ? "your own" : one]), then: () => { note = `Input: ${get("signal")}. `; if (signals[get("signal")]) update(model, { values: signals[get("signal")] }); } }),
      select(model, "compare", { label: "Compare with", options: [["none", "nothing"], ["nearest", "nearest"], ["bilinear", "bilinear"]], then: () => { note = get("compare") === "none" ? "No comparison. " : `Orange lines: ${get("compare")}. `; } })),
  ];
  const stack = (list, words, preset = "own") => { note = words; update(model, { rates: list, preset }); };
  const dials = get("rates").map((_, i) => {
    const id = uid("rate"), value = h("output", { for: id }), node = h("input", { type: "range", id, min: 0, max: MOST, step: 1, oninput: () => stack(get("rates").map((rate, j) => (j === i ? Number(node.value) : rate)), `Layer ${i + 1}: ${Number(node.value) ? `rate ${node.value}` : "taken out"}. `) });
    return { set: (rate) => { node.value = rate; value.textContent = rate || "off"; node.setAttribute("aria-valuetext", value.textContent); }, field: h("div", { class: "cw-field" }, h("div", { class: "cw-label" }, h("label", { for: id }, `Rate ${i + 1}`), value), node) };
  });
  const whole = (list) => get("rates").map((_, i) => list[i] ?? 0);
  function mend() {
    const list = rates(), better = cure(list, MOST);
    if (!list.length || paths(list).every(Boolean)) note = "There is no hole to cure. ";
    else if (!better) note = `No ${list.length} growing rates up to ${MOST} reach so far without a hole: add a layer. `;
    else return stack(whole(better), `Cured: ${better.join(", ")} instead of ${list.join(", ")}, same field, same weights. `);
    draw();
  }
  const turns = [
    select(model, "preset", { label: "Rates, first layer first", options: [...Object.keys(get("presets")).map((one) => [one, one]), ["own", "your own"]], then: () => { const made = get("presets")[get("preset")]; if (made) stack(whole(made), "", get("preset")); else { note = "Your own rates. "; draw(); } } }),
    h("div", { class: "ue-dials" }, ...dials.map((dial) => dial.field)), row(button("Cure the holes", mend, { class: "cw-button cw-main" })),
  ];
  const controls = column();
  body.append(h("div", { class: "cw-wide" }, mode), h("div", { class: "cw-wide" }, drawing), controls, h("div", { class: "ue-side" }, h("figure", { class: "cw-figure" }, canvas, caption), facts));
  let shown = null;
  function draw() {
    if (shown !== get("mode")) controls.replaceChildren(...((shown = get("mode")) === "transposed" ? knobs : turns));
    get("rates").forEach((rate, i) => dials[i].set(rate));
    const [parts, high] = up() ? drawUp() : drawStack();
    drawing.setAttribute("viewBox", `0 0 ${room} ${high}`);
    drawing.style.aspectRatio = `${room} / ${high}`;
    drawing.replaceChildren(...parts);
    paint();
    tell();
    say(note + sentence());
    note = "";
  }
  watch(model, ["mode", "values", "kernel_size", "stride", "weights", "compare", "signal", "chosen", "rates", "unit"], draw);
  const observer = new ResizeObserver(() => {
    const width = Math.round(drawing.clientWidth);
    if (width > 0 && width !== room) { room = width; draw(); }
  });
  observer.observe(drawing);
  return () => observer.disconnect();
}
export default { render };
