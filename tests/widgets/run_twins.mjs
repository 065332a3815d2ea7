// Calls a module's exported functions: reads {module, calls: [[name, args], ...]} from standard input, writes
// {exports, results}. One process serves all calls of a widget.
import { readFileSync } from "node:fs";

const { module, calls } = JSON.parse(readFileSync(0, "utf8"));
const loaded = await import(module);
const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
const results = calls.map(([name, args]) => loaded[name](...args) ?? null);
process.stdout.write(JSON.stringify({ exports: Object.keys(loaded), results }, plain));
