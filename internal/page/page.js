"use strict";
(() => {
  const tip = document.getElementById("tip");
  let current = null;

  function show(mark, x, y) {
    if (current) current.classList.remove("on");
    current = mark;
    mark.classList.add("on");
    const source = mark.getAttribute("data-source");
    tip.textContent = mark.getAttribute("aria-label");
    if (source) {
      const small = document.createElement("small");
      small.textContent = "\n" + source;
      tip.append(small);
    }
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.max(8, Math.min(x + 14, innerWidth - box.width - 8));
    const above = y - box.height - 12;
    tip.style.left = left + "px";
    tip.style.top = (above > 8 ? above : y + 16) + "px";
  }

  function hide() {
    if (current) current.classList.remove("on");
    current = null;
    tip.hidden = true;
  }

  for (const svg of document.querySelectorAll("svg.plot")) {
    const marks = [...svg.querySelectorAll(".pt")];
    if (!marks.length) continue;
    for (const m of marks) {
      const title = m.querySelector("title");
      if (title) title.remove();
    }
    svg.tabIndex = 0;
    svg.addEventListener("pointermove", e => {
      const mark = e.target.closest(".pt");
      if (mark) show(mark, e.clientX, e.clientY); else hide();
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    const step = by => {
      const at = marks.indexOf(current);
      const from = at < 0 && by === -1 ? marks.length : at;
      const next = Math.max(0, Math.min(marks.length - 1, from + by));
      const box = marks[next].getBoundingClientRect();
      show(marks[next], box.left + box.width / 2, box.top + Math.min(box.height / 2, 40));
    };
    svg.addEventListener("keydown", e => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -1e9, End: 1e9 }[e.key];
      if (by) { e.preventDefault(); step(by); }
      if (e.key === "Escape") hide();
    });
  }
  addEventListener("scroll", hide, { passive: true });
})();
