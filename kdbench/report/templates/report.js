"use strict";
(() => {
  const root = document.documentElement;
  // Storage may be refused for a page opened from a file: then the choice lasts as long as the page.
  const kept = (value) => {
    try { if (value) localStorage.setItem("kdbench-theme", value); return localStorage.getItem("kdbench-theme"); }
    catch { return null; }
  };
  if (kept()) root.dataset.theme = kept();
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    kept(root.dataset.theme);
  });
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.sort !== undefined ? Number(cell.dataset.sort) : cell.textContent.trim();
  };
  const compare = (a, b) => {
    const numbers = [typeof a, typeof b].map((kind) => kind === "number");
    if (numbers[0] && numbers[1]) return a - b;
    return numbers[0] !== numbers[1] ? null : a.localeCompare(b, "en", { numeric: true });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const [x, y] = [value(a, column), value(b, column)], order = compare(x, y);
        // A cell without a figure stays last, whichever way the others go.
        return order === null ? (typeof x === "number" ? -1 : 1) : down ? -order : order;
      });
      table.tBodies[0].append(...rows);
    }));
  }
})();
