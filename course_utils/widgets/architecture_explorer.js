import { unpackBytes, show, clamp, h, s, update, watch, card, select, button, row, column, surface, uid } from "./kit.js";

// ---- the table of all networks -------------------------------------------------------------------------------

// Inflate (RFC 1951) what Python's zlib has deflated: text in base64 to the text that went in.
const LENGTHS = [], FARS = [];
for (let i = 0, base = 3; i < 28; i++) { const extra = i < 8 ? 0 : (i >> 2) - 1; LENGTHS.push([base, extra]); base += 1 << extra; }
LENGTHS.push([258, 0]);
for (let i = 0, base = 1; i < 30; i++) { const extra = i < 4 ? 0 : (i >> 1) - 1; FARS.push([base, extra]); base += 1 << extra; }
function code(lengths) {
  const counts = new Array(16).fill(0), starts = [0, 0], symbols = [];
  for (const length of lengths) counts[length]++;
  counts[0] = 0;
  for (let i = 1; i < 15; i++) starts[i + 1] = starts[i] + counts[i];
  lengths.forEach((length, symbol) => { if (length) symbols[starts[length]++] = symbol; });
  return { counts, symbols };
}
export function unfold(text) {
  const bytes = unpackBytes(text), out = [];
  let at = 16;                                        // past the two bytes of zlib's head, in bits
  const bit = () => (bytes[at >> 3] >> (at++ & 7)) & 1;
  const bits = (count) => { let value = 0; for (let i = 0; i < count; i++) value |= bit() << i; return value; };
  const symbol = ({ counts, symbols }) => {
    for (let length = 1, value = 0, first = 0, index = 0; ; length++) {
      value |= bit();
      if (value - counts[length] < first) return symbols[index + value - first];
      index += counts[length];
      first = (first + counts[length]) << 1;
      value <<= 1;
    }
  };
  for (let last = 0; !last;) {
    last = bit();
    const kind = bits(2);
    if (kind === 0) {
      at = (at + 7) & ~7;
      const count = bits(16);
      bits(16);
      for (let i = 0; i < count; i++) out.push(bits(8));
      continue;
    }
    let words = code(Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8))), fars = code(new Array(30).fill(5));
    if (kind === 2) {
      const many = bits(5) + 257, far = bits(5) + 1, few = bits(4) + 4, lengths = new Array(19).fill(0), all = [];
      for (let i = 0; i < few; i++) lengths[[16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15][i]] = bits(3);
      const own = code(lengths);
      while (all.length < many + far) {
        const one = symbol(own);
        if (one < 16) all.push(one);
        else all.push(...new Array(one === 16 ? 3 + bits(2) : one === 17 ? 3 + bits(3) : 11 + bits(7)).fill(one === 16 ? all.at(-1) : 0));
      }
      words = code(all.slice(0, many));
      fars = code(all.slice(many));
    }
    for (let one = symbol(words); one !== 256; one = symbol(words)) {
      if (one < 256) { out.push(one); continue; }
      const count = LENGTHS[one - 257][0] + bits(LENGTHS[one - 257][1]), two = symbol(fars), back = FARS[two][0] + bits(FARS[two][1]);
      for (let i = 0; i < count; i++) out.push(out[out.length - back]);
    }
  }
  return new TextDecoder().decode(Uint8Array.from(out));
}
let held = ["", null];
const open = (text) => { if (held[0] !== text) held = [text, JSON.parse(unfold(text))]; return held[1]; };

// ---- counting ------------------------------------------------------------------------------------------------

const product = (list) => list.reduce((all, one) => all * one, 1);

// Products behind all output channels at one place.
export function weights(kind, window, fan, units) {
  if (kind === "conv" || kind === "table conv") return window[0] * window[1] * fan / window[3] * units;
  return kind === "linear" ? fan * units : 0;
}

