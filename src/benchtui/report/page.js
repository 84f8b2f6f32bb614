// Tables that sort by their headings, with mouse and keyboard; folded parts that open for print.
"use strict";
(() => {
  const said = document.getElementById("said");
  const value = (row, at) => {
    const cell = row.cells[at];
    if (!cell || !("sort" in cell.dataset)) return null;
    const number = Number(cell.dataset.sort);
    return cell.dataset.kind === "number" && Number.isFinite(number) ? number : cell.dataset.sort;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  for (const table of document.querySelectorAll("table")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, at) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        const rows = [...table.tBodies[0].rows].map((row) => ({ row, value: value(row, at) }));
        // What is not known stays last, whichever way the rest is turned.
        rows.sort((a, b) =>
          a.value === null || b.value === null
            ? (a.value === null) - (b.value === null)
            : (down ? -1 : 1) * compare(a.value, b.value));
        table.tBodies[0].append(...rows.map((one) => one.row));
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        said.textContent = `${table.caption ? table.caption.textContent + ": " : ""}sorted by ${button.textContent}, ${down ? "descending" : "ascending"}`;
      });
    });
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
})();
