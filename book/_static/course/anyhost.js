// Brings the page's widgets to life without a kernel: each stored anywidget model is handed to its own ES
// module. A classic script, because browsers refuse module scripts on file:// pages; the widgets' modules are
// imported from blobs, which they allow. It may run while a long page is still being read: each figure comes
// alive as soon as it is there.
(() => {
  "use strict";
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

  // The part of a Jupyter model that widgets use, on stored values.
  class Model {
    #values;
    #listeners = new Map();
    constructor(values, manager) {
      this.#values = { ...values };
      this.widget_manager = manager;
    }
    get(name) {
      return this.#values[name];
    }
    set(name, value) {
      const patch = typeof name === "object" ? name : { [name]: value };
      const changed = Object.keys(patch).filter((key) => !Object.is(this.#values[key], patch[key]));
      Object.assign(this.#values, patch);
      for (const key of changed) this.#emit(`change:${key}`, this.#values[key]);
      if (changed.length) this.#emit("change");
    }
    save_changes() {} // nobody to tell: no kernel stands behind a page
    send() {}
    on(events, callback) {
      for (const event of events.split(/\s+/)) {
        if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
        this.#listeners.get(event).add(callback);
      }
    }
    off(events, callback) {
      if (!events) return void this.#listeners.clear();
      for (const event of events.split(/\s+/)) {
        if (callback) this.#listeners.get(event)?.delete(callback);
        else this.#listeners.delete(event);
      }
    }
    #emit(event, value) {
      for (const callback of [...(this.#listeners.get(event) ?? [])]) callback({ changed: {} }, value);
    }
  }

  // Jupyter stores binary traits beside the state, as base64 with the path to put them back at.
  function withBuffers({ state, buffers = [] }) {
    if (!buffers.length) return state;
    const whole = structuredClone(state);
    for (const { path, data } of buffers) {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      const parent = path.slice(0, -1).reduce((value, key) => value[key], whole);
      parent[path.at(-1)] = new DataView(bytes.buffer);
    }
    return whole;
  }

  const modules = new Map(); // one module for each distinct source text
  function load(source) {
    if (!modules.has(source)) {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const loaded = import(url)
        .then((module) => (typeof module.default === "function" ? module.default() : module.default))
        .finally(() => URL.revokeObjectURL(url));
      modules.set(source, loaded);
    }
    return modules.get(source);
  }

  const styles = new Set();
  function addStyle(text) {
    if (!text || styles.has(text)) return;
    styles.add(text);
    document.head.append(Object.assign(document.createElement("style"), { textContent: text }));
  }

  // Reserve the static figure's height while the reader looks at it, so that nothing jumps; give it back unseen.
  function keepHeight(box) {
    box.style.minHeight = `${box.offsetHeight}px`;
    const watcher = new IntersectionObserver(([entry]) => {
      if (entry.isIntersecting) return;
      box.style.minHeight = "";
      watcher.disconnect();
    });
    return watcher;
  }

  async function start(script, entry, model, initialised) {
    const box = script.closest(".course-widget") ?? script.parentElement;
    const { _esm: source, _css: style } = entry.state;
    const place = Object.assign(document.createElement("div"), { className: "course-widget-live" });
    try {
      const widget = await load(source);
      addStyle(style);
      if (!initialised.has(model)) initialised.set(model, Promise.resolve(widget.initialize?.({ model })));
      await initialised.get(model);
      script.replaceWith(place); // attached before render: widgets measure themselves
      const watcher = keepHeight(box);
      box.classList.add("is-live");
      const noKernel = async () => {
        throw new Error("there is no kernel behind this page");
      };
      const signal = new AbortController().signal;
      await widget.render?.({ model, el: place, signal, experimental: { invoke: noKernel } });
      watcher.observe(box);
    } catch (error) {
      box.classList.remove("is-live");
      // The static figure stays; say why it does not move.
      place.textContent = `This figure could not start (${error.message}); the picture shows its first state.`;
      place.setAttribute("role", "alert");
      if (!place.isConnected) box.append(place);
      console.error(error);
    }
  }

  // What a script element holds as JSON; undefined while the browser is still reading it.
  function parsed(element) {
    try {
      return element ? JSON.parse(element.textContent) : undefined;
    } catch {
      return undefined;
    }
  }

  // Figures measure themselves, so the style sheets must have arrived.
  function styled() {
    const waiting = [...document.querySelectorAll('link[rel="stylesheet"]')].filter((link) => !link.sheet);
    const arrival = (link) => new Promise((done) => ["load", "error"].forEach((event) => link.addEventListener(event, done)));
    return Promise.all(waiting.map(arrival));
  }

  const taken = new Set();
  const initialised = new Map();
  let models;
  let state;
  let queue = Promise.resolve();
  function takeWhatIsThere() {
    if (!models) {
      state = parsed(document.querySelector(STATE))?.state;
      if (!state) return;
      models = new Map();
      const manager = { get_model: async (id) => models.get(id.replace(/^IPY_MODEL_/, "")) };
      for (const [id, entry] of Object.entries(state))
        if (entry.model_module === "anywidget") models.set(id, new Model(withBuffers(entry), manager));
      queue = styled();
    }
    for (const script of document.querySelectorAll(VIEW)) {
      const id = taken.has(script) ? undefined : parsed(script)?.model_id;
      if (!models.has(id)) continue;
      taken.add(script);
      queue = queue.then(() => start(script, state[id], models.get(id), initialised));
    }
  }

  async function finish() {
    takeWhatIsThere();
    await queue;
    document.documentElement.dataset.widgets = "ready";
  }

  if (document.readyState === "loading") {
    const watcher = new MutationObserver(takeWhatIsThere);
    watcher.observe(document.documentElement, { childList: true, subtree: true });
    document.addEventListener("DOMContentLoaded", () => {
      watcher.disconnect();
      finish();
    });
    takeWhatIsThere();
  } else finish();
})();
