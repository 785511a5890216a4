// The matrix: a row an optimizer, or a topic of its cases, a column an implementation. One cell can be reached with Tab, the others with arrows.

const opened = new Set();
const FEW = 4;

const grouped = (results, key) => {
  const found = new Map();
  for (const r of results) {
    const name = key(r);
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(r);
  }
  return found;
};

const topicsOf = (results) => [...grouped(results, (r) => r.case.topic)].sort(([a], [b]) => (b === "plain") - (a === "plain"));

const drawMatrix = (results, open) => {
  const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.cell : undefined;
  const columns = DATA.implementations.filter((_, place) => results.some((r) => r.column === place));
  const optimizers = grouped(results, (r) => r.case.optimizer);
  const all = optimizers.size <= FEW;
  const table = el("table", { role: "grid", "aria-label": "Verdicts: optimizers by implementations", "aria-colcount": columns.length + 1 });
  table.append(
    el(
      "thead",
      { role: "rowgroup" },
      el(
        "tr",
        { role: "row" },
        el("td", { role: "gridcell", class: "corner" }),
        columns.map((i) =>
          el(
            "th",
            { role: "columnheader", scope: "col" },
            i.title,
            el("small", {}, [i.version, i.source === "live" ? "" : i.source || "not here"].filter(Boolean).join(", ")),
          ),
        ),
      ),
    ),
  );
  const body = el("tbody", { role: "rowgroup" });
  for (const [optimizer, mine] of optimizers) {
    const topics = topicsOf(mine);
    const unfolded = all || opened.has(optimizer);
    const fold = () => {
      if (opened.has(optimizer)) opened.delete(optimizer);
      else opened.add(optimizer);
      redraw();
    };
    const head =
      all || topics.length < 2
        ? el("span", { class: "name" }, optimizer)
        : el(
            "button",
            {
              type: "button",
              class: "name",
              "data-cell": `fold ${optimizer}`,
              tabindex: -1,
              "aria-expanded": String(unfolded),
              onclick: fold,
            },
            optimizer,
          );
    body.append(row(head, optimizer, mine, columns, open, unfolded && topics.length > 1 ? "whole" : ""));
    if (unfolded && topics.length > 1) {
      for (const [topic, those] of topics)
        body.append(row(el("span", { class: "name" }, topic), `${optimizer}, ${topic}`, those, columns, open, "topic"));
    }
  }
  table.append(body);
  byId("matrix").replaceChildren(results.length ? table : el("p", { class: "notice" }, "No result fits these filters."));
  rove(table, focused);
};

const row = (head, name, results, columns, open, kind) => {
  const cells = grouped(results, (r) => r.implementation);
  return el(
    "tr",
    { role: "row", class: kind },
    el("th", { role: "rowheader", scope: "row" }, head),
    columns.map((column) => cell(name, column, cells.get(column) || [], open)),
  );
};

const cell = (name, column, results, open) => {
  if (!results.length) return el("td", { role: "gridcell" });
  const verdict = worst(results),
    behind = marks(results);
  const said = [
    `${name}, ${column.title}: ${verdict.name}`,
    plural(results.length, "result"),
    behind.includes("!") ? "not expected" : "",
    behind.includes("Δ") ? "changed" : "",
  ]
    .filter(Boolean)
    .join(", ");
  return el(
    "td",
    { role: "gridcell" },
    el(
      "button",
      {
        type: "button",
        class: `cell ${slug(verdict)}${behind.includes("!") ? " unexpected" : ""}`,
        tabindex: -1,
        "data-cell": `${name} ${column.name}`,
        "aria-label": said,
        title: tally(results)
          .map(([v, count]) => `${count} ${v.name}`)
          .join(", "),
        "aria-haspopup": "dialog",
        onclick: () => open(name, column, results),
      },
      el("span", { class: "long" }, verdict.name),
      el("span", { class: "short" }, verdict.short),
      behind,
      el("small", {}, results.length),
    ),
  );
};

// Arrow keys move between what can be pressed; Tab enters where one was last.
const rove = (table, focused) => {
  const grid = [...table.rows].map((line) => [...line.cells].map((place) => place.querySelector("button")));
  const all = grid.flat().filter(Boolean);
  if (!all.length) return;
  const enter = (button, focus) => {
    for (const other of all) other.tabIndex = -1;
    button.tabIndex = 0;
    if (focus) button.focus();
  };
  const before = all.find((button) => button.dataset.cell === focused);
  enter(before || all.find((button) => button.classList.contains("cell")) || all[0], Boolean(before));
  table.addEventListener("focusin", (event) => all.includes(event.target) && enter(event.target, false));
  table.addEventListener("keydown", (event) => {
    const y = grid.findIndex((line) => line.includes(event.target));
    if (y < 0) return;
    const x = grid[y].indexOf(event.target);
    const next = step(grid, x, y, event);
    if (!next) return;
    event.preventDefault();
    enter(next, true);
  });
};

const step = (grid, x, y, event) => {
  const along = (dx, dy) => {
    for (let i = x + dx, j = y + dy; j >= 0 && j < grid.length && i >= 0 && i < grid[j].length; i += dx, j += dy)
      if (grid[j][i]) return grid[j][i];
    return null;
  };
  const line = event.ctrlKey ? grid.flat().filter(Boolean) : grid[y].filter(Boolean);
  switch (event.key) {
    case "ArrowRight":
      return along(1, 0);
    case "ArrowLeft":
      return along(-1, 0);
    case "ArrowDown":
      return along(0, 1);
    case "ArrowUp":
      return along(0, -1);
    case "Home":
      return line[0];
    case "End":
      return line[line.length - 1];
    default:
      return null;
  }
};
