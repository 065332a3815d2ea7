// Reads one formula a line as JSON ({"tex", "display"}), answers one line of JSON ({"html"} or {"error"}).
"use strict";
const path = require("node:path");
const katex = require(path.join(__dirname, "../_static/course/katex/katex.min.js"));

const lines = require("node:readline").createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { tex, display } = JSON.parse(line);
  let answer;
  try {
    answer = { html: katex.renderToString(tex, { displayMode: display, throwOnError: true, strict: "ignore" }) };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
