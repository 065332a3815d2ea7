import { show, clamp, h, s, update, watch, card, slider, select, row, column } from "./kit.js";

const WIDTHS = ["one", "three_reduce", "three", "five_reduce", "five", "pool"], NAMES = ["in_channels", "size", ...WIDTHS];
const BRANCHES = ["1\u00d71", "3\u00d73", "5\u00d75", "pool"];

// The convolutions of a block, with 1x1 reductions and projection, or naive.
export function convolutions(config, reduced) {
  const { in_channels: c, one, three_reduce: r3, three, five_reduce: r5, five, pool, size } = config;
  const parts = reduced ? [[0, false, 1, c, one], [1, true, 1, c, r3], [1, false, 3, r3, three], [2, true, 1, c, r5], [2, false, 5, r5, five], [3, false, 1, c, pool]]
    : [[0, false, 1, c, one], [1, false, 3, c, three], [2, false, 5, c, five]];
  return parts.map(([branch, reduction, kernel, fan, units]) => {
    const weights = kernel * kernel * fan * units;
    return { branch, reduction, kernel, fan, units, parameters: weights + units, multiply_adds: weights * size * size };
  });
}

// Costs in all and by branch; reduction is the share of a branch's multiply-adds that goes into narrowing.
export function costs(config, reduced) {
  const made = convolutions(config, reduced), sum = (list, key) => list.reduce((all, one) => all + one[key], 0);
  const branches = BRANCHES.map((_, branch) => {
    const own = made.filter((one) => one.branch === branch), work = sum(own, "multiply_adds");
    return { multiply_adds: work, parameters: sum(own, "parameters"), maps: own.at(-1)?.units ?? config.in_channels, reduction: work ? sum(own.filter((one) => one.reduction), "multiply_adds") / work : 0 };
  });
  return { multiply_adds: sum(branches, "multiply_adds"), parameters: sum(branches, "parameters"), maps: sum(branches, "maps"), branches };
}

// Width of a reduction at which it saves nothing; below it, it pays.
export function breakEven(kernel, fan, units) {
  return kernel * kernel * fan * units / (fan + kernel * kernel * units);
}

// A count in three digits: 416 k, 1.81 M, 15.5 G.
export function brief(value) {
  const [power, letter] = [[9, " G"], [6, " M"], [3, " k"]].find(([one]) => value >= 10 ** one * 0.9995) ?? [0, ""], scaled = value / 10 ** power;
  const digits = power === 0 || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  return (Math.floor(scaled * 10 ** digits + 0.5) / 10 ** digits).toFixed(digits) + letter;
}

const LABELS = { in_channels: "Maps in", size: "Map side", one: "1\u00d71: maps", three_reduce: "3\u00d73: reduce to", three: "3\u00d73: maps", five_reduce: "5\u00d75: reduce to", five: "5\u00d75: maps", pool: "Pool: project to" };
const WORDS = { multiply_adds: "multiply-adds", parameters: "parameters", maps: "maps out" };
const WIDE = 340, HIGH = 236, ROW = 47, TOP = 30, THICK = 38;

