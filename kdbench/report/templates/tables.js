// Tables: order, columns, copies, downloads.
const OPEN = 7; // columns, until the reader chooses
const LONG = 12; // rows, beyond which a table says how many it has
const ORDER = new Intl.Collator("en", { numeric: true });

const make = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const headsOf = (table) => [...table.tHead.rows[0].cells];
const figure = (cell) => (cell.dataset.sort === undefined ? null : Number(cell.dataset.sort));

// The text of a cell, small print in brackets.
const textOf = (cell) => {
  const small = cell.querySelector("small")?.textContent.trim() ?? "";
  const text = cell.textContent.trim();
  return small ? `${text.slice(0, text.length - small.length).trim()} (${small})` : text;
};

// Best first, or the other way round; a cell without a figure stays last in both.
const sortRows = (table, column, reversed) => {
  const heads = headsOf(table), head = heads[column], rows = [...table.tBodies[0].rows];
  const figures = rows.some((row) => figure(row.cells[column]) !== null);
  const rising = (figures && head.dataset.least === undefined) === reversed;
  const compare = (a, b) => {
    const [x, y] = [a.cells[column], b.cells[column]];
    if (!figures) return ORDER.compare(textOf(x), textOf(y)) * (rising ? 1 : -1);
    const [p, q] = [figure(x), figure(y)];
    return p === null || q === null ? (p === null) - (q === null) : (p - q) * (rising ? 1 : -1);
  };
  table.tBodies[0].append(...rows.sort(compare));
  for (const other of heads) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", rising ? "ascending" : "descending");
};

const showColumns = (table, open) => {
  for (const row of table.rows) [...row.cells].forEach((cell, column) => { cell.hidden = !open.has(column); });
};

// What a reader sees: chosen columns of unfiltered rows.
const seen = (table) => [...table.rows].filter((row) => !row.hidden)
  .map((row) => [...row.cells].filter((cell) => !cell.hidden).map(textOf));
// A spreadsheet would run a text that begins like a formula.
const csvCell = (text) => `"${(/^[=@\t\r]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`;
const csv = (rows) => rows.map((row) => row.map(csvCell).join(",") + "\r\n").join("");
const markdownRow = (row) => `| ${row.map((text) => text.replace(/[\\`*_[\]<>~$|]/g, "\\$&")).join(" | ")} |`;
const LATEX = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "−": "$-$", "×": "$\\times$", "µ": "\\textmu{}", "—": "---" };
const latexRow = (row) => `${row.map((text) => text.replace(/[\\~^−×µ—&%$#_{}]/g, (sign) => LATEX[sign] ?? `\\${sign}`)).join(" & ")} \\\\`;
const FORMATS = {
  CSV: csv,
  Markdown: ([head, ...rows]) => [markdownRow(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(markdownRow)].join("\n"),
  LaTeX: ([head, ...rows]) => [
    `\\begin{tabular}{${head.map(() => "l").join("")}}`, "\\toprule", latexRow(head), "\\midrule", ...rows.map(latexRow),
    "\\bottomrule", "\\end{tabular}",
  ].join("\n"),
};
const copy = async (text) => {
  try { await navigator.clipboard.writeText(text); }
  catch { // refused for a page opened from a file
    const field = make("textarea", { value: text });
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
};

const menu = (title, ...items) => {
  const made = make("details", { className: "menu" }, make("summary", { textContent: title }), make("div", {}, ...items));
  made.setAttribute("name", "menu"); // one open at a time
  return made;
};
addEventListener("click", (event) => {
  for (const open of all(".menu[open]")) if (!open.contains(event.target)) open.open = false;
});
const copyMenu = (table) => menu("Copy", ...Object.entries(FORMATS).map(([name, format]) => {
  const button = make("button", { type: "button", textContent: name });
  button.addEventListener("click", async () => {
    await copy(format(seen(table)));
    byId("status").textContent = `${table.caption.textContent} copied as ${name}`;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = name; }, 1500);
  });
  return button;
}));
const columnMenu = (table, name) => {
  const heads = headsOf(table), usual = heads.map((_, column) => column).slice(0, OPEN);
  const boxes = heads.map((head) => make("input", { type: "checkbox" }));
  const open = () => new Set(boxes.flatMap((box, column) => (box.checked ? [column] : [])));
  for (const box of boxes) box.addEventListener("change", () => { choose(name, [...open()].join(".")); showColumns(table, open()); });
  shows.push(() => {
    const wanted = new Set(chosen.get(name)?.split(".").map(Number) ?? usual);
    boxes.forEach((box, column) => { box.checked = column === 0 || wanted.has(column); });
    showColumns(table, open());
  });
  boxes[0].disabled = true; // it names the rows
  return menu("Columns", ...heads.map((head, column) => make("label", {}, boxes[column], " ", textOf(head))));
};

for (const table of all("table.data")) {
  const heads = headsOf(table), name = `sort-${table.id}`;
  const initial = heads.findIndex((head) => head.hasAttribute("aria-sort"));
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const reversed = chosen.get(name) === String(column) || (!chosen.has(name) && column === initial);
    choose(name, (reversed ? "-" : "") + column);
    sortRows(table, column, reversed);
  }));
  shows.push(() => {
    const wanted = chosen.get(name) ?? (initial < 0 ? "" : String(initial));
    if (wanted !== "" && heads[Math.abs(wanted)]) sortRows(table, Math.abs(wanted), wanted.startsWith("-"));
  });
  const rows = [...table.tBodies[0].rows], counter = make("span");
  const count = () => {
    const left = rows.filter((row) => !row.hidden).length;
    counter.textContent = left < rows.length ? `${left} of ${rows.length} rows` : rows.length > LONG ? `${rows.length} rows` : "";
  };
  counters.push(count);
  shows.push(count);
  table.closest(".box").before(make("div", { className: "tools" }, counter,
    ...(heads.length > OPEN ? [columnMenu(table, `columns-${table.id}`)] : []), copyMenu(table)));
}

// Downloads hold every table in full, with the numbers behind the texts.
const figures = () => all("table.data").flatMap((table) => {
  const names = headsOf(table).map(textOf);
  return [...table.tBodies[0].rows].flatMap((row) => [...row.cells].slice(1).map((cell, at) => ({
    table: table.id, row: textOf(row.cells[0]), column: names[at + 1], text: textOf(cell), value: figure(cell),
  })));
});
const download = (name, text) => {
  const link = make("a", { href: URL.createObjectURL(new Blob([text])), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
};
const FIELDS = ["table", "row", "column", "text", "value"];
byId("download-json")?.addEventListener("click", () => download(`${data.suite}.json`, JSON.stringify({ ...data, figures: figures() }, null, 1)));
byId("download-csv")?.addEventListener("click", () => download(`${data.suite}.csv`, csv([FIELDS, ...figures().map((found) => FIELDS.map((field) => String(found[field] ?? "")))])));

readAddress();
shows.forEach((show) => show());
if (anchor) reveal(anchor);
