import { show, clamp, h, s, update, watch, card, slider, select, toggle, button, row, column, surface, arrows, drag } from "./kit.js";

const STEPS = 24; // places of the slider from one measured size to the next

// The number of labels at a place of the slider; every STEPS-th is a measured size.
export function sizeAt(sizes, step) {
  const at = Math.min(Math.floor(step / STEPS), sizes.length - 2), share = (step - STEPS * at) / STEPS;
  return Math.floor(sizes[at] * (sizes[at + 1] / sizes[at]) ** share + 0.5);
}

// Smallest, median and largest value of each row of seeds.
export function summary(rows) {
  return rows.map((values) => {
    const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
    return [sorted[0], sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2, sorted.at(-1)];
  });
}

// Height at n of the line through the measured points, straight over the logarithm of n.
export function between(sizes, values, n) {
  const at = clamp(sizes.filter((size) => size <= n).length - 1, 0, sizes.length - 2);
  return values[at] + (values[at + 1] - values[at]) * Math.log(n / sizes[at]) / Math.log(sizes[at + 1] / sizes[at]);
}

// Where the line through a passes the line through b, as numbers of labels.
export function crossings(sizes, a, b) {
  const found = [], gaps = a.map((one, i) => one - b[i]);
  for (let i = 0; i < gaps.length - 1; i++) {
    if (gaps[i] * gaps[i + 1] < 0) found.push(sizes[i] * (sizes[i + 1] / sizes[i]) ** (gaps[i] / (gaps[i] - gaps[i + 1])));
    else if (i && gaps[i] === 0 && gaps[i - 1] * gaps[i + 1] < 0) found.push(sizes[i]);
  }
  return found;
}

// The smallest number of labels at which the line reaches an accuracy; null if it never does.
export function labelsFor(sizes, values, accuracy) {
  if (values[0] >= accuracy) return sizes[0];
  for (let i = 1; i < sizes.length; i++)
    if (values[i] >= accuracy) return sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** ((accuracy - values[i - 1]) / (values[i] - values[i - 1]));
  return null;
}

// In how many seeds a is above b; the same seed has the same pictures in both.
export function wins(a, b) {
  return a.filter((one, i) => one > b[i]).length;
}

// A reader's guesses (percent or null, by way) against the curves (smallest, median, largest, by way).
export function judge(guesses, curves) {
  let points = 0, inside = 0, total = 0, most = -1, worst = ["", 0], right = 0, asked = 0;
  for (const [way, guess] of Object.entries(guesses))
    guess.forEach((value, at) => {
      if (value === null) return;
      const [low, middle, high] = curves[way][at], off = Math.abs(value - 100 * middle);
      points += 1;
      total += off;
      inside += Number(100 * low - 0.5 <= value && value <= 100 * high + 0.5);
      if (off > most) { most = off; worst = [way, at]; }
    });
  if (!points) return null;
  const best = (ways, height) => ways.reduce((a, b) => (height(b) > height(a) ? b : a));
  Object.values(curves)[0].forEach((_, at) => {
    const told = Object.keys(guesses).filter((way) => guesses[way][at] !== null);
    if (told.length < 2) return;
    asked += 1;
    right += Number(best(told, (way) => guesses[way][at]) === best(told, (way) => curves[way][at][1]));
  });
  return { points, error: total / points, inside, worst, leaders: [right, asked] };
}

const HIGH = 300, LEFT = 46, RIGHT = 16, TOP = 14, BOTTOM = 46;
const percent = (value, digits = 1) => `${show(100 * value, digits)} %`;
const points = (value) => `${show(100 * value, 1)} points`;
const count = (n) => { const whole = Math.round(n < 100 ? n : n / 10) * (n < 100 ? 1 : 10); return String(whole).replace(/(\d)(?=(\d{3})+$)/g, "$1,"); };
const exact = (n) => String(n).replace(/(\d)(?=(\d{3})+$)/g, "$1,");
const capital = (words) => words[0].toUpperCase() + words.slice(1);

