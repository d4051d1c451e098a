"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const by = (id) => document.getElementById(id);
  const thumbs = [...document.querySelectorAll(".thumb")];
  const first = thumbs.map((thumb) => thumb.querySelector("img").src);
  const picture = (number, overlay) => (overlay === 0 ? first[number] : data.samples[number].pictures[overlay]);
  function readable(value) {
    if (typeof value !== "number" || Number.isInteger(value)) return String(value);
    return Math.abs(value) < 1e-3 ? value.toExponential(3) : String(+value.toPrecision(5));
  }

  // --- which label the pictures show ---
  const choices = [...document.querySelectorAll("[data-overlay]")];
  const keys = new Map([...document.querySelectorAll("[data-key]")].map((key) => [key.dataset.key, key]));
  function showOverlay(overlay) {
    choices.forEach((button, k) => button.setAttribute("aria-pressed", String(k === overlay)));
    thumbs.forEach((thumb, number) => {
      const image = thumb.querySelector("img"), source = picture(number, overlay);
      if (source) image.src = source; else image.removeAttribute("src");
      image.alt = `sample ${data.samples[number].index}, ${data.titles[overlay]}`;
    });
    const key = keys.get(data.titles[overlay]);
    if (by("key")) by("key").replaceChildren(...(key ? [key.cloneNode(true)] : []));
  }
  choices.forEach((button, k) => button.addEventListener("click", () => showOverlay(k)));

  // --- which samples are shown ---
  function numbers() {
    const names = new Set();
    for (const sample of data.samples)
      for (const [name, value] of Object.entries(sample.parameters)) if (typeof value === "number") names.add(name);
    return [...names].sort();
  }
  // "17", "10-20" and text, separated by commas; a sample fits when one of them does.
  function finds(sample, query) {
    const wanted = query.split(",").map((part) => part.trim().toLowerCase()).filter(Boolean);
    if (!wanted.length) return true;
    const texts = Object.values(sample.parameters).filter((value) => typeof value === "string").join("\n").toLowerCase();
    return wanted.some((part) => {
      const range = part.match(/^(\d+)(?:\s*-\s*(\d+))?$/);
      if (range) return sample.index >= +range[1] && sample.index <= +(range[2] ?? range[1]);
      return texts.includes(part);
    });
  }
  function limit(id, other) { return by(id).value === "" ? other : Number(by(id).value); }
  function filter() {
    const name = by("parameter").value, low = limit("low", -Infinity), high = limit("high", Infinity);
    for (const id of ["low", "high", "sort"]) by(id).disabled = !name;
    let shown = 0;
    thumbs.forEach((thumb, number) => {
      const sample = data.samples[number], value = sample.parameters[name];
      const inside = !name || (typeof value === "number" && value >= low && value <= high) ||
        (value === undefined && low === -Infinity && high === Infinity);
      thumb.hidden = !(inside && finds(sample, by("find").value));
      shown += thumb.hidden ? 0 : 1;
      thumb.querySelector("i").textContent = name && value !== undefined ? readable(value) : "";
    });
    const order = thumbs.map((_, number) => number);
    if (name && by("sort").checked)
      order.sort((a, b) => (data.samples[a].parameters[name] ?? Infinity) - (data.samples[b].parameters[name] ?? Infinity));
    by("grid").replaceChildren(...order.map((number) => thumbs[number]));
    by("shown").textContent = `${shown} of ${thumbs.length} shown`;
    by("none").hidden = shown > 0;
  }
  function chooseParameter() {
    const name = by("parameter").value;
    const values = data.samples.map((sample) => sample.parameters[name]).filter((value) => typeof value === "number");
    for (const id of ["low", "high"]) by(id).value = "";
    by("low").placeholder = values.length ? readable(Math.min(...values)) : "";
    by("high").placeholder = values.length ? readable(Math.max(...values)) : "";
    filter();
  }
  if (thumbs.length) {
    for (const name of numbers()) by("parameter").add(new Option(name, name));
    by("parameter").addEventListener("change", chooseParameter);
    for (const id of ["find", "low", "high", "sort"]) by(id).addEventListener("input", filter);
    by("reset").addEventListener("click", () => {
      for (const id of ["find", "parameter"]) by(id).value = "";
      by("sort").checked = false;
      chooseParameter();
    });
    showOverlay(0);
  }

  // A phone shows one group of parameters at first, or the page has no end.
  if (window.matchMedia("(max-width: 620px)").matches)
    document.querySelectorAll("details.group").forEach((group, k) => { group.open = group.open && k === 0; });

  // --- commands ---
  function position(index) {
    const range = data.ranges.find(([start, stop]) => index >= start && index < stop);
    return range ? range[2] + index - range[0] : null;
  }
  function commands(index) {
    const place = position(index), [head, middle, tail] = data.show;
    const show = place === null ? `sample ${index} is not in the dataset` : head + place + middle + index + tail;
    return [show, data.python[0] + index + data.python[1]];
  }
  function fillCommands() {
    const index = Math.max(0, Math.min(data.count - 1, Math.trunc(Number(by("number").value)) || 0));
    [by("show").textContent, by("python").textContent] = commands(index);
  }
  by("number").addEventListener("input", fillCommands);
  fillCommands();

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // an old browser, or a page that may not: select and copy as one used to
      const area = document.createElement("textarea");
      area.value = text;
      (document.querySelector("dialog[open]") ?? document.body).append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.(".copy");
    if (!button) return;
    await copy(button.dataset.copy ?? by(button.dataset.from).textContent);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1200);
  });

  // --- one sample ---
  const dialog = by("detail");
  let current = 0;
  function entry(name, value) {
    const row = document.createElement("div");
    for (const [tag, text] of [["dt", name], ["dd", readable(value)]]) {
      const cell = document.createElement(tag);
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  }
  function showSample(number) {
    current = number;
    const sample = data.samples[number];
    by("detail-title").textContent = `Sample ${sample.index}`;
    by("detail-pictures").replaceChildren(...data.titles.flatMap((title, overlay) => {
      if (!picture(number, overlay)) return [];
      const figure = document.createElement("figure"), image = new Image(), caption = document.createElement("figcaption");
      image.src = picture(number, overlay);
      image.alt = title;
      caption.textContent = title;
      figure.append(image, caption);
      return [figure];
    }));
    [by("detail-show").textContent, by("detail-python").textContent] = commands(sample.index);
    const checks = Object.entries(sample.checks).map(([name, value]) => entry(`check: ${name}`, value));
    by("detail-values").replaceChildren(...Object.entries(sample.parameters).map(([name, value]) => entry(name, value)), ...checks);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }
  function step(by) {
    const shown = [...document.querySelectorAll(".thumb:not([hidden])")].map((thumb) => +thumb.dataset.number);
    const place = shown.indexOf(current);
    showSample(shown[(place + by + shown.length) % shown.length]);
  }
  thumbs.forEach((thumb, number) => thumb.addEventListener("click", () => showSample(number)));
  by("previous").addEventListener("click", () => step(-1));
  by("next").addEventListener("click", () => step(1));
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
})();
