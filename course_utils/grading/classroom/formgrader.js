// What nbgrader's formgrader page expects of MathJax, done with KaTeX from this machine: nothing is loaded from outside,
// and a formula can neither link, nor load, nor name anything (KaTeX does so only where it is trusted).
"use strict";

const FORMULA =
  /\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\]|\\\(([\s\S]+?)\\\)|(\\begin\{([a-z]+\*?)\}[\s\S]+?\\end\{\5\})|\$((?:\\.|[^$\\])+?)\$/g;

function pieces(text) {
  const found = [];
  let at = 0;
  for (const match of text.matchAll(FORMULA)) {
    const [whole, dollars, bracket, parenthesis, environment, , dollar] = match;
    found.push({ text: text.slice(at, match.index) });
    const display = dollars ?? bracket ?? environment;
    found.push({ tex: display ?? parenthesis ?? dollar, display: display !== undefined });
    at = match.index + whole.length;
  }
  found.push({ text: text.slice(at) });
  return found;
}

function typeset(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest("pre, code, textarea, script, style")) nodes.push(walker.currentNode);
  }
  for (const node of nodes) {
    const parts = pieces(node.data);
    if (parts.length === 1) continue;
    const whole = document.createDocumentFragment();
    for (const part of parts) {
      if (part.tex === undefined) {
        whole.append(part.text);
        continue;
      }
      const formula = document.createElement("span");
      try {
        const options = { displayMode: part.display, throwOnError: false, trust: false, strict: "ignore", maxSize: 6 };
        katex.render(part.tex, formula, { ...options, maxExpand: 300 });
      } catch {
        formula.textContent = part.tex;
      }
      whole.append(formula);
    }
    node.replaceWith(whole);
  }
}

window.MathJax = {
  Hub: {
    Startup: {
      signal: {
        Interest(listener) {
          if (window.katex) document.querySelectorAll(".rendered_html").forEach(typeset);
          listener("End");
        },
      },
    },
  },
};

// Extra credit is not kept and its field is hidden; the tab key would stop at a field that cannot be entered.
document.addEventListener("DOMContentLoaded", () => {
  for (const field of document.querySelectorAll(".extra-credit")) field.classList.remove("tabbable");
});
