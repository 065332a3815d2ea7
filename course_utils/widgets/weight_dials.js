import { unpackBytes, unpackFloat32, show, clamp, h, s, update, watch, card, slider, toggle, button, column, row, surface, arrows, reducedMotion, ticker, paintGray, onTheme, themeColor } from "./kit.js";

const REACH = 135;

// Weights at a frame: exact in the last one, 8 bits a weight in the others.
export function decode(path, final, step, frame) {
  const last = unpackFloat32(final), steps = unpackBytes(path);
  if (frame * last.length >= steps.length) return last;
  return Array.from(steps.subarray(frame * last.length, (frame + 1) * last.length), (one) => (one - 128) * step);
}

export const dialAngle = (value, scale) => REACH * clamp(value / scale, -1, 1);

export function turns(before, after, step) {
  const moved = before.map((value, i) => Math.abs(after[i] - value));
  return { count: moved.filter((distance) => distance > 0.51 * step).length, largest: moved.indexOf(Math.max(...moved)) };
}

const CELL = 26, TURN = 260;        // canvas pixels a dial; milliseconds a turn takes

function render({ model, el }) {
  const { body, say } = card(el, "Weights as dials", `Each dial is one weight${model.get("causes") ? ", turned by a motor at every mistake" : ""}. Press Play, or drag through the updates.`);
  const get = (name) => model.get(name), last = () => get("frames") - 1;
  const weights = (frame) => decode(get("path"), get("final"), get("step"), frame);
  let shown = weights(get("frame")), from = shown, target = shown, began = 0, moving = 0;

  const canvas = h("canvas", { class: "wd-dials", "aria-hidden": "true" }), mark = s("svg", { class: "wd-mark", "aria-hidden": "true", preserveAspectRatio: "none" });
  const name = (i) => `row ${Math.floor(i / get("columns"))}, column ${i % get("columns")}`;
  const tellDial = () => { const i = get("dial"), value = target[i]; say(`Dial at ${name(i)}: weight ${show(value)}, ${show(Math.abs(dialAngle(value, get("scale"))), 0)}\u00b0 ${value > 0 ? "to the right" : value < 0 ? "to the left" : "(straight up)"}.`); };
  const choose = (r, c) => { update(model, { dial: clamp(r, 0, get("rows") - 1) * get("columns") + clamp(c, 0, get("columns") - 1) }); tellDial(); };
  const board = surface(h("div", { class: "wd-board" }, canvas, mark), "Dials. Arrow keys choose one to read.",
    arrows((dx, dy) => choose(Math.floor(get("dial") / get("columns")) + dy, get("dial") % get("columns") + dx)));
  board.addEventListener("pointerdown", (event) => {
    const box = canvas.getBoundingClientRect();
    choose(Math.floor((event.clientY - box.top) / box.height * get("rows")), Math.floor((event.clientX - box.left) / box.width * get("columns")));
  });

  const go = (frame) => { update(model, { frame: clamp(frame, 0, last()) }); };
  function tell() {
    const frame = get("frame");
    if (frame === 0) return say(`Before the first update: every dial as it starts. ${last()} updates follow.`);
    const { count, largest } = turns(weights(frame - 1), weights(frame), get("step")), sign = get("labels")[frame - 1];
    say(`Update ${frame} of ${last()}${sign ? ` (an example of class ${sign > 0 ? "+1" : "\u22121"})` : ""}: ${count} dials turned, the one at ${name(largest)} from ${show(weights(frame - 1)[largest])} to ${show(weights(frame)[largest])}${frame === last() ? ". These are the trained weights" : ""}.`);
  }
  const playButton = button("Play", () => {
    if (!player.running && get("frame") >= last()) go(0);
    player.flip();
  }, { class: "cw-button cw-main" });
  const player = ticker(420, () => { go(get("frame") + 1); return get("frame") < last(); }, (on) => { playButton.textContent = on ? "Pause" : "Play"; });
  const still = (act) => () => { player.stop(); act(); };
  const cause = h("canvas", { role: "img", class: "wd-cause" });
  const causeWords = h("figcaption"), readout = h("p", { class: "wd-read" });
  body.append(column(board), column(
    row(playButton, button("Back", still(() => go(get("frame") - 1))), button("Forward", still(() => go(get("frame") + 1)))),
    slider(model, "frame", { label: "Update", min: 0, max: last(), format: (frame) => `${frame} of ${last()}`, then: () => player.stop() }),
    readout,
    get("causes") ? h("figure", { class: "cw-figure wd-figure" }, cause, causeWords) : null,
    toggle(model, "as_picture", { label: "Show the weights as a picture", then: () => say(get("as_picture") ? "Blue is positive, orange negative: the picture the weights have learnt." : "Dials again: straight up is 0, right is positive.") }),
    h("p", { class: "cw-note" }, `Straight up is 0; ${REACH}\u00b0 to the right is +${show(get("scale"))}, to the left \u2212${show(get("scale"))}.`)));

  function paint() {
    const rows = get("rows"), columns = get("columns"), scale = get("scale"), context = canvas.getContext("2d");
    if (canvas.width !== columns * CELL) { canvas.width = columns * CELL; canvas.height = rows * CELL; }
    context.fillStyle = themeColor(el, "card");
    context.fillRect(0, 0, canvas.width, canvas.height);
    const blue = themeColor(el, "blue"), red = themeColor(el, "vermillion"), gray = themeColor(el, "edge"), ink = themeColor(el, "ink");
    if (get("as_picture")) {
      shown.forEach((value, i) => {
        context.globalAlpha = Math.min(1, Math.abs(value) / scale);
        context.fillStyle = value > 0 ? blue : red;
        context.fillRect(i % columns * CELL, Math.floor(i / columns) * CELL, CELL, CELL);
      });
      context.globalAlpha = 1;
      return;
    }
    // one path a colour: four hundred dials in a fraction of a frame
    const faces = new Path2D(), right = new Path2D(), left = new Path2D(), hands = new Path2D(), r = CELL * 0.4, up = -Math.PI / 2;
    shown.forEach((value, i) => {
      const x = (i % columns + 0.5) * CELL, y = (Math.floor(i / columns) + 0.5) * CELL, angle = dialAngle(value, scale) * Math.PI / 180;
      faces.moveTo(x + r, y); faces.arc(x, y, r, 0, 2 * Math.PI);
      if (angle) { const sweep = angle > 0 ? right : left; sweep.moveTo(x, y); sweep.arc(x, y, r, up, up + angle, angle < 0); sweep.closePath(); }
      hands.moveTo(x, y); hands.lineTo(x + r * Math.sin(angle), y - r * Math.cos(angle));
    });
    context.lineWidth = 1; context.strokeStyle = gray; context.stroke(faces);
    context.fillStyle = blue; context.fill(right);
    context.fillStyle = red; context.fill(left);
    context.lineWidth = 2; context.strokeStyle = ink; context.stroke(hands);
  }
  function turn(now) {
    const part = Math.min(1, (now - began) / TURN), eased = part * (2 - part);
    shown = part < 1 ? from.map((value, i) => value + (target[i] - value) * eased) : target;
    paint();
    moving = part < 1 ? requestAnimationFrame(turn) : 0;
  }
  let frameShown = get("frame");
  watch(model, ["frame", "path", "final"], () => {
    const frame = get("frame");
    from = shown; target = weights(frame);
    cancelAnimationFrame(moving); moving = 0;
    if (reducedMotion() || Math.abs(frame - frameShown) !== 1) { shown = target; paint(); }
    else { began = performance.now(); turn(began + 16); }
    frameShown = frame;
    if (get("causes")) {
      const size = get("rows") * get("columns"), input = frame > 0 ? unpackBytes(get("causes")).subarray((frame - 1) * size, frame * size) : new Uint8Array(size);
      paintGray(cause, input, get("columns"), get("rows"));
      causeWords.textContent = frame > 0 ? `The input that caused update ${frame}: each lit sensor turns its own dial.` : "No update yet: the sensor is dark.";
      cause.setAttribute("aria-label", frame > 0 ? `Sensor picture with ${input.reduce((sum, value) => sum + (value > 127), 0)} lit sensors` : "Dark sensor");
    }
    tell();
  });
  watch(model, ["dial", "frame", "rows", "columns"], () => {
    const i = get("dial");
    mark.setAttribute("viewBox", `0 0 ${get("columns")} ${get("rows")}`);
    mark.replaceChildren(s("rect", { x: i % get("columns"), y: Math.floor(i / get("columns")), width: 1, height: 1 }));
    readout.replaceChildren(`Dial at ${name(i)}: `, h("strong", {}, show(weights(get("frame"))[i], 3)));
  });
  watch(model, ["as_picture"], paint);
  const unwatch = onTheme(paint);
  return () => { player.stop(); cancelAnimationFrame(moving); unwatch(); };
}
export default { render };
