// What opens over the matrix: the cases of a cell, and one case whole.

const dialog = byId("dialog");
const PAGE = 100;

const show = (title, back, ...content) => {
  dialog.replaceChildren(
    el(
      "div",
      { class: "bar" },
      back,
      el("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "✕"),
    ),
    el("h2", { id: "dialog-title", tabindex: -1 }, title),
    ...content.flat(Infinity).filter(Boolean),
  );
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  byId("dialog-title").focus();
};

// A click beside the dialog closes it.
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

// `where`: whether the implementation is said; `what`: whether the case is.
const caseButton = (r, open, where = false, what = true) =>
  el(
    "button",
    { type: "button", class: "case", onclick: () => open(r) },
    badge(r.verdict, marks([r])),
    what && el("span", { class: "id" }, r.case.id),
    el("span", { class: "mode" }, where ? `${r.implementation.title}, ${r.mode}` : r.mode),
    what && el("span", { class: "comment" }, r.case.comment),
  );

// The cases of a cell, those that matter most first.
const openCell = (name, column, results) => {
  const sorted = [...results].sort((a, b) => b.unexpected - a.unexpected || b.verdict.severity - a.verdict.severity);
  const back = () => openCell(name, column, results);
  const list = el("ul", { class: "cases" });
  const more = (from) => {
    for (const r of sorted.slice(from, from + PAGE))
      list.append(
        el(
          "li",
          {},
          caseButton(r, (chosenOne) => openResult(chosenOne, back, name)),
        ),
      );
    const rest = sorted.length - from - PAGE;
    if (rest > 0) {
      const button = el(
        "button",
        {
          type: "button",
          onclick: () => {
            button.remove();
            more(from + PAGE);
            list.children[from + PAGE].querySelector("button").focus();
          },
        },
        `${Math.min(rest, PAGE)} more of ${rest}`,
      );
      list.after(button);
    }
  };
  show(
    `${name}, ${column.title}`,
    null,
    el(
      "p",
      { class: "counts" },
      tally(results).map(([verdict, count]) => [badge(verdict), ` ${count}  `]),
    ),
    list,
  );
  more(0);
};

const section = (title, ...content) => {
  const inside = content.flat(Infinity).filter(Boolean);
  return inside.length ? el("section", {}, el("h3", {}, title), inside) : null;
};

// One case on one implementation, whole.
const openResult = (r, back, name) => {
  const who = r.implementation.title;
  const detail = DATA.details[r.place];
  const golden = DATA.golden[r.at];
  show(
    r.case.id,
    back && el("button", { type: "button", class: "back", onclick: back }, `← ${name}`),
    el(
      "p",
      { class: "who" },
      badge(r.verdict, marks([r])),
      ` ${who} ${r.implementation.version}${r.implementation.source === "recorded" ? " (recorded)" : ""}, ${r.mode}, ${r.case.dtype}`,
    ),
    el("p", {}, r.case.comment),
    verdictPart(r),
    r.quirks.map(quirkPart),
    detail ? drawings(r, detail, golden, who) : absent(r),
    casePart(r.case),
    section(
      "Equation",
      (r.case.equations || []).map((place) => equation(DATA.equations[place])),
    ),
    others(r),
  );
};

const verdictPart = (r) => {
  const f = r.finding;
  return el(
    "section",
    { class: `finding${r.unexpected ? " unexpected" : ""}`, "aria-label": "Verdict" },
    el("p", {}, el("strong", {}, r.verdict.name), `: ${r.verdict.meaning}${r.unexpected ? "; not expected" : ""}`),
    r.change && el("p", {}, el("strong", {}, "Changed "), r.change.sentence),
    f &&
      terms([
        ["where", f.place],
        ["what", f.remark],
        ["got", f.got && el("code", {}, f.got)],
        ["expected", f.expected && el("code", {}, f.expected)],
        ["bound", f.bound],
        ["ulps", f.ulps],
      ]),
    r.reason && el("p", { class: "reason" }, r.reason),
    r.diagnosis && el("p", { class: "diagnosis" }, el("strong", {}, "Diagnosis "), r.diagnosis),
    r.drift !== undefined &&
      el("p", { class: "hint" }, `The last parameters are ${brief(number(r.drift))} ulps from the golden path (reported, not judged).`),
    r.trace && el("details", {}, el("summary", {}, "What it printed"), el("pre", {}, r.trace)),
  );
};

const quirkPart = (id) => {
  const quirk = DATA.quirks[id] || {};
  return el(
    "section",
    { class: "quirk", "aria-label": "Known departure" },
    el("h3", {}, el("code", {}, id)),
    el("p", {}, quirk.title, quirk.kind && ` (${quirk.kind})`),
    terms([
      ["advice", quirk.advice],
      ["upstream", quirk.upstream && linked(quirk.upstream)],
      ["issue", quirk.issue && linked(quirk.issue)],
      ["versions", quirk.versions],
      ["more", el("code", {}, `crossoptim show ${id}`)],
    ]),
  );
};

const drawings = (r, detail, golden, who) => {
  const mark = r.finding && r.finding.step;
  const rates = r.case.optimizer === "schedules";
  const plane = golden && golden.plane;
  const paths = golden && curvesOf(golden.series),
    mine = detail.series && curvesOf(detail.series, golden.series);
  const problem = DATA.problems[r.case.problem];
  return [
    detail.probes && section("What was tried", probes(detail.probes)),
    plane && detail.series && section("Over the contours", drawPlane(plane, paths, mine, who, problem.title)),
    detail.series && section(rates ? "Rates" : "Parameters and loss", curveCharts(paths, mine, who, mark)),
    detail.errors && section("Error a step", errorCharts(detail.errors, Boolean(detail.fromGolden), who, mark, rates ? 0 : 1)),
  ];
};

const absent = (r) => {
  if (["unsupported", "not run", "raises"].includes(r.verdict.name) || r.verdict.severity < SEVERITY.exact) return null;
  const command = `crossoptim check -s '${r.case.id}' -r ${r.implementation.name} -m ${r.mode} --html case.html`;
  return section(
    "Drawings",
    el(
      "p",
      {},
      "This page holds curves and errors of every result that is not exact or rounding, and of one of each kind of the others. This one has none here; they are made with",
    ),
    el("pre", {}, command),
    el("p", {}, "and explained with"),
    el("pre", {}, `crossoptim diagnose '${r.case.id}' -r ${r.implementation.name}`),
  );
};

const probes = (rows) =>
  grid(
    "What was tried",
    ["tried", "expected", "came", "said"],
    rows.map((texts) => tableRow(texts.map((place) => DATA.texts[place]))),
  );

const casePart = (c) => {
  const problem = DATA.problems[c.problem];
  const options = DATA.options[c.rule];
  if (!c.steps) return null;
  return section(
    "Case",
    terms([
      ["problem", problem && `${c.problem}: ${problem.title} (${problem.source})`],
      ["schedule", c.setting],
      ["on", c.on],
      ["steps", c.steps && String(c.steps)],
      ["groups", (c.groups || []).map((line) => el("div", {}, line))],
      ["events", (c.events || []).map((line) => el("div", {}, line))],
      [
        "flags",
        (c.flags || []).map((flag) =>
          el(
            "div",
            {},
            el("code", {}, flag),
            ` ${DATA.flags[flag].title}`,
            DATA.flags[flag].issues.length > 0 &&
              el(
                "details",
                {},
                el("summary", {}, plural(DATA.flags[flag].issues.length, "public report")),
                el(
                  "ul",
                  {},
                  DATA.flags[flag].issues.map((issue) => el("li", {}, linked(issue))),
                ),
              ),
          ),
        ),
      ],
    ]),
    options && [
      el("h4", {}, "Hyperparameters"),
      grid(
        "Hyperparameters",
        ["", "value", "default", "admissible", "meaning"],
        options.map(([key, standard, admissible, doc]) => {
          const own = (c.hyper || {})[key];
          return tableRow([key, own === undefined ? standard : own, standard, admissible, doc], { class: own === undefined ? "" : "own" });
        }),
      ),
    ],
  );
};

// The lines are MathML that this program wrote.
const equation = (held) => {
  if (held.algorithm) return el("pre", {}, held.algorithm);
  const box = el("div", { class: "equation scroll", tabindex: 0, role: "region", "aria-label": "Equation" });
  box.innerHTML = held.lines.map((line) => `<div>${DATA.lines[line]}</div>`).join("");
  return box;
};

const others = (r) => {
  const same = RESULTS.filter((other) => other.at === r.at && other !== r);
  return same.length
    ? section(
        "The same case elsewhere",
        el(
          "ul",
          { class: "cases" },
          same.map((other) =>
            el(
              "li",
              {},
              caseButton(other, (chosenOne) => openResult(chosenOne, () => openResult(r, null, ""), r.case.id), true, false),
            ),
          ),
        ),
      )
    : null;
};
