"use strict";
// The page reads without this script: it adds order, choice and copies. What a reader chose is kept in the address,
// after the anchor (#h-losses&pair=...&sort-losses=-3), so that a link shows the same.
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const root = document.documentElement;
const counters = []; // each tells how many rows of a table are in sight
root.classList.add("script");

let anchor = "";
let chosen = new URLSearchParams();
const shows = []; // each applies one choice of the address to the page
const readAddress = () => {
  const [first, ...rest] = location.hash.slice(1).split("&");
  anchor = first;
  chosen = new URLSearchParams(rest.join("&"));
};
const writeAddress = () => history.replaceState(null, "", "#" + [anchor, ...(String(chosen) ? [chosen] : [])].join("&"));
const choose = (name, value) => {
  if (value === "") chosen.delete(name);
  else chosen.set(name, value);
  writeAddress();
};
const bind = (field, apply) => {
  field.addEventListener("input", () => { choose(field.name, field.value); apply(); });
  shows.push(() => { field.value = chosen.get(field.name) ?? ""; apply(); });
};
const reveal = (id) => {
  const target = byId(id);
  if (target?.closest("[hidden]")) { // what a link names comes before a filter
    for (const filter of ["pair", "loss"]) chosen.delete(filter);
    writeAddress();
    shows.forEach((show) => show());
  }
  for (let part = target; part; part = part.parentElement) if (part.localName === "details") part.open = true;
  target?.scrollIntoView();
};
addEventListener("hashchange", () => {
  const kept = chosen;
  readAddress();
  if (chosen.size) shows.forEach((show) => show());
  else { chosen = kept; writeAddress(); } // a link within the page changes the anchor alone
  reveal(anchor);
});

// Storage may be refused for a page opened from a file: then the theme lasts as long as the page.
const keptTheme = (value) => {
  try { if (value) localStorage.setItem("kdbench-theme", value); return localStorage.getItem("kdbench-theme"); }
  catch { return null; }
};
if (keptTheme()) root.dataset.theme = keptTheme();
byId("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  keptTheme(root.dataset.theme);
});

// Contents: a search over all text, and a filter of the rows that belong to a row of the suite.
const contents = byId("contents");
if (contents) {
  if (innerWidth < 1100) contents.open = false;
  const search = byId("search"), pair = byId("pair"), loss = byId("loss");
  const entries = all("li", contents).map((item) => ({ item, part: byId(item.firstElementChild.hash.slice(1)).closest("section, header") }));
  bind(search, () => {
    const words = search.value.toLowerCase().trim();
    for (const entry of entries) entry.item.hidden = words !== "" && !(entry.text ??= entry.part.textContent.toLowerCase()).includes(words);
  });
  const filter = () => {
    const wanted = loss.value.toLowerCase().trim();
    for (const row of all("[data-row]")) {
      const [ofPair, name] = data.rows[row.dataset.row];
      row.hidden = (pair.value !== "" && ofPair !== pair.value) || !name.toLowerCase().includes(wanted);
    }
    counters.forEach((count) => count());
  };
  bind(pair, filter);
  bind(loss, filter);
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    contents.open = true;
    search.focus();
  });
  byId("unfold").addEventListener("click", () => {
    const parts = all("main details.part"), open = parts.some((part) => !part.open);
    for (const part of parts) part.open = open;
  });
}

// Budgets: the rule of kdbench.analyze.decisions.candidates.choose, on the same candidates.
const chooseWithin = (candidates, budgets) => {
  const allowed = candidates.filter((each) => Object.entries(budgets).every(([of, budget]) =>
    of === "top1" ? each.top1 >= budget : each[of] !== null && each[of] <= budget));
  const first = (list, better) => list.reduce((found, each) => (better(each, found) ? each : found));
  if (allowed.length === 0) return null;
  const best = candidates.indexOf(first(allowed, (a, b) => a.validation > b.validation));
  const rivals = allowed.filter((each) => !each.worse_than.includes(best));
  return first(rivals, (a, b) => a.cost < b.cost || (a.cost === b.cost && a.validation > b.validation));
};
const budgets = byId("budgets");
if (budgets) {
  const output = budgets.querySelector("output"), fields = all("input", budgets);
  const tell = () => {
    const given = fields.filter((field) => field.value.trim() !== "");
    const wrong = given.filter((field) => !(Number(field.value.replace(",", ".")) >= 0));
    for (const field of fields) field.setAttribute("aria-invalid", wrong.includes(field));
    const asked = Object.fromEntries(given.map((field) => [field.dataset.of, field.value.replace(",", ".") * field.dataset.unit]));
    const found = chooseWithin(data.candidates, asked);
    output.replaceChildren();
    if (given.length === 0) return;
    if (wrong.length) output.append("A budget is a number, such as 50 or 0.5.");
    else if (!found) output.append("Nothing to ship, because no student is within these budgets.");
    else output.append(
      Object.assign(document.createElement("a"), { href: `#trial-${found.trial}`, textContent: found.headline }),
      found.headline.includes(found.name) ? ": " : `: ${found.name}, `,
      `top-1 ${(100 * found.top1).toFixed(2)} %, `,
      found.microseconds === null ? "" : `${found.microseconds.toPrecision(3)} µs, `,
      `${(found.bytes / 1000).toPrecision(3)} KB, ${found.parameters.toLocaleString("en")} parameters`,
    );
  };
  for (const field of fields) bind(field, tell);
}

// Tips: of headings, and of marks in plots; at once, also by keyboard and touch.
const tip = byId("tip");
const hideTip = () => { tip.hidden = true; };
const showTip = (event) => {
  const mark = event.target.closest?.("[data-tip], [title], g:has(> title)");
  if (!mark) return hideTip();
  if (mark.dataset.tip === undefined) {
    const title = mark.querySelector(":scope > title");
    mark.dataset.tip = title ? title.textContent : mark.title;
    if (title) title.remove();
    else { mark.removeAttribute("title"); mark.setAttribute("aria-describedby", "tip"); }
  }
  tip.textContent = mark.dataset.tip;
  tip.hidden = false;
  const place = mark.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(place.left, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${place.bottom + tip.offsetHeight + 8 < innerHeight ? place.bottom + 6 : Math.max(0, place.top - tip.offsetHeight - 6)}px`;
};
for (const kind of ["pointerover", "focusin"]) addEventListener(kind, showTip);
for (const kind of ["focusout", "scroll"]) addEventListener(kind, hideTip, { capture: true, passive: true });
addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

// A loss stands out in its plot under the pointer, and in every plot after a click.
const standOut = (plot, name) => {
  plot.classList.toggle("picked", name !== "");
  for (const mark of all(".series", plot)) mark.classList.toggle("on", mark.dataset.series === name);
};
const plots = all("svg.plot").filter((plot) => plot.querySelector(".series"));
const standOutAsChosen = () => plots.forEach((plot) => standOut(plot, chosen.get("series") ?? ""));
shows.push(standOutAsChosen);
const seriesOf = (event) => event.target.closest(".series")?.dataset.series ?? "";
for (const plot of plots) {
  plot.addEventListener("pointerover", (event) => standOut(plot, seriesOf(event) || (chosen.get("series") ?? "")));
  plot.addEventListener("pointerleave", standOutAsChosen);
  plot.addEventListener("click", (event) => {
    choose("series", seriesOf(event) === chosen.get("series") ? "" : seriesOf(event));
    standOutAsChosen();
  });
}
