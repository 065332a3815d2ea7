import { show, clamp, h, s, update, watch, card, slider, select, toggle, button, row, column, surface, arrows, drag } from "./kit.js";

// A ranking holds one number a detection, best score first: the object it lies on, counted from 1, or 0 for none.

// The ranking with objects numbered 1 to `objects`; a detection on an object too many lies on none.
export function fitted(ranking, objects) {
  const found = [...new Set(ranking.filter((number) => number))];
  const own = Math.max(0, ...found) > objects ? ranking.map((number) => found.indexOf(number) + 1) : ranking;
  return own.map((number) => (number <= objects ? number : 0));
}

// What each detection is: right, wrong (on no object) or twice (its object has been found before).
export function outcomes(ranking) {
  return ranking.map((number, i) => (!number ? "wrong" : ranking.indexOf(number) < i ? "twice" : "right"));
}

// What the `kept` best detections say.
export function counts(ranking, objects, kept) {
  const judged = outcomes(ranking.slice(0, kept)), right = judged.filter((kind) => kind === "right").length;
  return { right, wrong: judged.length - right, twice: judged.filter((kind) => kind === "twice").length, missed: objects - right,
    precision: judged.length ? right / judged.length : null, recall: right / objects };
}

// Precision and recall after each detection.
export function curve(ranking, objects) {
  let right = 0;
  const hits = outcomes(ranking).map((kind) => (right += Number(kind === "right")));
  return { precision: hits.map((n, i) => n / (i + 1)), recall: hits.map((n) => n / objects) };
}

// At each point the highest precision from there on.
export function envelope(precision) {
  const out = [...precision];
  for (let i = out.length - 2; i >= 0; i--) out[i] = Math.max(out[i], out[i + 1]);
  return out;
}

// The height of the envelope at given recalls; 0 where a recall is never reached.
export function heights(precision, recall, points) {
  const high = envelope(precision);
  return points.map((point) => high[recall.findIndex((r) => r >= point)] ?? 0);
}

const ELEVEN = Array.from({ length: 11 }, (_, i) => i / 10);
const HUNDRED = Array.from({ length: 101 }, (_, i) => (i === 100 ? 1 : i * 0.01)); // with COCO's own rounding errors
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

// Average precision by the rules of VOC 2007, VOC 2010 and COCO.
export function averages(ranking, objects) {
  const { precision, recall } = curve(ranking, objects), high = envelope(precision);
  return { voc2007: mean(heights(precision, recall, ELEVEN)), voc2010: high.reduce((sum, height, i) => sum + height * (recall[i] - (recall[i - 1] ?? 0)), 0),
    coco: mean(heights(precision, recall, HUNDRED)) };
}

const put = (list, at, value) => list.map((old, i) => (i === at ? value : old));

// Take a detection off its object, or put it on the first object without one; null if there is none left.
export function toggled(ranking, at, objects) {
  if (ranking[at]) return put(ranking, at, 0);
  for (let number = 1; number <= objects; number++) if (!ranking.includes(number)) return put(ranking, at, number);
  return null;
}

// Put a detection on the object of the nearest one above, else below; take a second find off. null without another object.
export function repeated(ranking, at) {
  if (ranking[at] && ranking.indexOf(ranking[at]) < at) return put(ranking, at, 0);
  const other = [...ranking.slice(0, at).reverse(), ...ranking.slice(at + 1)].find((number) => number && number !== ranking[at]);
  return other ? put(ranking, at, other) : null;
}

// One detection taken out and put in at another place.
export function moved(ranking, start, end) {
  const rest = ranking.filter((_, i) => i !== start);
  return [...rest.slice(0, end), ranking[start], ...rest.slice(end)];
}

const LEFT = 48, RIGHT = 14, TOP = 14, BOTTOM = 42;
const SIGN = { right: "\u2713", wrong: "\u2717", twice: "2\u00d7" };
const RULES = { voc2007: ["VOC 2007", "mean height at 11 recalls"], voc2010: ["VOC 2010", "area under the envelope"], coco: ["COCO", "mean height at 101 recalls"] };
const letter = (number) => String.fromCharCode(64 + number);