function render({ model, el }) {
  const { body, say } = card(el, "The curve that decides",
    "First draw what you expect, one curve after another. Then show the truth and walk along the number of labels: who leads, and what is the start worth?");
  const get = (name) => model.get(name), names = get("ways");
  let room = 600, note = "";
  const record = () => get("records")[get("pictures")];
  const sizes = () => record().sizes, ways = () => Object.keys(record().values);
  const way = () => (ways().includes(get("way")) ? get("way") : ways()[0]);
  const last = () => STEPS * (sizes().length - 1), step = () => clamp(get("step"), 0, last());
  const nearest = () => Math.round(step() / STEPS);
  const curves = () => Object.fromEntries(ways().map((one) => [one, summary(record().values[one])]));
  const guesses = () => get("guesses")[get("pictures")] ?? {};
  const guessOf = (one) => guesses()[one] ?? sizes().map(() => null);

  // ---- what the reader does ----------------------------------------------------------------------------------
  function guess(at, value) {
    const mine = [...guessOf(way())];
    mine[at] = clamp(Math.round(value), 0, 100);
    update(model, { guesses: { ...get("guesses"), [get("pictures")]: { ...guesses(), [way()]: mine } }, step: STEPS * at });
  }
  const nextWay = (by = 1) => { const all = ways(); update(model, { way: all[(all.indexOf(way()) + by + all.length) % all.length] }); };
  function key(dx, dy, event) {
    if (get("revealed")) { if (dx) update(model, { step: clamp(step() + dx, 0, last()) }); else nextWay(dy); return; }
    const at = nearest();
    if (dx) update(model, { step: STEPS * clamp(at + dx, 0, sizes().length - 1) });
    else guess(at, (guessOf(way())[at] ?? 50) - dy * (event.shiftKey ? 10 : 1));
  }
  const chart = surface(s("svg", { class: "ft-chart" }),
    "Accuracy against the number of labelled pictures. While you guess: left and right choose the number, up and down move your point, with Shift by ten; Enter goes to the next curve. "
    + "With the truth shown: left and right walk along, up and down choose a curve, Enter goes to the next measured size.", {
      ...arrows(key),
      Enter: () => { if (get("revealed")) update(model, { step: STEPS * ((Math.floor(step() / STEPS) + 1) % sizes().length) }); else nextWay(); },
    });
  const x = (n) => LEFT + (room - LEFT - RIGHT) * Math.log(n / sizes()[0]) / Math.log(sizes().at(-1) / sizes()[0]);
  const y = (value) => HIGH - BOTTOM - (HIGH - BOTTOM - TOP) * value;
  function point(fx, fy) {
    const px = fx * room, py = fy * HIGH, places = sizes().map((n) => Math.abs(x(n) - px));
    if (!get("revealed")) return guess(places.indexOf(Math.min(...places)), 100 * (HIGH - BOTTOM - py) / (HIGH - BOTTOM - TOP));
    let best = 0;
    for (let i = 0; i <= last(); i++) if (Math.abs(x(sizeAt(sizes(), i)) - px) < Math.abs(x(sizeAt(sizes(), best)) - px)) best = i;
    if (best !== step()) update(model, { step: best });
  }
  drag(chart, { down: (fx, fy) => { chart.focus(); point(fx, fy); }, move: point });

  // ---- the chart ---------------------------------------------------------------------------------------------
  const line = (list) => list.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");
  const mark = (one, cx, cy, r, kind) => s("path", { class: `ft-${kind} ft-${one}`, d: {
    scratch: `M${cx - r} ${cy - r}h${2 * r}v${2 * r}h${-2 * r}z`, probe: `M${cx} ${cy - 1.3 * r}L${cx + 1.2 * r} ${cy + r}H${cx - 1.2 * r}z`,
    tuned: `M${cx - r} ${cy}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`, bold: `M${cx} ${cy - 1.35 * r}L${cx + 1.35 * r} ${cy}L${cx} ${cy + 1.35 * r}L${cx - 1.35 * r} ${cy}z` }[one] });
  function drawChart(n) {
    const parts = [], all = sizes(), shown = get("revealed"), truth = curves(), bottom = y(0), chance = 1 / record().classes;
    chart.setAttribute("viewBox", `0 0 ${room} ${HIGH}`);
    for (const value of [0, 0.25, 0.5, 0.75, 1])
      parts.push(s("path", { class: "ft-grid", d: `M${LEFT} ${y(value)}H${room - RIGHT}` }), s("text", { class: "ft-tick", x: LEFT - 6, y: y(value) + 4.5, "text-anchor": "end" }, `${100 * value} %`));
    parts.push(s("path", { class: "ft-chance", d: `M${LEFT} ${y(chance)}H${room - RIGHT}` }), s("text", { class: "ft-tick", x: room - RIGHT, y: y(chance) + 15, "text-anchor": "end" }, "guessing"));
    all.forEach((one, i) => parts.push(s("text", { class: "ft-tick", x: x(one), y: bottom + 19, "text-anchor": i === all.length - 1 ? "end" : i ? "middle" : "start" }, exact(one))));
    parts.push(s("text", { class: "ft-axis", x: (LEFT + room - RIGHT) / 2, y: HIGH - 7, "text-anchor": "middle" }, "labelled pictures"));
    parts.push(s("path", { class: "ft-now", d: `M${x(n)} ${TOP}V${bottom}` }));
    if (shown) {
      for (const one of ways()) {
        const low = all.map((size, i) => [x(size), y(truth[one][i][0])]), high = all.map((size, i) => [x(size), y(truth[one][i][2])]).reverse();
        parts.push(s("path", { class: `ft-band ft-${one}`, d: `${line([...low, ...high])}z` }));
      }
      for (const one of ways()) parts.push(s("path", { class: `ft-line ft-${one}${one === way() ? " ft-active" : ""}`, d: line(all.map((size, i) => [x(size), y(truth[one][i][1])])) }));
      for (const one of ways()) {
        if (get("seeds")) for (const [i, values] of record().values[one].entries()) values.forEach((value, k) => parts.push(s("circle", { class: `ft-seed ft-${one}`, cx: x(all[i]) + (i ? -1 : 1) * (3 + ((k * 7) % 12)), cy: y(value), r: 2 })));
        parts.push(...all.map((size, i) => mark(one, x(size), y(truth[one][i][1]), 4, "mark")));
      }
      const gain = worth(n);
      if (gain?.labels && gain.labels > n * 1.02) parts.push(s("path", { class: "ft-worth", d: `M${x(n)} ${y(gain.from)}H${x(gain.labels) - 2}m-6 -5l6 5l-6 5` }));
    }
    for (const one of ways()) {
      const set = guessOf(one).map((value, i) => (value === null ? null : [x(all[i]), y(value / 100)])).filter(Boolean);
      if (set.length > 1) parts.push(s("path", { class: `ft-guess ft-${one}`, d: line(set) }));
      parts.push(...set.map(([a, b]) => mark(one, a, b, !shown && one === way() ? 6 : 4, "hollow")));
    }
    if (!shown) {
      const at = nearest(), here = guessOf(way())[at];
      parts.push(here === null ? s("text", { class: "ft-ask", x: clamp(x(all[at]), LEFT + 12, room - RIGHT - 12), y: y(0.5) + 8, "text-anchor": "middle" }, "?")
        : s("circle", { class: "ft-ring", cx: x(all[at]), cy: y(here / 100), r: 11 }));
    }
    chart.replaceChildren(...parts);
  }

  // ---- what the numbers say ----------------------------------------------------------------------------------
  const reading = (n) => Object.fromEntries(ways().map((one) => [one, [0, 1, 2].map((i) => between(sizes(), curves()[one].map((three) => three[i]), n))]));
  // How many labels training from scratch needs to reach what the chosen way has with n.
  function worth(n) {
    if (way() === "scratch") return null;
    const from = reading(n)[way()][1];
    return { from, labels: labelsFor(sizes(), curves().scratch.map((three) => three[1]), from) };
  }
  const measured = (n) => sizes().indexOf(n);
  function lead(n) {
    const now = reading(n), [first, second] = [...ways()].sort((a, b) => now[b][1] - now[a][1]), at = measured(n), rows = record().values;
    const sure = at < 0 ? "read off the lines between two measured sizes" : `ahead in ${wins(rows[first][at], rows[second][at])} of ${rows[first][at].length} seeds`;
    return `${exact(n)} labels: ${names[first]} leads with ${percent(now[first][1])}, ${points(now[first][1] - now[second][1])} before ${names[second]} (${sure}).`;
  }
  function value(n) {
    if (way() === "scratch") return " Choose another curve to see how many labels its start is worth.";
    const { from, labels } = worth(n), all = sizes(), words = `${capital(names[way()])} with ${exact(n)} labels (${percent(from, 0)})`;
    if (labels === null) return ` ${words} is more than training from scratch reaches with ${exact(all.at(-1))}.`;
    if (labels > n * 1.02) return ` ${words} is as good as training from scratch with ${count(labels)}: ${show(labels / n, 1)} times as many.`;
    return ` ${words} has no lead over training from scratch left.`;
  }
  function crossed() {
    const all = ways(), found = [];
    all.forEach((a, i) => all.slice(i + 1).forEach((b) => {
      const [one, two] = [a, b].map((name) => curves()[name].map((three) => three[1]));
      for (const n of crossings(sizes(), one, two)) {
        const first = record().values[a], second = record().values[b], each = first[0].flatMap((_, seed) => crossings(sizes(), first.map((rows) => rows[seed]), second.map((rows) => rows[seed])).slice(-1));
        const up = one.at(-1) > two.at(-1) ? [a, b] : [b, a];
        found.push([n, `${capital(names[up[0]])} passes ${names[up[1]]} near ${count(n)} labels${each.length ? `; in ${each.length} of ${first[0].length} single seeds, at ${count(Math.min(...each))} to ${count(Math.max(...each))}` : ""}.`]);
      }
    }));
    return found.sort((a, b) => a[0] - b[0]).map(([, words]) => words);
  }
  function verdict() {
    const made = judge(guesses(), curves());
    if (!made) return "You drew no guess: nothing to compare. ";
    const [one, at] = made.worst, [right, asked] = made.leaders;
    return `Your ${made.points} point${made.points === 1 ? " is" : "s are"} ${show(made.error, 1)} off on average; ${made.inside} of ${made.points} lie${made.inside === 1 ? "s" : ""} in the band over seeds. `
      + `Farthest: ${names[one]} at ${exact(sizes()[at])}, you said ${guesses()[one][at]} %, it is ${percent(curves()[one][at][1], 0)}. ${asked ? `Who leads: right at ${right} of ${asked} sizes. ` : ""}`;
  }
  function told(n) {
    const at = nearest(), here = guessOf(way())[at], done = ways().reduce((sum, one) => sum + guessOf(one).filter((one_) => one_ !== null).length, 0);
    return `Your guess, ${names[way()]} with ${exact(sizes()[at])} labels: ${here === null ? "none yet" : `${here} %`}. ${done} of ${ways().length * sizes().length} points drawn.`;
  }

  // ---- the card ----------------------------------------------------------------------------------------------
  const table = h("table", { class: "ft-table" }, h("thead"), h("tbody")), cross = h("div", { class: "cw-note ft-cross" });
  const which = h("div"), knob = h("div"), flip = button("Show the truth", () => {
    const shown = !get("revealed");
    note = shown ? verdict() : "Hidden again: change your guess. ";
    update(model, { revealed: shown, step: STEPS * nearest() });
  }, { class: "cw-button cw-main" });
  const forget = button("Forget my guess", () => {
    note = Object.keys(guesses()).length ? "Your guesses for these pictures are forgotten. " : "There is no guess to forget yet. ";
    update(model, { guesses: Object.fromEntries(Object.entries(get("guesses")).filter(([name]) => name !== get("pictures"))), way: ways()[0] });
    draw();
  });
  const swatch = (one) => { const svg = s("svg", { viewBox: "0 0 34 14", class: "ft-swatch", "aria-hidden": "true" }); svg.append(s("path", { class: `ft-line ft-${one}`, d: "M1 7H33" }), mark(one, 17, 7, 4, "mark")); return svg; };
  function drawTable(n) {
    const shown = get("revealed"), now = shown ? reading(n) : null, mine = guesses(), any = judge(mine, curves()) !== null, at = shown ? measured(n) : nearest();
    const column = !shown || (any && at >= 0), head = ["way", ...(shown ? ["accuracy (seeds)"] : []), ...(column ? ["guess"] : [])];
    table.tHead.replaceChildren(h("tr", {}, ...head.map((word) => h("th", { scope: "col" }, word))));
    table.tBodies[0].replaceChildren(...ways().map((one) => {
      const drawn = at < 0 ? null : guessOf(one)[at];
      return h("tr", { class: one === way() ? "ft-here" : null }, h("th", { scope: "row" }, swatch(one), names[one]),
        ...(shown ? [h("td", {}, `${percent(now[one][1])} (${show(100 * now[one][0], 0)}\u2013${show(100 * now[one][2], 0)})`)] : []), ...(column ? [h("td", {}, drawn === null ? "\u2013" : `${drawn} %`)] : []));
    }));
  }
  let built = "";
  function controls() {
    if (built === get("pictures")) return;
    built = get("pictures");
    which.replaceChildren(select(model, "way", { label: "Curve", options: ways().map((one) => [one, names[one]]), then: () => { note = `${capital(names[way()])}. `; } }));
    knob.replaceChildren(slider(model, "step", { label: "Labelled pictures", min: 0, max: last(), format: () => exact(get("revealed") ? sizeAt(sizes(), step()) : sizes()[nearest()]) }));
  }
  body.append(h("div", { class: "cw-wide" }, chart),
    column(row(select(model, "pictures", { label: "Pictures", options: Object.entries(get("records")).map(([name, one]) => [name, one.words]), then: () => { note = `${capital(record().words)}. `; update(model, { step: 0, way: ways()[0] }); } })),
      which, knob, row(flip, forget), toggle(model, "seeds", { label: "Every seed as a dot", then: () => { note = get("seeds") ? (get("revealed") ? "Each dot is one seed. " : "Each seed will be a dot once the truth is shown. ") : "Bands only. "; } })),
    column(table, cross));
  function draw() {
    controls();
    const n = get("revealed") ? sizeAt(sizes(), step()) : sizes()[nearest()];
    flip.textContent = get("revealed") ? "Hide the truth" : "Show the truth";
    drawChart(n);
    drawTable(n);
    const list = get("revealed") ? crossed() : [];
    cross.replaceChildren(...(get("revealed") ? [list.length ? "Where medians cross, on straight lines between measured sizes:" : "No two medians cross here.", ...list] : ["Point at the chart, or press the arrow keys in it, to place your guess."]).map((words) => h("p", {}, words)));
    say(note + (get("revealed") ? lead(n) + value(n) : told(n)));
    note = "";
  }
  watch(model, ["pictures", "revealed", "step", "way", "seeds", "guesses"], draw);
  const observer = new ResizeObserver(() => {
    const width = Math.round(chart.clientWidth);
    if (width > 0 && width !== room) { room = width; draw(); }
  });
  observer.observe(chart);
  return () => observer.disconnect();
}
export default { render };