function render({ model, el }) {
  const { body, say } = card(el, "What an inception block costs",
    "Each ribbon is as thick as it has maps. Narrow the necks before 3\u00d73 and 5\u00d75: where does the work go, and when does a neck stop paying?");
  const get = (name) => model.get(name), config = () => Object.fromEntries(NAMES.map((name) => [name, get(name)]));
  let note = "";

  // ---- ribbons -----------------------------------------------------------------------------------------------
  const panels = ["naive", "with 1\u00d71 reductions"].map((name) => {
    const drawing = s("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, "aria-hidden": "true" }), caption = h("figcaption");
    return { drawing, caption, box: h("figure", { class: "cw-figure" }, h("strong", {}, name[0].toUpperCase() + name.slice(1)), drawing, caption) };
  });
  function drawPanel({ drawing, caption }, reduced, cost, unit) {
    const now = config(), c = now.in_channels, parts = [];
    const ribbon = (branch, x1, maps1, x2, maps2, y2 = null) => {
      const y = TOP + ROW * branch + ROW / 2, a = unit * maps1 / 2, b = unit * maps2 / 2, to = y2 ?? y, m = (x1 + x2) / 2;
      parts.push(s("path", { d: `M${x1} ${y - a}C${m} ${y - a} ${m} ${to - b} ${x2} ${to - b}V${to + b}C${m} ${to + b} ${m} ${y + a} ${x1} ${y + a}Z`, class: `ic-ribbon ic-b${branch}` }));
    };
    const box = (branch, x, word, maps, kind) => {
      const y = TOP + ROW * branch + ROW / 2;
      parts.push(s("rect", { x: x - 19, y: y - 11, width: 38, height: 22, rx: 4, class: `ic-box ic-${kind}` }), s("text", { x, y: y + 5, "text-anchor": "middle", class: "ic-word" }, word));
      if (maps) parts.push(s("text", { x: x + 24, y: y - Math.max(7, unit * maps / 2 + 2), class: "ic-maps" }, String(maps)));
    };
    const outs = cost.branches.map((one) => one.maps), total = cost.maps, from = 8, end = WIDE - 46;
    let top = TOP + 2 * ROW - unit * total / 2;
    const ends = outs.map((maps) => { const middle = top + unit * maps / 2; top += unit * maps; return middle; });
    outs.forEach((maps, branch) => {
      const neck = [0, now.three_reduce, now.five_reduce, c][branch], first = 92, second = 186;
      const necked = reduced && (branch === 1 || branch === 2);
      ribbon(branch, from, c, necked ? first : second, c);
      if (necked) ribbon(branch, first, neck, second, neck);
      ribbon(branch, second, maps, end, maps, ends[branch]);
      if (branch === 3) { box(branch, reduced ? first : second, "pool", reduced ? 0 : maps, "pool"); if (reduced) box(branch, second, "1\u00d71", maps, "conv"); }
      else { if (reduced && branch) box(branch, first, "1\u00d71", neck, "neck"); box(branch, second, BRANCHES[branch], maps, "conv"); }
    });
    parts.push(s("text", { x: from, y: 18, class: "ic-maps" }, `${c} maps in`), s("path", { d: `M${end} ${TOP + 2 * ROW - unit * total / 2 - 3}V${TOP + 2 * ROW + unit * total / 2 + 3}`, class: "ic-end" }),
      s("text", { x: end + 6, y: TOP + 2 * ROW + 5, class: "ic-total" }, String(total)));
    drawing.replaceChildren(...parts);
    caption.textContent = `${brief(cost.multiply_adds)} multiply-adds, ${brief(cost.parameters)} parameters, ${total} maps out.`;
  }

  // ---- bars --------------------------------------------------------------------------------------------------
  const bars = h("div", { class: "cw-wide ic-bars" });
  function drawBars(plain, slim) {
    const key = get("measure"), most = Math.max(plain[key], slim[key]), value = key === "maps" ? String : brief;
    const bar = (one, kind, words) => h("div", { class: "ic-line" }, h("span", { class: `ic-fill ic-${kind}`, style: `width:${(100 * one[key] / most).toFixed(2)}%`, hidden: !one[key] },
      kind === "slim" && key !== "maps" && one.reduction ? h("span", { class: "ic-narrow", style: `width:${(100 * one.reduction).toFixed(1)}%` }) : ""), h("span", { class: "ic-value" }, words));
    const line = (name, a, b) => h("div", { class: "ic-group" }, h("span", { class: "ic-name" }, name), h("div", {}, bar(a, "plain", value(a[key])), bar(b, "slim", value(b[key]))));
    bars.replaceChildren(line("all", plain, slim), ...BRANCHES.map((name, i) => line(name, plain.branches[i], slim.branches[i])));
  }

  // ---- words -------------------------------------------------------------------------------------------------
  const pays = (name, kernel, neck, units) => {
    const limit = breakEven(kernel, get("in_channels"), get(units)), now = get(neck);
    return `${name}: a neck of ${now} ${now < limit ? "pays" : "costs more than it saves"}; it pays below ${show(limit, 0)} maps.`;
  };
  const rules = h("p", { class: "cw-note" });
  function report(plain, slim) {
    const times = plain.multiply_adds / slim.multiply_adds;
    return `${brief(slim.multiply_adds)} multiply-adds with reductions, ${brief(plain.multiply_adds)} without: ${times >= 1 ? `${show(times, 2)} times fewer` : `${show(1 / times, 2)} times more`}. ${slim.maps} maps out, naive ${plain.maps}.`;
  }
  const grows = (plain) => {
    const by = plain.maps - get("in_channels"), last = get("in_channels") + 9 * by;
    return `The naive block hands on all ${get("in_channels")} pooled maps: it must grow, by ${by} maps; nine of them in a row end with ${last}.`;
  };

  // ---- controls ----------------------------------------------------------------------------------------------
  const own = (name) => () => { update(model, { preset: "own" }); note = `${LABELS[name]} ${get(name)}. `; };
  const knob = (name, min, max, step) => slider(model, name, { label: LABELS[name], min, max, step, then: own(name) });
  const names = Object.keys(get("presets"));
  body.append(h("div", { class: "cw-wide" }, row(select(model, "preset", { label: "Block", options: [...names.map((name) => [name, `GoogLeNet ${name}`]), ["own", "your own"]], then: () => {
    const made = get("presets")[get("preset")];
    note = made ? `GoogLeNet ${get("preset")}. ` : "Your own block: turn a knob. ";
    update(model, made ?? {});
  } }), select(model, "measure", { label: "Bars show", options: Object.entries(WORDS), then: () => { note = `Bars show ${WORDS[get("measure")]}. `; } }))),
  h("div", { class: "cw-wide ic-panels" }, ...panels.map((one) => one.box)),
  h("div", { class: "cw-wide ic-legend" }, ...[["plain", "naive"], ["slim", "with reductions"], ["narrow", "of it, reducing"]].map(([kind, words]) => h("span", {}, h("span", { class: `ic-key ic-${kind}` }), words))), bars,
  h("div", { class: "cw-wide ic-knobs" }, knob("in_channels", 16, 1024, 16), knob("size", 7, 56, 7), knob("three_reduce", 8, 512, 8), knob("three", 8, 512, 8), knob("five_reduce", 8, 512, 8), knob("five", 8, 512, 8), knob("one", 8, 512, 8), knob("pool", 8, 512, 8)),
  h("div", { class: "cw-wide" }, rules));

  function draw() {
    const now = config(), plain = costs(now, false), slim = costs(now, true), unit = Math.min(THICK / Math.max(now.in_channels, now.one, now.three, now.five, now.pool, now.three_reduce, now.five_reduce), 4 * ROW / Math.max(plain.maps, slim.maps));
    drawPanel(panels[0], false, plain, unit);
    drawPanel(panels[1], true, slim, unit);
    drawBars(plain, slim);
    rules.textContent = `${pays("3\u00d73", 3, "three_reduce", "three")} ${pays("5\u00d75", 5, "five_reduce", "five")} ${grows(plain)}`;
    say(note + report(plain, slim));
    note = "";
  }
  watch(model, [...NAMES, "preset", "measure"], draw);
}
export default { render };
