// Which results are looked at. The choice stands in the address, so that it can be sent to somebody.

const FILTERS = [
  {
    key: "optimizer",
    title: "Optimizer",
    values: () => RESULTS.map((r) => r.case.optimizer),
    of: (r, value) => r.case.optimizer === value,
  },
  {
    key: "topic",
    title: "Option",
    values: () => RESULTS.filter((r) => fits(r, "topic", ["optimizer"])).map((r) => r.case.topic),
    of: (r, value) => r.case.topic === value,
  },
  { key: "flag", title: "Flag", values: () => Object.keys(DATA.flags), of: (r, value) => (r.case.flags || []).includes(value) },
  { key: "dtype", title: "dtype", values: () => RESULTS.map((r) => r.case.dtype), of: (r, value) => r.case.dtype === value },
  {
    key: "implementation",
    title: "Implementation",
    values: () => DATA.implementations.map((i) => i.name),
    of: (r, value) => r.implementation.name === value,
  },
  { key: "mode", title: "Mode", values: () => DATA.modes, of: (r, value) => r.mode === value },
  {
    key: "verdict",
    title: "Verdict",
    values: () => [
      ...tally(RESULTS).map(([verdict]) => verdict.name),
      ...(RESULTS.some((r) => r.unexpected) ? ["unexpected"] : []),
      ...(CHANGES.length ? ["changed"] : []),
    ],
    of: (r, value) => (value === "unexpected" ? r.unexpected : value === "changed" ? Boolean(r.change) : r.verdict.name === value),
  },
];
const BY_KEY = Object.fromEntries(FILTERS.map((filter) => [filter.key, filter]));
const SORTED = new Set(["flag", "topic"]);

const chosen = Object.fromEntries(FILTERS.map((filter) => [filter.key, ""]));

const fits = (r, _, keys) => keys.every((key) => !chosen[key] || BY_KEY[key].of(r, chosen[key]));
const kept = () => {
  const active = FILTERS.filter((filter) => chosen[filter.key]);
  return RESULTS.filter((r) => active.every((filter) => filter.of(r, chosen[filter.key])));
};

const readAddress = () => {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const { key } of FILTERS) chosen[key] = given.get(key) || "";
};

const writeAddress = () => {
  const given = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value));
  history.replaceState(null, "", `#${given}`);
};

const drawFilters = (changed) => {
  const form = byId("filters");
  form.replaceChildren();
  for (const { key, title, values } of FILTERS) {
    const options = [...new Set(values())];
    if (SORTED.has(key)) options.sort();
    if (chosen[key] && !options.includes(chosen[key])) chosen[key] = "";
    const choose = (event) => {
      chosen[key] = event.target.value;
      writeAddress();
      changed();
      byId(`filter-${key}`).focus();
    };
    form.append(
      el(
        "label",
        { class: chosen[key] ? "set" : "" },
        el("span", {}, title),
        el(
          "select",
          { id: `filter-${key}`, name: key, onchange: choose },
          el("option", { value: "" }, "all"),
          options.map((value) => el("option", { value, selected: value === chosen[key] }, value)),
        ),
      ),
    );
  }
  const clear = () => {
    for (const key of Object.keys(chosen)) chosen[key] = "";
    writeAddress();
    changed();
    byId("filter-optimizer").focus();
  };
  form.append(el("button", { type: "button", id: "reset", onclick: clear, disabled: !Object.values(chosen).some(Boolean) }, "Show all"));
};