// The layers of a network with what each owns, costs, keeps and sees; LeNet-5's table convolution computes all products
// and owns fewer. Fields are stored in steps of the block's input.
export function layers(text, name) {
  const table = open(text), rows = [];
  let low = [0, 0], high = [0, 0], step = [1, 1];
  table.networks[name][4].forEach(([, runs], entry) => {
    let block = 0;
    for (const [index, repeats] of runs)
      for (let i = 0; i < repeats; i++, block++) {
        for (const [at, own, ...moved] of table.blocks[index][1]) {
          const [kind, window, fan, shape, extra, results, after] = table.layers[at], products = weights(kind, window, fan, shape[0]), [a, b] = [moved.slice(0, 3), moved.slice(-3)];
          rows.push({
            entry, block, name: own, kind, window, fan, shape, after,
            parameters: Math.round(extra * shape[0]) + (kind === "table conv" ? 0 : products),
            multiply_adds: products * product(shape.slice(1)), bytes: Math.round(4 * results * product(shape)),
            low: [low[0] - a[0] * step[0], low[1] - b[0] * step[1]], high: [high[0] + a[1] * step[0], high[1] + b[1] * step[1]], stride: [a[2] * step[0], b[2] * step[1]],
          });
        }
        ({ low, high, stride: step } = rows.at(-1));
      }
  });
  return rows;
}

const SUMS = ["parameters", "multiply_adds", "bytes"];
const sum = (rows) => Object.fromEntries(SUMS.map((key) => [key, rows.reduce((all, one) => all + one[key], 0)]));

// The column of a network: in each entry a layer, a block, or a run of blocks that are alike.
export function entries(text, name) {
  const table = open(text), rows = group(layers(text, name));
  return table.networks[name][4].map(([own, runs], at) => {
    const inside = rows.get(at), { kind, window, fan } = inside[0];
    return { name: own, what: table.blocks[runs[0][0]][0] || short(kind, window, fan), blocks: runs.reduce((all, one) => all + one[1], 0), layers: inside.length, shape: inside.at(-1).shape, ...sum(inside) };
  });
}
function group(rows) {
  const made = new Map();
  for (const one of rows) made.has(one.entry) ? made.get(one.entry).push(one) : made.set(one.entry, [one]);
  return made;
}

// ---- words ---------------------------------------------------------------------------------------------------

// A count in three digits: 416 k, 1.81 M, 15.5 G.
export function brief(value) {
  const [power, letter] = [[9, " G"], [6, " M"], [3, " k"]].find(([one]) => value >= 10 ** one * 0.9995) ?? [0, ""], scaled = value / 10 ** power;
  const digits = power === 0 || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  return (Math.floor(scaled * 10 ** digits + 0.5) / 10 ** digits).toFixed(digits) + letter;
}

const SHORT = { linear: "fully connected", subsampling: "trainable subsampling", "table conv": "conv by table", RBF: "RBF outputs", gate: "scaling by a gate" };
// A layer in two or three words; /2 is a stride of 2.
export function short(kind, window, fan) {
  let word = SHORT[kind] ?? kind;
  if (!window.length) return word;
  const [rows, columns, stride, groups] = window;
  if (kind === "conv" && groups > 1) word = groups === fan ? "depthwise conv" : `conv in ${groups} groups`;
  return `${rows}\u00d7${columns} ${word}${stride > 1 ? ` /${stride}` : ""}`;
}

// How parameters and multiply-adds come about; empty where there are none.
export function formula({ kind, window, fan, shape, parameters }) {
  const products = weights(kind, window, fan, shape[0]);
  if (!products) return [parameters ? `${Math.floor(parameters / shape[0])} \u00d7 ${shape[0]} maps` : "", ""];
  const inner = kind === "linear" ? `${fan} \u00d7 ${shape[0]}` : `${window[0]}\u00b7${window[1]}\u00b7${fan / window[3]} \u00d7 ${shape[0]}`, rest = parameters - products;
  const places = product(shape.slice(1)) > 1 ? ` \u00d7 ${shape.slice(1).join("\u00b7")} places` : "";
  return [rest < 0 ? "fewer: not all maps are connected" : inner + (rest ? ` + ${rest}` : ""), inner + places];
}

// First and last pixel of the field of the unit in the middle of a map.
export function middle(low, high, stride, units) {
  const shift = stride * Math.floor((units - 1) / 2);
  return [low + shift, high + shift];
}

const size = (shape) => shape.join("\u00d7");
const percent = (part, whole) => { const share = 100 * part / whole; return `${share === 0 || share >= 9.95 ? show(share, 0) : share >= 0.1 ? show(share, 1) : "under 0.1"} %`; };
const memory = (bytes) => `${brief(bytes)}B`;
const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const MEASURES = [["multiply_adds", "multiply-adds"], ["parameters", "parameters"]];

