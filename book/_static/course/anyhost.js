// Brings the page's widgets to life without a kernel: each stored anywidget model is handed to its own ES
// module. A classic script, because browsers refuse module scripts on file:// pages; the widgets' modules are
// imported from blobs, which they allow.
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

  async function startAll() {
    const stored = document.querySelector(STATE);
    if (stored) {
      const { state } = JSON.parse(stored.textContent);
      const models = new Map();
      const initialised = new Map();
      const manager = { get_model: async (id) => models.get(id.replace(/^IPY_MODEL_/, "")) };
      for (const [id, entry] of Object.entries(state))
        if (entry.model_module === "anywidget") models.set(id, new Model(withBuffers(entry), manager));
      const scripts = [...document.querySelectorAll(VIEW)];
      for (const script of scripts) {
        const id = JSON.parse(script.textContent).model_id;
        if (models.has(id)) await start(script, state[id], models.get(id), initialised);
      }
    }
    document.documentElement.dataset.widgets = "ready";
  }
  startAll();
})();
