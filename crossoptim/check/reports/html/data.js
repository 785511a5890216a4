// What the page holds: rows that name what they share by its place, here with names.

const DATA = JSON.parse(byId("data").textContent);

const SPECIAL = { NaN, Inf: Infinity, "-Inf": -Infinity, "~": null };
const number = (text) => (text in SPECIAL ? SPECIAL[text] : Number(text));

// A curve: "0.5 0*3" is 0.5 and three times 0; "~" is nothing.
const numbers = (text) =>
  text === ""
    ? []
    : text.split(" ").flatMap((part) => {
        const [value, count] = part.split("*");
        return Array(Number(count || 1)).fill(number(value));
      });

// Curves by label; "=" is the golden one.
const curvesOf = (series, golden = {}) =>
  Object.fromEntries(Object.entries(series).map(([label, text]) => [label, numbers(text === "=" ? golden[label] : text)]));

const RESULTS = DATA.results.map(([at, column, mode, verdict, unexpected, more = {}], place) => ({
  place,
  at,
  case: DATA.cases[at],
  column,
  implementation: DATA.implementations[column],
  mode: DATA.modes[mode],
  verdict: DATA.verdicts[verdict],
  unexpected: Boolean(unexpected),
  quirks: more.quirks || [],
  finding: more.finding,
  drift: more.drift,
  carried: Boolean(more.carried),
  reason: DATA.texts[more.reason] || "",
  diagnosis: DATA.texts[more.diagnosis] || "",
  trace: DATA.texts[more.trace] || "",
  change: null,
}));

const CHANGES = ((DATA.compared || {}).changes || []).map(([place, id, implementation, mode, before, after, sentence]) => ({
  result: RESULTS[place],
  id,
  implementation,
  mode,
  before,
  after,
  sentence,
}));
for (const change of CHANGES) if (change.result) change.result.change = change;

const SEVERITY = Object.fromEntries(DATA.verdicts.map((verdict) => [verdict.name, verdict.severity]));

// The verdict that stands for several results: the gravest.
const worst = (results) => results.reduce((found, r) => (r.verdict.severity > found.severity ? r.verdict : found), results[0].verdict);

// What is printed behind a verdict: "!" not expected, "*" judged with something that the library does not show, "Δ" not what it was.
const marks = (results) =>
  (results.some((r) => r.unexpected) ? "!" : "") + (results.some((r) => r.carried) ? "*" : "") + (results.some((r) => r.change) ? "Δ" : "");

const slug = (verdict) => verdict.name.replace(" ", "-");

// A verdict as a badge: the word for wide screens, the short one for narrow ones.
const badge = (verdict, behind = "") =>
  el(
    "span",
    { class: `badge ${slug(verdict)}` },
    el("span", { class: "long" }, verdict.name),
    el("span", { class: "short", "aria-hidden": "true" }, verdict.short),
    behind,
  );

const tally = (results) => {
  const counts = new Map();
  for (const r of results) counts.set(r.verdict, (counts.get(r.verdict) || 0) + 1);
  return DATA.verdicts.filter((verdict) => counts.has(verdict)).map((verdict) => [verdict, counts.get(verdict)]);
};
