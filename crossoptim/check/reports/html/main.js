// Puts the page together.

const redraw = () => {
  const results = kept();
  drawFilters(redraw);
  drawMatrix(results, openCell);
  const unexpected = results.filter((r) => r.unexpected).length;
  byId("status").textContent =
    `${plural(results.length, "result")} of ${new Set(results.map((r) => r.at)).size} cases shown${results.length < RESULTS.length ? ` (of ${RESULTS.length.toLocaleString("en")})` : ""}, ${unexpected} unexpected`;
};

const drawSummary = () => {
  const unexpected = RESULTS.filter((r) => r.unexpected).length;
  byId("summary").append(
    `${plural(RESULTS.length, "result")}, `,
    el("strong", { class: unexpected ? "unexpected" : "" }, `${unexpected} unexpected`),
    ". ",
    "Each implementation's steps are judged against the golden trajectories. Press a cell for its cases, a case for what stands behind it.",
  );
};

const drawLegend = () => {
  const used = new Set(RESULTS.map((r) => r.verdict.name));
  const signs = [
    ["!", "not expected", RESULTS.some((r) => r.unexpected)],
    ["*", "judged with a state variable that the library does not show", RESULTS.some((r) => r.carried)],
    ["Δ", "not what it was in the run compared with", CHANGES.length > 0],
  ];
  byId("legend").append(
    el(
      "dl",
      {},
      DATA.verdicts
        .filter((verdict) => used.has(verdict.name))
        .map((verdict) => [el("dt", {}, badge(verdict)), el("dd", {}, verdict.meaning)]),
      signs.filter(([, , shown]) => shown).map(([sign, meaning]) => [el("dt", {}, sign), el("dd", {}, meaning)]),
    ),
  );
};

const drawColumns = () => {
  byId("columns").append(
    el(
      "dl",
      {},
      DATA.implementations.map((i, place) => {
        const mine = RESULTS.filter((r) => r.column === place);
        return [
          el("dt", {}, i.title),
          el(
            "dd",
            {},
            `${[i.version, i.source].filter(Boolean).join(", ") || "not here"}: ${tally(mine)
              .map(([verdict, count]) => `${count} ${verdict.name}`)
              .join(", ")}`,
          ),
        ];
      }),
    ),
  );
};

readAddress();
drawSummary();
drawChanges();
drawAttention();
drawLegend();
drawColumns();
redraw();
window.addEventListener("hashchange", () => {
  readAddress();
  redraw();
});