function render({ model, el }) {
  const { body, say } = card(el, "Precision-recall builder",
    "Each card is one detection, best score first. Walk the threshold down, guess the average precision, then show it. Click a card to turn it right or wrong: what does each mistake cost?");
  const get = (name) => model.get(name), presets = get("presets");
  let rooms = [600, 280, 360, 150], note = "", before = null, known = 0;
  const objects = () => get("objects"), ranking = () => fitted(get("ranking"), objects()), total = () => get("ranking").length;
  const kept = () => Math.min(get("kept"), total()), chosen = () => clamp(get("chosen"), 0, total() - 1);
  const score = (i) => { const own = get("scores")[i] ?? 0; return show(get("sure") ? 1 - (1 - own) / 10 : own, get("sure") ? 3 : 2); };
  const area = () => averages(ranking(), objects()).voc2010;

  // ---- what the reader does ----------------------------------------------------------------------------------
  // Change the state, say what was done; with nothing to change say it all the same.
  function act(patch, words) {
    note = words;
    const news = Object.entries(patch).filter(([name, value]) => JSON.stringify(get(name)) !== JSON.stringify(value));
    if (news.length) update(model, Object.fromEntries(news)); else draw();
  }
  // The same for a change of the ranking: what it does to the average precision is said once that is shown.
  function cost(old, list, number, words) {
    const [was, ap] = [averages(old.ranking, old.objects), averages(list, number)].map(({ voc2010 }) => Math.round(1000 * voc2010) / 1000), gain = ap - was;
    before = get("revealed") ? old : null;
    return `${words} ${!before ? "" : Math.abs(gain) < 5e-4 ? `Average precision stays ${show(ap, 3)}. ` : `Average precision ${show(was, 3)} becomes ${show(ap, 3)} (${gain > 0 ? "+" : ""}${show(gain, 3)}). `}`;
  }
  const edit = (patch, words) => act({ preset: "own", ...patch }, cost({ ranking: ranking(), objects: objects() }, patch.ranking, objects(), words));
  function recount() {
    note = cost({ ranking: fitted(get("ranking"), known), objects: known }, ranking(), objects(), `${objects()} object${objects() > 1 ? "s" : ""} to find.`);
    update(model, { preset: "own" });
  }
  function about(list, i) {
    const kind = outcomes(list)[i], found = letter(list[i]);
    return { right: `is the first on object ${found}: right`, wrong: "lies on no object: wrong", twice: `is on object ${found} again, found by card ${list.indexOf(list[i]) + 1}: a duplicate counts as wrong` }[kind];
  }
  function flip(at) {
    const old = ranking(), list = toggled(old, at, objects());
    if (!list) return act({ chosen: at }, `All ${objects()} objects are found: card ${at + 1} can only be a duplicate, or there must be more objects. `);
    const heir = old[at] ? list.indexOf(old[at]) : -1;
    edit({ ranking: list, chosen: at }, `Card ${at + 1} ${about(list, at)}.${heir > at && old.indexOf(old[at]) === at ? ` Now card ${heir + 1}, a duplicate before, is the first on ${letter(old[at])} and right.` : ""}`);
  }
  function again() {
    const at = chosen(), list = repeated(ranking(), at);
    if (!list) return act({}, "No other detection lies on an object: there is nothing to repeat. ");
    const twin = list.indexOf(list[at], at + 1);
    edit({ ranking: list }, `Card ${at + 1} ${about(list, at)}.${outcomes(list)[at] === "right" && twin > 0 ? ` It stands above card ${twin + 1}, which is the duplicate now.` : ""}`);
  }
  function shift(by, from = chosen()) {
    const to = clamp(from + by, 0, total() - 1);
    if (to === from) return act({}, `Card ${from + 1} is ${from ? "last" : "first"} already. `);
    edit({ ranking: moved(ranking(), from, to), chosen: to }, `Card ${from + 1} goes to place ${to + 1}; the scores stay where they are.`);
  }
  function unique() {
    const keep = outcomes(ranking()).map((kind) => kind !== "twice"), gone = keep.filter((one) => !one).length, left = (list) => list.filter((_, i) => keep[i]);
    if (!gone) return act({}, "There is no duplicate to remove. ");
    edit({ ranking: left(ranking()), scores: left(get("scores")), kept: left(keep.slice(0, kept())).length, chosen: 0 }, `${gone} duplicate${gone > 1 ? "s" : ""} removed, as non-maximum suppression is meant to do.`);
  }
  function choosePreset() {
    const made = presets[get("preset")];
    before = null;
    if (!made) return act({}, "Your own ranking: change the cards. ");
    act({ ranking: made.ranking, objects: made.objects, scores: get("usual"), kept: 1, chosen: 0, revealed: false }, `${made.words[0].toUpperCase()}${made.words.slice(1)}: guess its average precision. `);
  }
  function reveal() {
    const shown = !get("revealed"), off = get("guess") / 100 - area();
    before = null;
    act({ revealed: shown }, shown ? `The area under the envelope is ${show(area(), 3)}; you guessed ${show(get("guess") / 100)}, ${Math.abs(off) < 0.015 ? "well guessed" : `${show(Math.abs(off))} too ${off > 0 ? "high" : "low"}`}. ` : "Hidden: guess again. ");
  }
  const guess = (value) => act({ guess: clamp(Math.round(value), 0, 100) }, "");

  // ---- the cards ---------------------------------------------------------------------------------------------
  const cards = surface(h("div", { class: "pr-cards" }),
    "The detections, best score first. Left and right choose a card, Enter turns it right or wrong, up and down move it to a better or worse place, D makes it a duplicate or takes that back.", {
      ...arrows((dx, dy) => { if (dy) shift(dy); else { const at = clamp(chosen() + dx, 0, total() - 1); act({ chosen: at }, `Card ${at + 1} (score ${score(at)}) ${about(ranking(), at)}. `); } }),
      Enter: () => flip(chosen()), " ": () => flip(chosen()), d: again, D: again,
    });
  const under = (event) => { const found = document.elementFromPoint(event.clientX, event.clientY)?.closest(".pr-card"); return found ? [...cards.children].indexOf(found) : -1; };
  let held = -1, dragged = false;
  drag(cards, {
    down: (x, y, event) => { held = under(event); dragged = false; cards.focus(); return held >= 0; },
    move: (x, y, event) => { const at = under(event); if (at < 0 || at === held) return; dragged = true; shift(at - held, held); held = at; },
    up: (x, y, event) => { if (!dragged && event.type === "pointerup") flip(held); },
  });
  function drawCards(list, judged) {
    cards.style.setProperty("--pr-n", Math.max(8, total()));
    cards.style.setProperty("--pr-half", Math.max(6, Math.ceil(total() / 2)));
    cards.replaceChildren(...list.map((number, i) => h("div", { class: `pr-card pr-${judged[i]}${i < kept() ? " pr-kept" : ""}${i === chosen() ? " pr-chosen" : ""}` },
      score(i), h("b", {}, SIGN[judged[i]]), number ? letter(number) : "\u2013")));
  }

  // ---- the charts --------------------------------------------------------------------------------------------
  const place = (width, high, low = BOTTOM) => [(r) => LEFT + (width - LEFT - RIGHT) * r, (p) => high - low - (high - low - TOP) * p];
  function frame(width, high, x, y, low) {
    const parts = [];
    for (const value of [0, 0.5, 1]) parts.push(s("path", { class: "pr-grid", d: `M${x(0)} ${y(value)}H${x(1)}M${x(value)} ${y(0)}V${y(1)}` }),
      s("text", { class: "pr-tick", x: LEFT - 6, y: y(value) + 4.5, "text-anchor": "end" }, String(value)), s("text", { class: "pr-tick", x: x(value), y: y(0) + 17, "text-anchor": "middle" }, String(value)));
    if (low > 30) parts.push(s("text", { x: x(0.5), y: high - 6, "text-anchor": "middle" }, "recall"), s("text", { x: 12, y: y(0.5), "text-anchor": "middle", transform: `rotate(-90 12 ${y(0.5)})` }, "precision"));
    return parts;
  }
  // The envelope as a staircase from recall 0 to 1.
  function stairs({ precision, recall }, x, y) {
    let d = "", from = 0;
    envelope(precision).forEach((height, i) => { if (recall[i] > from || !d) d += `${d ? "V" : `M${x(0)} `}${y(height)}H${x(recall[i])}`; from = recall[i]; });
    return `${d}V${y(0)}H${x(1)}`;
  }
  const through = (points) => points.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");
  const mark = (kind, a, b) => s("path", { class: `pr-mark pr-${kind}`, d: { right: `M${a - 4.5} ${b}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z`, wrong: `M${a - 4} ${b - 4}l8 8m0 -8l-8 8`, twice: `M${a - 4} ${b - 4}h8v8h-8z` }[kind] });
  const chart = surface(s("svg", { class: "pr-chart" }),
    "Precision against recall. Left and right move the threshold by one detection, Home and End to the ends; up and down change your guess, with Shift by ten; Enter shows or hides the average precision.", {
      ...arrows((dx, dy, event) => (dx ? act({ kept: clamp(kept() + dx, 0, total()) }, "") : guess(get("guess") - dy * (event.shiftKey ? 10 : 1)))),
      Home: () => act({ kept: 0 }, ""), End: () => act({ kept: total() }, ""), Enter: reveal,
    });
  function point(fx, fy) {
    const [x, y] = place(rooms[0], rooms[2]);
    if (!get("revealed")) return guess(100 * (y(0) - fy * rooms[2]) / (y(0) - y(1)));
    const { precision, recall } = curve(ranking(), objects()), far = precision.map((p, i) => Math.hypot(x(recall[i]) - fx * rooms[0], y(p) - fy * rooms[2]));
    act({ kept: far.indexOf(Math.min(...far)) + 1 }, "");
  }
  drag(chart, { down: (fx, fy) => { chart.focus(); point(fx, fy); }, move: point });
  function drawChart(made, judged) {
    const [x, y] = place(rooms[0], rooms[2]), shown = get("revealed"), n = kept(), parts = frame(rooms[0], rooms[2], x, y, BOTTOM), level = y(get("guess") / 100);
    const spots = made.precision.map((p, i) => [x(made.recall[i]), y(p)]);
    chart.setAttribute("viewBox", `0 0 ${rooms[0]} ${rooms[2]}`);
    parts.push(s("path", { class: "pr-guess", d: `M${x(0)} ${level}H${x(1)}` }), s("text", { class: "pr-tick", x: x(1) - 4, y: level < 40 ? level + 15 : level - 5, "text-anchor": "end" }, "your guess"));
    if (shown) {
      const d = stairs(made, x, y);
      parts.push(s("path", { class: "pr-area", d: `${d}V${y(0)}H${x(0)}z` }), s("path", { class: "pr-env", d }), s("path", { class: "pr-rest", d: through(spots) }));
      if (before) parts.push(s("path", { class: "pr-old", d: stairs(curve(before.ranking, before.objects), x, y) }));
    }
    parts.push(s("path", { class: "pr-line", d: through(spots.slice(0, n)) }), ...spots.slice(0, n).map(([a, b], i) => mark(judged[i], a, b)));
    if (n) parts.push(s("circle", { class: "pr-ring", cx: spots[n - 1][0], cy: spots[n - 1][1], r: 10 }));
    chart.replaceChildren(...parts);
  }
  const rules = Object.fromEntries(Object.entries(RULES).map(([name, [title, words]]) => {
    const svg = s("svg", { class: "pr-small", "aria-hidden": "true" }), value = h("output");
    return [name, { svg, value, box: h("div", {}, svg, h("div", { class: "cw-note" }, `${title}: ${words}`), value) }];
  }));
  function drawRules(made, found) {
    const high = rooms[3], [x, y] = place(rooms[1], high, 26), shown = get("revealed");
    for (const [name, { svg, value }] of Object.entries(rules)) {
      const parts = frame(rooms[1], high, x, y, 26), stems = name === "voc2007" ? ELEVEN : HUNDRED, d = stairs(made, x, y);
      svg.setAttribute("viewBox", `0 0 ${rooms[1]} ${high}`);
      value.textContent = shown ? show(found[name], 3) : "?";
      if (!shown) parts.push(s("text", { class: "pr-ask", x: x(0.5), y: y(0.5) + 9, "text-anchor": "middle" }, "?"));
      else if (name === "voc2010") parts.push(s("path", { class: "pr-area", d: `${d}V${y(0)}H${x(0)}z` }), s("path", { class: "pr-env", d }));
      else {
        const tops = heights(made.precision, made.recall, stems);
        parts.push(s("path", { class: name === "coco" ? "pr-fine" : "pr-stem", d: stems.map((r, i) => `M${x(r).toFixed(1)} ${y(0)}V${y(tops[i]).toFixed(1)}`).join("") }));
        if (name === "voc2007") parts.push(...stems.map((r, i) => s("circle", { class: "pr-dot", cx: x(r), cy: y(tops[i]), r: 4 })));
      }
      svg.replaceChildren(...parts);
    }
  }

  // ---- what the numbers say ----------------------------------------------------------------------------------
  const table = h("table", { class: "pr-table" }, h("tbody")), chips = h("div", { class: "pr-objects" });
  function drawTable(list, now) {
    const kinds = list.slice(0, kept()), line = (words, ...cells) => h("tr", {}, h("th", { scope: "row" }, words), ...cells.map((cell) => h("td", {}, cell)));
    table.tBodies[0].replaceChildren(line("true positives", String(now.right)), line(now.twice ? `false positives (${now.twice} twice)` : "false positives", String(now.wrong)), line("missed", String(now.missed)),
      line("precision", now.precision === null ? "not defined" : `${now.right} / ${kept()} = ${show(now.precision)}`), line("recall", `${now.right} / ${objects()} = ${show(now.recall)}`));
    chips.replaceChildren(h("span", {}, "Found:\u00a0"), ...Array.from({ length: objects() }, (_, i) => h("span", { class: `pr-object${kinds.includes(i + 1) ? " pr-found" : ""}` }, kinds.includes(i + 1) ? letter(i + 1) : "\u00b7")));
  }
  function told(list, now) {
    const n = kept(), words = n ? `Threshold ${score(n - 1)}: ${n} of ${total()} kept, ${now.right} true and ${now.wrong} false positive${now.wrong === 1 ? "" : "s"}${now.twice ? ` (${now.twice} on an object found before)` : ""}, ${now.missed} of ${objects()} missed. Precision ${show(now.precision)}, recall ${show(now.recall)}.`
      : `Threshold above ${score(0)}: nothing is kept, all ${objects()} are missed; recall 0.00, precision is not defined.`;
    if (!get("revealed")) return `${words} Your guess: ${show(get("guess") / 100)}.`;
    const cut = averages(list.slice(0, n), objects()).voc2010, whole = area();
    return words + (whole - cut > 5e-4 ? ` Were the rest thrown away here, average precision would fall from ${show(whole, 3)} to ${show(cut, 3)}.` : n < total() ? " The rest of the list adds nothing to the average precision." : "");
  }

  // ---- the card ----------------------------------------------------------------------------------------------
  const threshold = slider(model, "kept", { label: "Threshold: keep", min: 0, max: total(), format: () => (kept() ? `${kept()} (score ${score(kept() - 1)} and up)` : "nothing") });
  const show_ = button("Show the average precision", reveal, { class: "cw-button cw-main" });
  body.append(h("div", { class: "cw-wide cw-column" },
      row(select(model, "preset", { label: "Ranking", options: [...Object.entries(presets).map(([name, { words }]) => [name, words]), ["own", "your own"]], then: choosePreset }),
        slider(model, "objects", { label: "Objects to find", min: 1, max: 16, then: recount })),
      cards, h("div", { class: "cw-note" }, "\u2713 first on its object \u00b7 2\u00d7 on an object already found \u00b7 \u2717 on no object. Shaded cards are kept. Click turns a card, dragging moves it."),
      row(button("Right / wrong", () => flip(chosen())), button("Duplicate", again), button("Up one place", () => shift(-1)), button("Down one place", () => shift(1)), button("Remove duplicates", unique))),
    h("div", {}, chart), column(threshold, table, chips,
      slider(model, "guess", { label: "Your guess of the average precision", min: 0, max: 100, format: () => show(get("guess") / 100) }), row(show_),
      toggle(model, "sure", { label: "Surer scores, same order", then: () => { note = get("sure") ? "Every score is ten times closer to 1. The order is the same, and so are the curve and its average precision. " : "The scores are the old ones again. "; } })),
    h("div", { class: "cw-wide pr-rules" }, ...Object.values(rules).map(({ box }) => box)));
  function draw() {
    const list = ranking(), judged = outcomes(list), made = curve(list, objects()), now = counts(list, objects(), kept()), input = threshold.querySelector("input");
    if (Number(input.max) !== total()) { input.max = total(); input.value = kept(); }
    show_.textContent = get("revealed") ? "Hide the average precision" : "Show the average precision";
    drawCards(list, judged);
    drawChart(made, judged);
    drawRules(made, averages(list, objects()));
    drawTable(list, now);
    known = objects();
    say(note + told(list, now));
    note = "";
  }
  watch(model, ["preset", "ranking", "objects", "scores", "kept", "chosen", "guess", "revealed", "sure"], draw);
  const observer = new ResizeObserver(() => {
    const small = rules.coco.svg, sizes = [chart.clientWidth, small.clientWidth, chart.clientHeight, small.clientHeight].map(Math.round);
    if (sizes[0] > 0 && sizes.some((size, i) => size !== rooms[i])) { rooms = sizes; draw(); }
  });
  observer.observe(chart);
  observer.observe(rules.coco.svg);
  return () => observer.disconnect();
}
export default { render };
