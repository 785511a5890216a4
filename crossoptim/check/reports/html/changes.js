// What comes before the matrix: what changed since another run, what was not expected, known departures.

// A list that begins with a few entries and shows the rest on demand.
const shortened = (entries, few = 12) => {
  const list = el("ul", { class: "cases" }, entries.slice(0, few));
  if (entries.length <= few + 1) return el("ul", { class: "cases" }, entries);
  const more = el(
    "button",
    {
      type: "button",
      onclick: () => {
        list.append(...entries.slice(few));
        more.remove();
        const next = list.children[few].querySelector("button");
        if (next) next.focus();
      },
    },
    `${entries.length - few} more`,
  );
  return [list, more];
};

const drawChanges = () => {
  if (!DATA.compared) return;
  const home = byId("changes");
  home.hidden = false;
  const versions = DATA.implementations
    .map((i) => [i, (DATA.compared.implementations[i.name] || {}).version])
    .filter(([i, before]) => before !== undefined && before !== i.version)
    .map(([i, before]) => `${i.title} ${before || "not here"} → ${i.version || "not here"}`);
  const groups = new Map();
  for (const change of CHANGES) {
    const name =
      change.before === change.after ? `${change.after}, as before` : `${change.before || "not judged"} → ${change.after || "not judged"}`;
    groups.set(name, [...(groups.get(name) || []), change]);
  }
  const grave = ({ before, after }) => (SEVERITY[after] ?? -1) - (SEVERITY[before] ?? -1);
  const sorted = [...groups].sort(([, [a]], [, [b]]) => grave(b) - grave(a));
  put(home, {}, [
    el("h2", { id: "changes-title" }, `Changes since ${DATA.compared.name}`),
    versions.length > 0 && el("p", {}, versions.join("; ")),
    el(
      "p",
      {},
      CHANGES.length ? `${plural(CHANGES.length, "result")} changed; Δ marks them in the matrix.` : "Every result is what it was.",
    ),
    sorted.map(([name, changes]) =>
      el("details", { open: grave(changes[0]) > 0 }, el("summary", {}, `${name} (${changes.length})`), shortened(changes.map(changed), 3)),
    ),
  ]);
};

const changed = ({ result, id, implementation, mode, sentence }) =>
  el(
    "li",
    {},
    result ? caseButton(result, (r) => openResult(r, null, ""), true) : el("p", { class: "gone" }, `${id}, ${implementation}, ${mode}`),
    el("p", { class: "hint" }, sentence),
  );

const drawAttention = () => {
  const home = byId("attention");
  const surprises = RESULTS.filter((r) => r.unexpected);
  const quirks = grouped(
    RESULTS.flatMap((r) => r.quirks.map((id) => ({ id, r }))),
    ({ id }) => id,
  );
  if (!surprises.length && !quirks.size) return;
  home.hidden = false;
  // what one change of the equation explains belongs together, whichever line of it changes
  const why = (r) => (r.diagnosis ? r.diagnosis.split(" (")[0] : r.case.topic);
  const alike = [...grouped(surprises, (r) => [r.implementation.name, r.case.optimizer, why(r)].join()).values()];
  put(home, {}, [
    el("h2", { id: "attention-title" }, "To look at"),
    surprises.length > 0 &&
      el(
        "details",
        { class: "unexpected", open: true },
        el("summary", {}, `Unexpected (${surprises.length})`),
        shortened(
          alike.map(([r, ...more]) =>
            el(
              "li",
              {},
              caseButton(r, (one) => openResult(one, null, ""), true),
              el("p", { class: "diagnosis" }, r.diagnosis || r.reason),
              more.length > 0 &&
                el(
                  "p",
                  { class: "hint" },
                  `and ${more.length} more like it in ${r.case.optimizer}: ${[...new Set([r, ...more].map((one) => one.case.topic))].join(", ")}`,
                ),
            ),
          ),
          3,
        ),
      ),
    quirks.size > 0 &&
      el(
        "details",
        { class: "known" },
        el("summary", {}, `Known departures (${quirks.size})`),
        shortened(
          [...quirks]
            .sort(([a], [b]) => a.localeCompare(b))
            .map(([id, where]) =>
              el(
                "li",
                {},
                el(
                  "button",
                  {
                    type: "button",
                    class: "case",
                    onclick: () =>
                      openQuirk(
                        id,
                        where.map(({ r }) => r),
                      ),
                  },
                  el("span", { class: "id" }, id),
                  el("span", { class: "mode" }, plural(new Set(where.map(({ r }) => r.case.id)).size, "case")),
                  el("span", { class: "comment" }, (DATA.quirks[id] || {}).title),
                ),
              ),
            ),
        ),
      ),
  ]);
};

const openQuirk = (id, results) => {
  const back = () => openQuirk(id, results);
  show(
    id,
    null,
    quirkPart(id),
    section(
      "Where it shows",
      shortened(
        results.map((r) =>
          el(
            "li",
            {},
            caseButton(r, (one) => openResult(one, back, id), true),
          ),
        ),
      ),
    ),
  );
};
