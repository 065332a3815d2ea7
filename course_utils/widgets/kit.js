// What every widget uses. The base writes this text in front of the widget's own module, so names here are
// reserved there. Pure functions first; what touches the page below.

// ---- pure ----------------------------------------------------------------------------------------------

// Numbers in [0, 1) from a seed, the same ones as course_utils/widgets/shuffle.py.
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1) >>> 0;
    mixed = (mixed ^ (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61))) >>> 0;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function permutation(count, seed) {
  const order = Array.from({ length: count }, (_, i) => i), next = randomNumbers(seed);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(next() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

// Base64 text to bytes; arrays travel this way in the stored state (see packing.py).
export function unpackBytes(text) {
  const binary = atob(text), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

export function unpackFloat32(text) {
  return Array.from(new Float32Array(unpackBytes(text).buffer));
}

export function unpackFloat16(text) {
  const half = new Uint16Array(unpackBytes(text).buffer), out = new Float64Array(half.length);
  for (let i = 0; i < half.length; i++) {
    const exponent = (half[i] >> 10) & 31, fraction = half[i] & 1023, sign = half[i] & 32768 ? -1 : 1;
    out[i] = sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
  }
  return out;
}

// A number for people: a true minus sign, a fixed count of decimals.
export function show(value, digits = 2) {
  const text = Number(value).toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "\u2212");
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// ---- the page ------------------------------------------------------------------------------------------

const scope = Math.random().toString(36).slice(2, 8);
let serial = 0;
export const uid = (name) => `cw-${scope}-${name}-${++serial}`;

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// h("p", { class: "note", onclick: f }, "text", child) makes an HTML element; s(...) the same for SVG.
export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// Set several parts of the state at once and send them on.
export function update(model, patch) {
  for (const [name, value] of Object.entries(patch)) model.set(name, value);
  model.save_changes();
}

// Draw now, and once again in the same frame after any of the named parts changed.
export function watch(model, names, draw) {
  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => { waiting = false; draw(); });
  };
  for (const name of names) model.on(`change:${name}`, later);
  draw();
}

// The card around a widget: title, one line that says what to try, a body, and the line that reports.
export function card(el, title, hint) {
  el.classList.add("cw");
  el.dataset.lmSuppressShortcuts = "true";      // JupyterLab's single-key commands stay outside
  el.addEventListener("keydown", (event) => event.stopPropagation());
  const name = uid("title"), body = h("div", { class: "cw-body" });
  const status = h("p", { class: "cw-status", role: "status" });
  el.append(h("div", { class: "cw-card", role: "group", "aria-labelledby": name },
    h("div", { class: "cw-title", id: name }, title), h("p", { class: "cw-hint" }, hint), body, status));
  return { body, say: (text) => { if (status.textContent !== text) status.textContent = text; } };
}

export function slider(model, name, { label, min, max, step = 1, format = String, then }) {
  const id = uid(name), value = h("output", { for: id });
  const input = h("input", { type: "range", id, min, max, step });
  input.addEventListener("input", () => {
    update(model, { [name]: Number(input.value) });
    then?.();
  });
  watch(model, [name], () => {
    input.value = model.get(name);
    value.textContent = format(model.get(name));
    input.setAttribute("aria-valuetext", value.textContent);
  });
  return h("div", { class: "cw-field" }, h("div", { class: "cw-label" }, h("label", { for: id }, label), value), input);
}

// options: [[value, words], ...]
export function select(model, name, { label, options, then }) {
  const id = uid(name);
  const input = h("select", { id }, ...options.map(([value, words]) => h("option", { value }, words)));
  input.addEventListener("change", () => {
    update(model, { [name]: options[input.selectedIndex][0] });
    then?.();
  });
  watch(model, [name], () => { input.value = model.get(name); });
  return h("div", { class: "cw-field" }, h("div", { class: "cw-label" }, h("label", { for: id }, label)), input);
}

export function toggle(model, name, { label, then }) {
  const input = h("input", { type: "checkbox" });
  input.addEventListener("change", () => {
    update(model, { [name]: input.checked });
    then?.();
  });
  watch(model, [name], () => { input.checked = model.get(name); });
  return h("label", { class: "cw-check" }, input, h("span", {}, label));
}

export const button = (label, onclick, attributes = {}) =>
  h("button", { type: "button", class: "cw-button", onclick, ...attributes }, label);

export const row = (...children) => h("div", { class: "cw-row" }, ...children);
export const column = (...children) => h("div", { class: "cw-column" }, ...children);

// An area that takes arrow keys and other keys: keys maps event.key to a function of the event.
export function surface(node, label, keys) {
  fill(node, { tabindex: 0, role: "application", "aria-label": label, class: `${node.getAttribute("class") ?? ""} cw-surface`.trim() }, []);
  node.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? null : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act(event);
  });
  return node;
}

export function arrows(move) {
  return Object.fromEntries([["ArrowLeft", -1, 0], ["ArrowRight", 1, 0], ["ArrowUp", 0, -1], ["ArrowDown", 0, 1]]
    .map(([key, dx, dy]) => [key, (event) => move(dx, dy, event)]));
}

// Pointer dragging in fractions of the node's box: handlers get (x, y, event), both in [0, 1] inside it.
// down returns false to refuse the drag.
export function drag(node, { down, move, up }) {
  let active = null;
  const place = (event) => {
    const box = node.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, event];
  };
  node.addEventListener("pointerdown", (event) => {
    if (event.button || active !== null || down(...place(event)) === false) return;
    active = event.pointerId;
    node.setPointerCapture?.(active);
  });
  node.addEventListener("pointermove", (event) => { if (event.pointerId === active) move?.(...place(event)); });
  const end = (event) => {
    if (event.pointerId !== active) return;
    active = null;
    up?.(...place(event));
  };
  node.addEventListener("pointerup", end);
  node.addEventListener("pointercancel", end);
}

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Call tick now and every `delay` milliseconds until it returns false; changed(running) keeps a button's words true.
export function ticker(delay, tick, changed = () => {}) {
  let timer = null;
  const stop = () => { if (timer !== null) { clearInterval(timer); timer = null; changed(false); } };
  const start = () => {
    if (timer !== null || tick() === false) return;
    timer = setInterval(() => { if (tick() === false) stop(); }, delay);
    changed(true);
  };
  return { start, stop, flip: () => (timer === null ? start() : stop()), get running() { return timer !== null; } };
}

// Paint values in [0, 255], row by row, on a canvas of one pixel each; CSS enlarges it without blurring.
export function paintGray(canvas, values, width, height) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    image.data[4 * i] = image.data[4 * i + 1] = image.data[4 * i + 2] = values[i];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// Draw again when the page turns dark or light; what a canvas shows does not follow CSS by itself.
export function onTheme(draw) {
  const watcher = new MutationObserver(draw);
  watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "theme", "class"] });
  watcher.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  return () => watcher.disconnect();
}

export const themeColor = (el, name) => getComputedStyle(el).getPropertyValue(`--cw-${name}`).trim();