function render({ model, el }) {
  const { body, say } = card(el, "Architecture explorer",
    "Choose a layer: what does it cost, and what can one of its units see? \u25b8 opens a block. Then set a second network beside the first.");
  const get = (name) => model.get(name), table = open(get("table")), title = (name) => table.networks[name][0];
  let note = "", columns = [];

  // ---- a network as a tree: entries, their blocks, their layers ----------------------------------------------
  const cache = new Map();
  function network(name) {
    if (!cache.has(name)) {
      const rows = layers(get("table"), name), list = entries(get("table"), name), parts = group(rows);
      cache.set(name, { name, title: title(name), year: table.networks[name][1], input: table.networks[name][2], depth: table.networks[name][3], rows, list, parts, ...sum(rows) });
    }
    return cache.get(name);
  }
  // A node of the column: key "side/entry/block/layer", its rows, its words.
  function node(net, side, entry, block = null, layer = null) {
    const one = net.list[entry], all = net.parts.get(entry);
    let rows = block === null ? all : all.filter((r) => r.block === block);
    if (layer !== null) rows = [rows[layer]];
    const single = rows.length === 1, run = block === null && one.blocks > 1, [stage, first] = [one.name.replace(/\.\d+$/, ""), Number(one.name.match(/\d+$/)?.[0])];
    const own = layer !== null ? rows[0].name : run ? `${stage}.${first}\u2013${first + one.blocks - 1}` : block !== null && one.blocks > 1 ? `${stage}.${first + block}` : one.name;
    const what = single ? short(rows[0].kind, rows[0].window, rows[0].fan) : one.what;
    return { net, key: [side, entry, block, layer].filter((part) => part !== null).join("/"), level: layer !== null ? (one.blocks > 1 ? 2 : 1) : block !== null ? 1 : 0, rows, single, blocks: run ? one.blocks : 1, name: own || what, what, shape: rows.at(-1).shape, opens: layer === null && !single, ...sum(rows) };
  }
  function inside(net, side, parent) {
    const [, entry, block] = parent.key.split("/").map(Number);
    if (parent.blocks > 1) return Array.from({ length: parent.blocks }, (_, i) => node(net, side, entry, i));
    return parent.rows.map((_, i) => node(net, side, entry, block ?? 0, i));
  }
  function tree(net, side) {
    const opened = new Set(get("opened")), out = [];
    const add = (one) => { out.push(one); if (one.opens && opened.has(one.key)) inside(net, side, one).forEach(add); };
    net.list.forEach((_, i) => add(node(net, side, i)));
    return out;
  }
  const shown = () => [get("network"), get("other")].filter((name) => table.networks[name]);
  const flat = () => columns.flatMap((one) => one.nodes);
  const here = () => { const all = flat(), at = all.findIndex((one) => one.key === get("chosen")); return all[Math.max(0, at)]; };

  // ---- the columns -------------------------------------------------------------------------------------------
  const stage = h("div", { class: "cw-wide ae-stage" });
  const choose = (key, words = "") => { note = words; update(model, { chosen: key }); };
  function flip(one) {
    const opened = get("opened"), is = opened.includes(one.key);
    note = is ? `Closed ${one.name}. ` : `Opened ${one.name}: ${one.blocks > 1 ? many(one.blocks, "block") : many(one.rows.length, "layer")}. `;
    update(model, { chosen: one.key, opened: is ? opened.filter((key) => key !== one.key && !key.startsWith(`${one.key}/`)) : [...opened, one.key] });
  }
  function step(nodes, by) {
    const at = nodes.findIndex((one) => one.key === get("chosen")), to = clamp(at + by, 0, nodes.length - 1);
    if (to === at) return say(`${nodes[to].name} is the ${by < 0 ? "first" : "last"} of this column.`);
    choose(nodes[to].key);
  }
  function side(name, k) {
    const net = network(name), list = h("div", { class: "ae-list" }), area = surface(h("div", { class: "ae-scroll" }, list), `Layers of ${net.title}. Up and down choose, right opens a block, left closes it.`, {
      ArrowUp: () => step(columns[k].nodes, -1), ArrowDown: () => step(columns[k].nodes, 1),
      Home: () => step(columns[k].nodes, -9999), End: () => step(columns[k].nodes, 9999), PageUp: () => step(columns[k].nodes, -8), PageDown: () => step(columns[k].nodes, 8),
      ArrowRight: () => { const one = mine(k); return one.opens && !get("opened").includes(one.key) ? flip(one) : one.opens ? step(columns[k].nodes, 1) : say(`${one.name} is one layer: there is nothing to open. ${report(one)}`); },
      ArrowLeft: () => { const one = mine(k), up = one.key.split("/").slice(0, -1).join("/"), parent = columns[k].nodes.find((other) => other.key === up) ?? columns[k].nodes.find((other) => other.key === up.replace(/\/\d+$/, "")); return one.opens && get("opened").includes(one.key) ? flip(one) : parent ? choose(parent.key) : step(columns[k].nodes, -1); },
      Enter: () => { const one = mine(k); return one.opens ? flip(one) : step(columns[k].nodes, 1); },
    });
    list.addEventListener("click", (event) => {
      const at = event.target.closest(".ae-row");
      if (!at) return;
      const one = columns[k].nodes[[...list.children].indexOf(at)];
      if (one.opens && (event.target.closest(".ae-mark") || one.key === get("chosen"))) flip(one);
      else choose(one.key);
    });
    const head = h("div", { class: "ae-head" }, h("strong", {}, net.title), ` (${net.year}) `, h("span", { class: "ae-soft" }, `from ${size(net.input)}, depth ${net.depth}`));
    return { net, list, area, box: h("div", { class: "ae-side" }, head, area), nodes: [], made: [] };
  }
  // Which node of a column the keys act on: the chosen one, or the first where the chosen one is in the other column.
  const mine = (k) => columns[k].nodes.find((one) => one.key === get("chosen")) ?? columns[k].nodes[0];
  let names = "", listed = "";
  function drawColumns() {
    if (names !== JSON.stringify(shown())) {
      names = JSON.stringify(shown());
      listed = "";
      columns = shown().map(side);
      stage.replaceChildren(...columns.map((one) => one.box));
      stage.classList.toggle("ae-two", columns.length > 1);
      drawTotals();
    }
    const now = names + JSON.stringify(get("opened"));
    if (now !== listed) {
      listed = now;
      columns.forEach((one, k) => { one.nodes = tree(one.net, k); });
      const tops = Object.fromEntries(MEASURES.map(([key]) => [key, Math.max(...columns.flatMap((one) => one.nodes.map((n) => n[key])), 1)]));
      for (const one of columns) {
        one.made = one.nodes.map((n) => line(n, tops, one.net));
        one.list.replaceChildren(...one.made);
      }
      scale.textContent = `Longest bars: ${brief(tops.multiply_adds)} multiply-adds, ${brief(tops.parameters)} parameters. Depth counts convolutions and fully connected layers on the longest way.`;
    }
    const chosen = here();
    for (const one of columns)
      one.made.forEach((made, i) => {
        const is = one.nodes[i] === chosen;
        if (made.classList.contains("ae-here") !== is) made.classList.toggle("ae-here", is);
        if (is && one.area.clientHeight) {
          const top = made.offsetTop, past = top + made.offsetHeight - one.area.clientHeight;
          one.area.scrollTop = clamp(one.area.scrollTop, past, top);
        }
      });
  }
  function line(one, tops, net) {
    const spread = one.shape.length > 1 ? Math.log2(one.shape[1]) / Math.log2(net.input[1]) : 0, opened = get("opened").includes(one.key);
    const slab = h("span", { class: "ae-slab", style: `width:${(5 + 41 * Math.min(1, spread)).toFixed(1)}px;height:${(3 + 2 * Math.log2(one.shape[0])).toFixed(1)}px` });
    const bars = MEASURES.map(([key]) => h("span", { class: "ae-bar" }, h("span", { class: `ae-fill ae-${key}`, style: `width:${(100 * one[key] / tops[key]).toFixed(2)}%`, hidden: !one[key] }), h("span", { class: "ae-count" }, brief(one[key]))));
    return h("div", { class: `ae-row ae-level${one.level}` }, h("span", { class: "ae-pic" }, slab),
      h("span", { class: "ae-words" }, h("span", { class: "ae-mark" }, one.opens ? (opened ? "\u25be" : "\u25b8") : ""), h("span", { class: "ae-name" }, one.name, one.blocks > 1 ? h("b", {}, ` \u00d7 ${one.blocks}`) : ""),
        h("span", { class: "ae-what" }, one.name === one.what ? "" : `${one.what}, `, h("span", { class: "ae-shape" }, size(one.shape)))),
      h("span", { class: "ae-bars" }, ...bars));
  }

  // ---- the chosen layer --------------------------------------------------------------------------------------
  const picture = s("svg", { viewBox: "0 0 220 220", class: "ae-field", "aria-hidden": "true" }), facts = h("table", { class: "ae-facts" }, h("tbody")), caption = h("figcaption"), name = h("p", { class: "ae-title" });
  function drawField(one) {
    const last = one.rows.at(-1), [, rows, cols] = one.net.input, [top, bottom] = middle(last.low[0], last.high[0], last.stride[0], last.shape[1] ?? 1), [left, right] = middle(last.low[1], last.high[1], last.stride[1], last.shape[2] ?? 1);
    const tall = bottom - top + 1, wide = right - left + 1, whole = top <= 0 && left <= 0 && bottom >= rows - 1 && right >= cols - 1;
    // Fields that reach far over the input make it smaller, to a third at most; farther ends lie outside the picture.
    const reach = Math.max(rows, cols, ...[top, left].map((end) => cols - 2 * end), ...[bottom, right].map((end) => 2 * end + 2 - rows)), k = Math.max(216 / reach, 72 / Math.max(rows, cols)), x0 = 110 - cols * k / 2, y0 = 110 - rows * k / 2;
    const dots = last.shape.length > 1 && last.shape[1] <= 32 && last.shape[1] > 1 ? Array.from({ length: last.shape[1] * last.shape[2] }, (_, i) => {
      const r = (last.low[0] + last.high[0]) / 2 + last.stride[0] * Math.floor(i / last.shape[2]), c = (last.low[1] + last.high[1]) / 2 + last.stride[1] * (i % last.shape[2]);
      return `M${(x0 + (c + 0.5) * k).toFixed(1)} ${(y0 + (r + 0.5) * k).toFixed(1)}h0`;
    }).join("") : "";
    picture.replaceChildren(s("rect", { x: x0, y: y0, width: cols * k, height: rows * k, class: "ae-input" }),
      s("rect", { x: x0 + left * k, y: y0 + top * k, width: Math.max(1.5, wide * k), height: Math.max(1.5, tall * k), class: "ae-seen" }), s("path", { d: dots, class: "ae-dots" }),
      s("rect", { x: x0, y: y0, width: cols * k, height: rows * k, class: "ae-frame" }));
    const words = `${tall}\u00d7${wide}`;
    caption.replaceChildren(`Input ${rows}\u00d7${cols}; shaded: the field of a middle unit, ${words} pixels${whole ? ": the whole input" : tall > rows ? ", padding included" : ""}.${dots ? " Dots: centres of all units." : ""}`);
    return { words, whole };
  }
  function drawFacts(one) {
    const { words, whole } = drawField(one), first = one.rows[0], last = one.rows.at(-1), lay = one.single, [own, cost] = lay ? formula(last) : ["", ""], net = one.net;
    name.replaceChildren(h("strong", {}, one.name), ` of ${net.title}`);
    const fact = (label, value, under = "") => h("tr", {}, h("th", { scope: "row" }, label), h("td", {}, value, under ? h("small", {}, under) : ""));
    facts.tBodies[0].replaceChildren(
      fact(lay ? "layer" : "block", lay ? `${one.what}${last.after ? `, then ${last.after}` : ""}` : `${one.what}${one.blocks > 1 ? ` \u00d7 ${one.blocks}` : ""}, ${many(one.rows.length, "layer")}`),
      fact(last.shape.length > 1 ? "maps" : "units", last.shape.length > 1 || lay ? `${first.fan} \u2192 ${size(one.shape)}` : size(one.shape)),
      fact("parameters", `${one.parameters.toLocaleString("en-US")} (${percent(one.parameters, net.parameters)})`, own && own !== String(one.parameters) ? `= ${own}`.replace("= fewer", "fewer") : ""),
      fact("multiply-adds", `${one.multiply_adds.toLocaleString("en-US")} (${percent(one.multiply_adds, net.multiply_adds)})`, cost ? `= ${cost}` : ""),
      fact("activation memory", `${memory(one.bytes)} (${percent(one.bytes, net.bytes)})`, "one image, 32 bits"),
      fact("a unit sees", `${words} pixels${whole ? ", the whole input" : ""}`, last.shape.length > 1 && product(last.shape.slice(1)) > 1 ? `neighbours ${many(last.stride[0], "pixel")} apart` : ""));
  }
  const report = (one) => `${one.name} of ${one.net.title}: ${one.what === one.name ? "" : `${one.what}, `}${size(one.shape)}; ${percent(one.parameters, one.net.parameters)} of the parameters, ${percent(one.multiply_adds, one.net.multiply_adds)} of the multiply-adds.`;

  // ---- totals ------------------------------------------------------------------------------------------------
  const totals = h("div", { class: "cw-wide ae-totals" });
  function drawTotals() {
    const nets = columns.map((one) => one.net), lines = [["depth", "depth", String], ["multiply-adds", "multiply_adds", brief], ["parameters", "parameters", brief], ["activation memory", "bytes", memory]], cell = (words, tag = "th", scope = "col") => h(tag, { scope: tag === "th" ? scope : null }, words);
    if (nets.length === 1) return totals.replaceChildren(h("p", { class: "ae-sums" }, h("strong", {}, "In all"), ...lines.map(([label, key, words]) => h("span", {}, `${label} `, h("strong", {}, words(nets[0][key]))))));
    totals.replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, cell("in all"), ...nets.map((net) => cell(net.title)), cell("ratio"))),
      h("tbody", {}, ...lines.map(([label, key, words]) => h("tr", {}, cell(label, "th", "row"), ...nets.map((net) => h("td", {}, h("span", { class: `ae-fill ae-${key}`, style: `width:${(100 * net[key] / Math.max(...nets.map((one) => one[key]))).toFixed(1)}%` }), words(net[key]))), cell(`\u00d7 ${ratio(nets[0][key], nets[1][key])}`, "td"))))));
  }
  const ratio = (a, b) => { const x = a / b; return x < 0.0995 ? String(Number(x.toPrecision(2))) : show(x, x >= 100 ? 0 : x >= 9.95 ? 1 : 2); };

  // ---- controls ----------------------------------------------------------------------------------------------
  const options = Object.keys(table.networks).map((name) => [name, `${title(name)}`]);
  const whole = (name) => { const net = network(name); return `${net.title}: depth ${net.depth}, ${brief(net.parameters)} parameters, ${brief(net.multiply_adds)} multiply-adds. `; };
  function compared() {
    const [a, b] = shown().map(network);
    if (!b) return whole(a.name);
    return `${a.title} has ${ratio(a.parameters, b.parameters)} times the parameters of ${b.title} and ${ratio(a.multiply_adds, b.multiply_adds)} times its multiply-adds. `;
  }
  // The dearest single layer of the column in which the chosen one is; its block is opened.
  function dearest(key, word) {
    const k = Number(get("chosen")[0]) || 0, { net } = columns[k] ?? columns[0], at = net.rows.reduce((best, one, i) => (one[key] > net.rows[best][key] ? i : best), 0), found = net.rows[at];
    const inner = net.parts.get(found.entry).filter((one) => one.block === found.block), entry = `${k}/${found.entry}`, run = net.list[found.entry].blocks > 1;
    const path = inner.length === 1 ? entry : `${entry}/${found.block}/${inner.indexOf(found)}`, need = inner.length === 1 ? [] : run ? [entry, `${entry}/${found.block}`] : [entry];
    note = `Most ${word} in one layer: `;
    update(model, { chosen: path, opened: [...new Set([...get("opened"), ...need])] });
  }
  const scale = h("span", { id: uid("scale") });
  body.append(h("div", { class: "cw-wide" }, row(
    select(model, "network", { label: "Network", options, then: () => { note = compared(); update(model, { chosen: "0/0", opened: [] }); } }),
    select(model, "other", { label: "Beside it", options: [["", "nothing"], ...options], then: () => { note = compared(); update(model, { chosen: "0/0", opened: get("opened").filter((key) => key[0] === "0") }); } }))),
  h("div", { class: "cw-wide ae-legend" }, ...MEASURES.map(([key, word]) => h("span", {}, h("span", { class: `ae-key ae-${key}` }), word)), h("span", {}, h("span", { class: "ae-key ae-slab" }), "width: side of the map, height: number of maps (log scales)")),
  stage, h("div", { class: "cw-wide cw-note ae-foot" }, scale, row(button("Most multiply-adds", () => dearest("multiply_adds", "multiply-adds")), button("Most parameters", () => dearest("parameters", "parameters")))),
  h("figure", { class: "cw-figure ae-figure" }, picture, caption), column(name, facts), totals);

  watch(model, ["network", "other", "chosen", "opened"], () => {
    drawColumns();
    const one = here();
    drawFacts(one);
    say(note + report(one));
    note = "";
  });
}
export default { render };
