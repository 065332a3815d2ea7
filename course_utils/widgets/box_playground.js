import { show, clamp, h, s, update, watch, card, slider, select, toggle, button, row, column, surface, arrows, drag, uid } from "./kit.js";

// A detection is [x1, y1, x2, y2, score, label], an object [x1, y1, x2, y2, label].
const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
const meet = (a, b) => [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
const shared = (a, b) => {
  const [x1, y1, x2, y2] = meet(a, b);
  return Math.max(0, x2 - x1) * Math.max(0, y2 - y1);
};

export function iou(a, b) {
  const both = shared(a, b), either = area(a) + area(b) - both;
  return either > 0 ? both / either : 0;
}

export function mostOverlapped(box, others, skip = -1) {
  let index = -1, best = 0;
  others.forEach((other, i) => {
    const overlap = i === skip ? 0 : iou(box, other);
    if (overlap > best) { best = overlap; index = i; }
  });
  return index < 0 ? null : { index, iou: best };
}

// What a score is multiplied by for an overlap with the box just taken.
function factor(overlap, { method, iou_threshold, sigma }) {
  if (method === "gaussian") return Math.exp(-(overlap * overlap) / sigma);
  return overlap > iou_threshold ? (method === "linear" ? 1 - overlap : 0) : 1;
}

// Each step takes the best box left and lowers the scores of those it overlaps; greedy lowers them to 0.
export function suppress(detections, settings) {
  const score = detections.map((one) => one[4]), taken = detections.map(() => false), steps = [];
  for (;;) {
    let best = -1;
    score.forEach((value, i) => { if (!taken[i] && value > settings.score_threshold && (best < 0 || value > score[best])) best = i; });
    if (best < 0) return steps;
    taken[best] = true;
    const lowered = [];
    detections.forEach((one, i) => {
      if (taken[i] || score[i] <= settings.score_threshold || (settings.per_class && one[5] !== detections[best][5])) return;
      const overlap = iou(detections[best], one), times = factor(overlap, settings), before = score[i];
      if (times < 1) lowered.push([i, overlap, before, score[i] = before * times]);
    });
    steps.push({ taken: best, score: score[best], lowered });
  }
}

// Where every box stands after `count` steps, -1 for all: low, waits, kept or gone.
export function outcome(detections, settings, count) {
  const steps = suppress(detections, settings), done = count < 0 ? steps.length : Math.min(count, steps.length);
  const scores = detections.map((one) => one[4]), by = detections.map(() => []);
  const fate = scores.map((value) => (value > settings.score_threshold ? "waits" : "low"));
  for (const { taken, lowered } of steps.slice(0, done)) {
    fate[taken] = "kept";
    for (const [i, overlap, , after] of lowered) {
      scores[i] = after;
      by[i].push([taken, overlap]);
      if (after <= settings.score_threshold) fate[i] = "gone";
    }
  }
  const remaining = scores.map((_, i) => i).filter((i) => fate[i] === "kept" || fate[i] === "waits").sort((a, b) => scores[b] - scores[a] || a - b);
  return { steps: done, total: steps.length, fate, scores, by, remaining };
}

export function kept(detections, settings) {
  const { remaining, scores } = outcome(detections, settings, -1);
  return remaining.map((i) => [i, scores[i]]);
}

// The VOC rule: each detection looks at the object of its class it overlaps most; the first to reach IoU 0.5 hits it.
export function judge(remaining, truth) {
  const found = truth.map(() => false), verdicts = [], objects = [];
  for (const one of remaining) {
    let nearest = -1, best = 0;
    truth.forEach((object, j) => {
      const overlap = object[4] === one[5] ? iou(one, object) : 0;
      if (overlap > best) { best = overlap; nearest = j; }
    });
    objects.push(nearest);
    verdicts.push(best < 0.5 ? "false alarm" : found[nearest] ? "duplicate" : "hit");
    if (best >= 0.5) found[nearest] = true;
  }
  const hits = found.filter(Boolean).length;
  return { verdicts, objects, found, precision: remaining.length ? hits / remaining.length : null, recall: truth.length ? hits / truth.length : null };
}

const WIDTH = 400, HEIGHT = 280, LEAST = 8, MOST = 40, GRIP = 9;
const SETTINGS = ["method", "per_class", "score_threshold", "iou_threshold", "sigma"];
const MARKS = { hit: "\u2713", duplicate: "\u00d72", "false alarm": "\u2717" };
const many = (count, word) => `${count} ${word}${count === 1 ? "" : word === "box" ? "es" : "s"}`;
const list = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);
const grouped = (value) => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");

