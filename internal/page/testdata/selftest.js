addEventListener("load", () => {
  const found = { ready_ms: performance.now() };
  const tip = document.getElementById("tip");
  const charts = [...document.querySelectorAll("svg.plot")];
  const asked = charts.filter(c => c.querySelector(".pt"));
  const key = (chart, k) => chart.dispatchEvent(new KeyboardEvent("keydown", { key: k, bubbles: true, cancelable: true }));

  found.charts = charts.length > 0 && charts.every(c => c.getBoundingClientRect().height > 50);
  found.hover = asked.every(c => {
    const marks = [...c.querySelectorAll(".pt")];
    return marks.every(m => {
      m.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: 200, clientY: 200 }));
      return !tip.hidden && tip.textContent.startsWith(m.getAttribute("aria-label")) && m.classList.contains("on");
    });
  });
  asked[0]?.dispatchEvent(new PointerEvent("pointerleave"));
  found.hidden = tip.hidden;
  found.focus = asked.every(c => { c.focus(); return document.activeElement === c; });
  found.keyboard = asked.every(c => {
    const marks = [...c.querySelectorAll(".pt")];
    c.focus();
    key(c, "Home");
    const first = tip.textContent;
    if (marks.length > 1) key(c, "ArrowRight");
    return !tip.hidden && marks[0].getAttribute("aria-label") !== "" && (marks.length < 2 || marks[1].classList.contains("on")) && first !== "";
  });
  const last = asked.at(-1);
  if (last) {
    const marks = [...last.querySelectorAll(".pt")];
    last.focus();
    key(last, "End");
    found.home = marks.at(-1).classList.contains("on");
    key(last, "Escape");
    found.escape = tip.hidden;
  }
  const box = document.getElementById("show-sources");
  const value = document.querySelector(".v[data-source]");
  box.click();
  found.sources = getComputedStyle(value, "::after").content.includes("data-source") || getComputedStyle(value, "::after").content.includes(".json");
  box.click();
  found.fits = document.documentElement.scrollWidth <= innerWidth;
  if (globalThis.attack) {
    const foreign = document.createElement("div");
    foreign.innerHTML = "<img src='x' onerror='window.foreign = true'>";
    const script = document.createElement("script");
    script.textContent = "window.foreign = true";
    document.body.append(foreign, script);
  }
  found.foreign = window.foreign === true;
  document.documentElement.setAttribute("data-selftest", JSON.stringify(found));
});
