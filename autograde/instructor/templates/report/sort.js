// A button in each column's head sorts the rows; without scripts the table is as it was written.
const order = new Intl.Collator(undefined, { numeric: true });
const value = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
const compare = (a, b) => (a && b && !isNaN(a) && !isNaN(b) ? a - b : order.compare(a, b));
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      body.append(...[...body.rows].sort((a, b) => sign * compare(value(a, column), value(b, column))));
    });
  });
}