function render({ model, el }) {
  const { body, say } = card(el, "Boxes, overlap and suppression",
    "Grey shapes: the objects. Drag a box, its corners, or draw a new one; turn the thresholds; then step through the algorithm.");
  const get = (name) => model.get(name);
  const settings = () => Object.fromEntries(SETTINGS.map((name) => [name, get(name)]));
  const detections = () => get("detections"), picked = () => clamp(get("chosen"), -1, detections().length - 1);
  const className = (label) => get("classes")[label], soft = () => get("method") !== "greedy";
  let note = "", told = false;

  // ---- changes --------------------------------------------------------------------------------------------
  // Any change shows the result again; whoever wants the steps walks them.
  function setBoxes(rows, words, more = {}) {
    note = words;
    update(model, { detections: rows, preset: "own", step: -1, ...more });
  }
  function setBox(index, box, words) {
    const rows = detections().map((one, i) => (i === index ? box : one));
    const best = rival(box, rows, index);
    setBoxes(rows, `${words}${best ? ` IoU ${show(best.iou)} with ${best.name}.` : " It overlaps nothing."} `);
  }
  function rival(box, rows, index) {
    const object = get("against") === "object", others = object ? get("truth") : rows, best = mostOverlapped(box, others, object ? -1 : index);
    return best && { ...best, box: others[best.index], name: object ? `the ${className(others[best.index][4])}` : `box ${best.index + 1}` };
  }
  const inStage = ([x1, y1, x2, y2]) => {
    const w = Math.min(x2 - x1, WIDTH), tall = Math.min(y2 - y1, HEIGHT), x = clamp(x1, 0, WIDTH - w), y = clamp(y1, 0, HEIGHT - tall);
    return [x, y, x + w, y + tall].map(Math.round);
  };
  const moved = (one, dx, dy) => [...inStage([one[0] + dx, one[1] + dy, one[2] + dx, one[3] + dy]), one[4], one[5]];
  // Corner 0..3 (left or right, top or bottom) to (x, y); the opposite corner stays.
  function resized(one, corner, x, y) {
    const box = [...one], [a, b] = [corner % 2 ? 2 : 0, corner > 1 ? 3 : 1];
    box[a] = Math.round(a ? clamp(x, box[0] + LEAST, WIDTH) : clamp(x, 0, box[2] - LEAST));
    box[b] = Math.round(b === 3 ? clamp(y, box[1] + LEAST, HEIGHT) : clamp(y, 0, box[3] - LEAST));
    return box;
  }
  const none = () => { if (picked() >= 0) return false; say("There is no box: add one first."); return true; };
  function tell(index) {
    const one = detections()[index], best = rival(one, detections(), index);
    note = `Box ${index + 1}: ${className(one[5])}, score ${show(one[4])}, ${best ? `IoU ${show(best.iou)} with ${best.name}` : "overlaps nothing"}. `;
    told = true;
  }
  function choose(index) {
    if (index < 0) return;
    tell(index);
    if (index === get("chosen")) draw();
    else update(model, { chosen: index });
  }
  const next = () => { if (!none()) choose((picked() + 1) % detections().length); };
  function add(box) {
    if (detections().length >= MOST) return say(`${MOST} boxes are the most that fit here: delete one first.`);
    const from = detections()[picked()];
    const fresh = [...(box ?? (from ? moved(from, 14, 10) : [150, 90, 250, 190])).slice(0, 4), 0.5, from ? from[5] : 0];
    setBoxes([...detections(), fresh], `Added box ${detections().length + 1}, ${className(fresh[5])}, score 0.50. `, { chosen: detections().length });
  }
  function remove() {
    if (none()) return;
    const index = picked();
    setBoxes(detections().filter((_, i) => i !== index), `Deleted box ${index + 1}; the later ones move up by one. `, { chosen: Math.max(0, Math.min(index, detections().length - 2)) });
  }
  function score(value) {
    if (none()) return;
    const one = detections()[picked()], to = Math.round(100 * clamp(value, 0, 1)) / 100;
    setBox(picked(), [...one.slice(0, 4), to, one[5]], `Score of box ${picked() + 1}: ${show(to)}.`);
  }
  const louder = (by) => { if (!none()) score(detections()[picked()][4] + by); };
  function flip() {
    if (none()) return;
    const one = detections()[picked()];
    setBox(picked(), [...one.slice(0, 5), 1 - one[5]], `Box ${picked() + 1} now says ${className(1 - one[5])}.`);
  }

  // ---- the stage ------------------------------------------------------------------------------------------
  const stage = surface(s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "bp-stage" }),
    "Stage with boxes. Enter chooses the next box, arrow keys move it, Shift with arrow keys moves its lower right corner, plus and minus change its score, A adds a box, Delete removes one, C changes its class.",
    {
      ...arrows((dx, dy, event) => {
        if (none()) return;
        const one = detections()[picked()];
        if (event.shiftKey) setBox(picked(), resized(one, 3, one[2] + 4 * dx, one[3] + 4 * dy), `Resized box ${picked() + 1}.`);
        else setBox(picked(), moved(one, 4 * dx, 4 * dy), `Moved box ${picked() + 1}.`);
      }),
      Enter: next, " ": next, a: () => add(), c: flip, Delete: remove, Backspace: remove, "+": () => louder(0.05), "-": () => louder(-0.05),
    });
  const within = (one, x, y, by = 0) => x >= one[0] - by && x <= one[2] + by && y >= one[1] - by && y <= one[3] + by;
  const toBorder = (one, x, y) => Math.min(...[x - one[0], x - one[2], y - one[1], y - one[3]].map(Math.abs));
  // The box whose border is nearest to the pointer, among those it lies in or touches; the chosen one goes first.
  function under(x, y) {
    const now = picked();
    let found = -1, least = Infinity;
    detections().forEach((one, i) => {
      const d = toBorder(one, x, y) - (i === now ? 3 : 0);
      if (within(one, x, y, 6) && d < least) { least = d; found = i; }
    });
    return least > 6 && now >= 0 && within(detections()[now], x, y) ? now : found;
  }
  let held = null, drawn = null;
  drag(stage, {
    down: (fx, fy, event) => {
      const x = fx * WIDTH, y = fy * HEIGHT, now = picked(), reach = GRIP * Math.max(1, 1.4 * WIDTH / stage.getBoundingClientRect().width);
      const tag = event.target.closest?.("[data-box]"), tagged = tag ? Number(tag.dataset.box) : -1;
      const corner = grips().findIndex(([a, b]) => Math.hypot(a - x, b - y) < reach);
      const index = tagged >= 0 && tagged !== now ? tagged : corner >= 0 ? now : tagged >= 0 ? tagged : under(x, y);
      held = { x, y, index, corner: index === now ? corner : -1, from: detections()[index] };
      drawn = null;
      if (index >= 0) choose(index);
    },
    move: (fx, fy) => {
      const x = fx * WIDTH, y = fy * HEIGHT, { index, corner, from } = held;
      if (index < 0) {
        drawn = [Math.min(x, held.x), Math.min(y, held.y), Math.max(x, held.x), Math.max(y, held.y)].map((v, i) => Math.round(clamp(v, 0, i % 2 ? HEIGHT : WIDTH)));
        draw();
      } else if (corner >= 0) setBox(index, resized(from, corner, x, y), `Resized box ${index + 1}.`);
      else if (Math.hypot(x - held.x, y - held.y) > 2 || detections()[index] !== from) setBox(index, moved(from, x - held.x, y - held.y), `Moved box ${index + 1}.`);
    },
    up: (fx, fy, event) => {
      const box = drawn;
      drawn = null;
      if (box && event.type === "pointerup" && box[2] - box[0] >= LEAST && box[3] - box[1] >= LEAST) add(box);
      else if (box) draw();
    },
  });

  const grips = () => { const one = detections()[picked()]; return one ? [0, 1, 2, 3].map((k) => [one[k % 2 ? 2 : 0], one[k > 1 ? 3 : 1]]) : []; };
  // Places for the number tags: along the border, wherever neither another nor a grip sits.
  function places(order) {
    const taken = [], at = [], kept = grips(), far = ([a, b], x, y, wide, tall) => Math.abs(a - x) > wide || Math.abs(b - y) > tall;
    for (const i of order) {
      const [x1, y1, x2, y2] = detections()[i], mid = (y1 + y2) / 2;
      const tries = [[x1, y1], [x2, y1], [x1, y2], [x2, y2], [(x1 + x2) / 2, y1], [x1, mid], [x2, mid], [(x1 + x2) / 2, y2], [x1, (y1 + mid) / 2], [x2, (y1 + mid) / 2], [x1, (y2 + mid) / 2], [x2, (y2 + mid) / 2]]
        .map(([x, y]) => [clamp(x, 23, WIDTH - 23), clamp(y, 11, HEIGHT - 11)]);
      at[i] = tries.find(([x, y]) => taken.every((one) => far(one, x, y, 36, 19)) && kept.every((one) => far(one, x, y, 22, 14))) ?? tries[4];
      taken.push(at[i]);
    }
    return at;
  }
  function drawStage(now, verdict, found, step) {
    const rows = detections(), chosen = picked(), truth = get("truth");
    const rank = (i) => (i === chosen ? 3 : now.fate[i] === "kept" ? 2 : now.fate[i] === "waits" ? 1 : 0);
    const shown = rows.map((_, i) => i).sort((a, b) => rank(a) - rank(b)), at = places([...shown].reverse());
    const links = step ? step.lowered.map(([i]) => [step.taken, i]) : (now.by[chosen] ?? []).map(([by]) => [by, chosen]);
    stage.replaceChildren(s("rect", { width: WIDTH, height: HEIGHT, class: "bp-ground" }), s("line", { x1: 0, y1: 262, x2: WIDTH, y2: 262, class: "bp-line" }),
      ...truth.map(([x1, y1, x2, y2, label]) => s("path", { d: get("shapes")[label], class: "bp-object", transform: `translate(${x1} ${y1}) scale(${(x2 - x1) / 100} ${(y2 - y1) / 100})` })),
      ...truth.map(([x1, y1, x2, y2], j) => s("path", { d: [[x1, y1, 1, 1], [x2, y1, -1, 1], [x1, y2, 1, -1], [x2, y2, -1, -1]].map(([x, y, a, b]) => `M${x + 14 * a} ${y}H${x}V${y + 14 * b}`).join(""), class: `bp-true ${found[j] ? "" : "bp-missed"}` })),
      ...shown.map((i) => {
        const [x1, y1, x2, y2, , label] = rows[i];
        return s("rect", { x: x1, y: y1, width: x2 - x1, height: y2 - y1, class: `bp-box bp-${now.fate[i]} ${label ? "bp-b" : "bp-a"} ${i === chosen ? "bp-chosen" : ""}` });
      }),
      ...links.map(([a, b]) => s("path", { d: `M${at[a]}L${at[b]}`, class: "bp-link" })),
      ...grips().map(([x, y]) => s("rect", { x: x - 4, y: y - 4, width: 8, height: 8, class: "bp-grip" })),
      ...shown.map((i) => {
        const wide = (verdict[i] ? 34 : 22) + (i > 8 ? 8 : 0), label = rows[i][5];
        return s("g", { transform: `translate(${at[i]})`, class: `bp-tag bp-${now.fate[i]} ${label ? "bp-b" : "bp-a"} ${i === chosen ? "bp-chosen" : ""}`, "data-box": i },
          s("rect", { x: -wide / 2, y: -9.5, width: wide, height: 19, rx: label ? 2 : 9.5 }), s("text", { y: 4.5, "text-anchor": "middle" }, `${i + 1}${verdict[i] ? ` ${MARKS[verdict[i]]}` : ""}`));
      }),
      ...truth.map(([x1, y1, x2, y2], j) => !found[j] && s("text", { x: (x1 + x2) / 2, y: (y1 + 2 * y2) / 3, "text-anchor": "middle", class: "bp-lost" }, "missed")).filter(Boolean),
      ...(drawn ? [s("rect", { x: drawn[0], y: drawn[1], width: drawn[2] - drawn[0], height: drawn[3] - drawn[1], class: "bp-drawn" })] : []));
  }

  // ---- beside it ------------------------------------------------------------------------------------------
  const lines = h("tbody", { onclick: (event) => choose(Number(event.target.closest("tr")?.dataset.box ?? -1)) });
  const table = h("table", { class: "bp-table" }, h("thead", {}, h("tr", {}, ...["box", "score", "fate"].map((words) => h("th", { scope: "col" }, words)))), lines);
  const facts = h("dl", { class: "bp-facts" }), fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];
  function fateOf(i, now, verdict) {
    const by = now.by[i], from = by.length ? ` by ${list(by.map(([one]) => one + 1))}` : "";
    if (now.fate[i] === "low") return `out: score not above ${show(get("score_threshold"))}`;
    if (now.fate[i] === "gone") return soft() ? `out: lowered${from}` : `suppressed by ${by[0][0] + 1}, IoU ${show(by[0][1])}`;
    const lowered = by.length ? `, lowered${from}` : "";
    return (now.fate[i] === "waits" ? "waits" : `kept: ${verdict[i]}`) + lowered;
  }
  const change = (i, now) => (now.by[i].length && soft() ? `${show(detections()[i][4])} \u2192 ${show(now.scores[i])}` : show(detections()[i][4]));
  function drawList(now, verdict, step) {
    const order = now.scores.map((_, i) => i).sort((a, b) => now.remaining.includes(b) - now.remaining.includes(a) || now.scores[b] - now.scores[a] || detections()[b][4] - detections()[a][4] || a - b);
    lines.replaceChildren(...order.map((i) => h("tr", { "data-box": i, class: `bp-${now.fate[i]} ${i === picked() ? "bp-here" : ""} ${step && (step.taken === i || step.lowered.some(([k]) => k === i)) ? "bp-now" : ""}`, "aria-current": i === picked() ? "true" : null },
      h("th", { scope: "row" }, `${i + 1} ${className(detections()[i][5])}`), h("td", {}, change(i, now)), h("td", {}, fateOf(i, now, verdict)))));
  }
  const areas = s("svg", { viewBox: "0 0 200 120", class: "bp-areas", role: "img" }), sum = h("p", { class: "bp-sum" });
  const bars = ["bp-both", "bp-either"].map((name) => h("div", { class: name }));
  function drawAreas() {
    const one = detections()[picked()], best = one && rival(one, detections(), picked());
    areas.replaceChildren();
    bars.forEach((bar) => { bar.style.width = "0"; });
    sum.textContent = !one ? "No box is chosen." : `Box ${picked() + 1} overlaps ${get("against") === "object" ? "no object" : "no other box"}: IoU 0.`;
    areas.setAttribute("aria-label", best ? `Box ${picked() + 1} and ${best.name}: where they meet and what they cover together` : "No overlap");
    if (!best) return;
    const other = best.box, both = shared(one, other), either = area(one) + area(other) - both;
    const left = Math.min(one[0], other[0]), top = Math.min(one[1], other[1]), wide = Math.max(one[2], other[2]) - left, tall = Math.max(one[3], other[3]) - top;
    const zoom = Math.min(192 / wide, 112 / tall), dx = (200 - zoom * wide) / 2, dy = (120 - zoom * tall) / 2;
    const part = (box, name) => s("rect", { x: dx + zoom * (box[0] - left), y: dy + zoom * (box[1] - top), width: zoom * (box[2] - box[0]), height: zoom * (box[3] - box[1]), class: name });
    areas.replaceChildren(part(one, "bp-either"), part(other, "bp-either"), part(meet(one, other), "bp-both"), part(other, "bp-rim"), part(one, "bp-rim bp-first"));
    bars[0].style.width = `${100 * both / either}%`;
    bars[1].style.width = "100%";
    sum.replaceChildren(`Box ${picked() + 1} and ${best.name}: IoU = `, h("span", { class: "bp-nobreak" }, `${grouped(both)} / ${grouped(either)}`), " = ", h("strong", {}, show(best.iou)));
  }

  // ---- controls -------------------------------------------------------------------------------------------
  function forward() {
    const { steps, total } = outcome(detections(), settings(), get("step"));
    if (!total) return say("No box has a score above the threshold: there is nothing to do.");
    note = steps < total ? "" : "From the start. ";
    update(model, { step: steps < total ? steps + 1 : 1 });
  }
  const end = () => update(model, { step: -1 }), result = { then: end };
  const id = uid("score"), scoreValue = h("output", { for: id }), scoreInput = h("input", { type: "range", id, min: 0, max: 1, step: 0.01, oninput: () => score(Number(scoreInput.value)) });
  const scoreLabel = h("label", { for: id });
  const iouDial = slider(model, "iou_threshold", { label: "Suppress above IoU", min: 0, max: 1, step: 0.05, format: (value) => show(value), ...result });
  const sigmaDial = slider(model, "sigma", { label: "\u03c3 of the Gaussian", min: 0.1, max: 1, step: 0.1, format: (value) => show(value, 1), ...result });
  const dial = h("div", { class: "bp-dial" });
  const names = Object.keys(get("presets")).map((name) => [name, name]);
  body.append(
    column(h("figure", { class: "cw-figure" }, stage, h("figcaption", {}, "Corner marks: true boxes, dotted if missed. Broken lines: suppressed. \u2713 hit, \u00d72 duplicate, \u2717 false alarm.")), row(button("Next step", forward, { class: "cw-button cw-main" }), button("Before", () => update(model, { step: 0 })), button("End", end)),
      row(select(model, "method", { label: "Suppression", options: [["greedy", "greedy"], ["linear", "soft, linear"], ["gaussian", "soft, Gaussian"]], ...result }),
        toggle(model, "per_class", { label: "within each class only", ...result })),
      row(dial, slider(model, "score_threshold", { label: "Score above", min: 0, max: 0.95, step: 0.05, format: (value) => show(value), ...result }))),
    column(
      select(model, "preset", {
        label: "Scene", options: [...names, ["own", "your own"]],
        then: () => {
          const name = get("preset"), one = get("presets")[name];
          note = one ? `${name}: ${many(one.detections.length, "box")}, ${many(one.truth.length, "object")}. ` : "Your own boxes. ";
          update(model, one ? { detections: one.detections, truth: one.truth, chosen: 0, step: -1 } : { step: -1 });
        },
      }),
      table, facts),
    h("div", { class: "cw-wide bp-pair" },
      h("figure", { class: "cw-figure" }, areas, h("figcaption", {}, "orange: in both boxes; all: in either")),
      column(h("div", { class: "bp-bars", "aria-hidden": "true" }, ...bars), sum,
        row(select(model, "against", { label: "The chosen box and", options: [["detection", "the box it overlaps most"], ["object", "the object it overlaps most"]], then: () => picked() >= 0 && tell(picked()) })),
        h("div", { class: "cw-field" }, h("div", { class: "cw-label" }, scoreLabel, scoreValue), scoreInput),
        row(button("Next box", next), button("Add", () => add()), button("Delete", remove), button("Change class", flip)))));

  // ---- the whole ------------------------------------------------------------------------------------------
  function report(now, judged, step) {
    const count = (name) => judged.verdicts.filter((one) => one === name).length, missed = judged.found.filter((one) => !one).length;
    const right = `${many(count("hit"), "hit")}, ${many(count("duplicate"), "duplicate")}, ${many(count("false alarm"), "false alarm")}, ${missed} missed; precision ${judged.precision === null ? "undefined" : show(judged.precision)}, recall ${judged.recall === null ? "undefined" : show(judged.recall)}.`;
    if (step) {
      const one = detections()[step.taken], low = step.lowered.map(([i, overlap, before, after]) => `${i + 1} (IoU ${show(overlap)}${soft() ? `, ${show(before)} \u2192 ${show(after)}` : ""})`);
      return `Step ${now.steps} of ${now.total}: box ${step.taken + 1}, ${className(one[5])}, ${show(step.score)}, is the best left and stays. It ${soft() ? "lowers" : "suppresses"} ${low.length ? list(low) : "nothing"}. ${right}`;
    }
    if (now.steps === 0 && now.total) return `Before suppression: ${many(now.remaining.length, "box")} with a score above ${show(get("score_threshold"))}: ${right}`;
    const limit = get("method") === "gaussian" ? `Gaussian, \u03c3 ${show(get("sigma"), 1)}` : `${soft() ? "linear" : "greedy"}, IoU above ${show(get("iou_threshold"))}`;
    return `Suppression (${limit}${get("per_class") ? ", each class alone" : ""}; score above ${show(get("score_threshold"))}) leaves ${now.remaining.length} of ${many(detections().length, "box")}: ${right}`;
  }
  function draw() {
    const now = outcome(detections(), settings(), get("step")), judged = judge(now.remaining.map((i) => detections()[i]), get("truth"));
    const step = get("step") > 0 && now.steps ? suppress(detections(), settings())[now.steps - 1] : null, verdict = [];
    now.remaining.forEach((i, k) => { if (now.fate[i] === "kept") verdict[i] = judged.verdicts[k]; });
    drawStage(now, verdict, judged.found, step);
    drawList(now, verdict, step);
    drawAreas();
    const count = (name) => judged.verdicts.filter((one) => one === name).length, hits = count("hit"), rest = now.remaining.length, objects = get("truth").length;
    facts.replaceChildren(...fact("hits", hits), ...fact("duplicates", count("duplicate")), ...fact("false alarms", count("false alarm")), ...fact("missed", objects - hits),
      ...fact("precision", rest ? `${hits} / ${rest} = ${show(judged.precision)}` : "no box left"), ...fact("recall", objects ? `${hits} / ${objects} = ${show(judged.recall)}` : "no object"));
    const wanted = get("method") === "gaussian" ? sigmaDial : iouDial, one = detections()[picked()];
    if (dial.firstChild !== wanted) dial.replaceChildren(wanted);
    scoreLabel.textContent = one ? `Score of box ${picked() + 1}, ${className(one[5])}` : "Score";
    scoreInput.disabled = !one;
    scoreInput.value = one ? one[4] : 0;
    scoreValue.textContent = one ? show(one[4]) : "";
    say(note + (told && note ? "" : report(now, judged, step)));
    note = "";
    told = false;
  }
  watch(model, ["preset", "detections", "truth", "chosen", "against", "step", ...SETTINGS], draw);
}
export default { render };
