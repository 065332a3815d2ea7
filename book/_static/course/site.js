// Small conveniences of the pages; each page is whole without them.
(() => {
  "use strict";

  // Formulas, tables and code wider than the page scroll; the keyboard must reach them. Done section by section in
  // idle moments, and reading before writing, because each look at a size may lay out a whole section.
  const SCROLLERS = "div.math, div.output, pre, .pst-scrollable-table-container";
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));
  let round = 0;
  function markScrollers() {
    const mine = ++round;
    const inner = [...document.querySelectorAll(".bd-article > section > section")];
    const sections = [...inner, ...document.querySelectorAll(".bd-article > section")]; // the whole page last
    const seen = new Set();
    const next = () => {
      const section = sections.shift();
      if (mine !== round) return;
      if (!section) return void (document.documentElement.dataset.scrollers = "marked");
      const boxes = [...section.querySelectorAll(SCROLLERS)].filter((box) => !seen.has(box));
      const wide = boxes.map((box) => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight);
      boxes.forEach((box, i) => {
        seen.add(box);
        if (wide[i]) box.tabIndex = 0;
        else box.removeAttribute("tabindex");
      });
      idle(next);
    };
    idle(next);
  }
  document.fonts.ready.then(markScrollers);
  addEventListener("resize", markScrollers);

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
