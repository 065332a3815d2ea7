// Small conveniences of the pages; each page is whole without them.
(() => {
  "use strict";

  // Formulas, tables and code wider than the page scroll; the keyboard must reach them. A box is looked at when it is
  // first laid out (sections far from the screen come late), when its size changes, and when fonts have arrived.
  const SCROLLERS = "div.math, div.output, pre, .pst-scrollable-table-container";
  const laidOut = new Set();
  function mark(boxes) {
    const wide = boxes.map((box) => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight);
    boxes.forEach((box, i) => (wide[i] ? (box.tabIndex = 0) : box.removeAttribute("tabindex")));
  }
  const watch = new ResizeObserver((entries) => {
    const boxes = entries.map((entry) => entry.target);
    boxes.forEach((box) => laidOut.add(box));
    mark(boxes);
  });
  document.querySelectorAll(".bd-article").forEach((article) => {
    article.querySelectorAll(SCROLLERS).forEach((box) => watch.observe(box));
  });
  document.fonts.addEventListener("loadingdone", () => mark([...laidOut]));

  // The list of claims can be narrowed by verdict and chapter.
  const sections = [...document.querySelectorAll(".bd-article section section:has(> .claim)")];
  if (!sections.length) return;
  const claims = document.querySelectorAll(".claim");
  const verdicts = { true: "True", false: "False", imprecise: "Imprecise", external: "Outside data" };
  const form = document.createElement("form");
  form.className = "claim-filter";
  form.setAttribute("aria-label", "Filter the claims");
  form.innerHTML =
    `<fieldset><legend>Show</legend>${Object.entries(verdicts)
      .map(([name, word]) => `<label><input type="checkbox" name="${name}" checked> ${word}</label>`)
      .join("")}</fieldset><label>Chapter <select><option value="">all</option></select></label><p role="status"></p>`;
  const select = form.querySelector("select");
  for (const section of sections) {
    const name = section.querySelector("h2").firstChild.textContent;
    select.append(new Option(name, section.id));
  }
  function apply() {
    let shown = 0;
    for (const section of sections) {
      const inChapter = !select.value || select.value === section.id;
      let here = 0;
      for (const claim of section.querySelectorAll(".claim")) {
        const kind = Object.keys(verdicts).find((name) => claim.classList.contains(`claim-${name}`));
        claim.hidden = !(inChapter && form.elements[kind].checked);
        here += !claim.hidden;
      }
      section.hidden = here === 0;
      shown += here;
    }
    form.querySelector("[role=status]").textContent = `${shown} of ${claims.length} shown`;
  }
  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  sections[0].before(form);
  apply();
  // A link to a hidden claim shows it again.
  addEventListener("hashchange", () => {
    form.reset();
    apply();
  });
})();
