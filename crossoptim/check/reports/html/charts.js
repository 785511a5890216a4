// Small charts: curves over steps. The golden one is a broad line, the implementation's a thin dashed one with crosses.

const WIDE = 300,
  HIGH = 130,
  LEFT = 46,
  RIGHT = 8,
  TOP = 8,
  BOTTOM = 20;

const brief = (value) =>
  value === 0 ? "0" : Math.abs(value) >= 1e4 || Math.abs(value) < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));

const span = (values) => {
  const known = values.filter((value) => Number.isFinite(value));
  if (!known.length) return [0, 1];
  const low = Math.min(...known),
    high = Math.max(...known);
  return low === high ? [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2] : [low, high];
};

// A linear scale; what is not finite stands on the upper or lower edge.
const linear = (values) => {
  const [low, high] = span(values);
  const inside = HIGH - TOP - BOTTOM;
  const at = (value) =>
    value === Infinity ? TOP : value === -Infinity ? HIGH - BOTTOM : HIGH - BOTTOM - ((value - low) / (high - low)) * inside;
  return { at, ticks: [low, (low + high) / 2, high].map((value) => [value, brief(value)]) };
};

// A logarithmic scale of errors: nothing at all is the lowest line, infinity the upper edge.
const logarithmic = (values) => {
  const known = values.filter((value) => Number.isFinite(value) && value > 0).map(Math.log10);
  const low = Math.min(-1, Math.floor(Math.min(...known, 0))),
    high = Math.max(1, Math.ceil(Math.max(...known, 0)));
  const floor = HIGH - BOTTOM,
    inside = floor - TOP - 12;
  const at = (value) => (value === 0 ? floor : value === Infinity ? TOP : floor - 12 - ((Math.log10(value) - low) / (high - low)) * inside);
  const stride = Math.max(1, Math.ceil((high - low) / 4));
  const powers = Array.from({ length: Math.floor((high - low) / stride) + 1 }, (_, k) => low + k * stride);
  return { at, ticks: [[0, "0"], ...powers.map((k) => [10 ** k, Math.abs(k) < 4 ? String(Number((10 ** k).toPrecision(1))) : `1e${k}`])] };
};

// A path through the points that are known.
const path = (values, x, y) => {
  let out = "",
    down = false;
  values.forEach((value, place) => {
    if (value === null || Number.isNaN(value)) {
      down = false;
      return;
    }
    out += `${down ? "L" : "M"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
    down = true;
  });
  return out;
};

const cross = (x, y, r = 2.5) => `M${(x - r).toFixed(1)} ${(y - r).toFixed(1)}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}`;

// `lines`: kind (golden, mine, bound), values. `first`: the step of the first value. `mark`: a step to point out.
const chart = ({ title, said, lines, scale, first = 0, mark }) => {
  const length = Math.max(...lines.map((line) => line.values.length));
  const x = (place) => LEFT + (place / Math.max(1, length - 1)) * (WIDE - LEFT - RIGHT);
  const drawn = svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": said || title, class: "chart" });
  for (const [value, label] of scale.ticks) {
    const y = scale.at(value);
    drawn.append(
      svg("line", { class: "rule", x1: LEFT, x2: WIDE - RIGHT, y1: y, y2: y }),
      svg("text", { x: LEFT - 5, y: y + 3.5, "text-anchor": "end" }, label),
    );
  }
  for (const place of [...new Set([0, Math.floor((length - 1) / 2), length - 1])]) {
    drawn.append(svg("text", { x: x(place), y: HIGH - 5, "text-anchor": "middle" }, String(place + first)));
  }
  if (mark !== undefined)
    drawn.append(svg("line", { class: "mark", x1: x(mark - first), x2: x(mark - first), y1: TOP, y2: HIGH - BOTTOM }));
  for (const { kind, values } of lines) {
    drawn.append(svg("path", { class: kind, d: path(values, x, scale.at) }));
    if (kind === "mine")
      drawn.append(
        svg("path", {
          class: "crosses",
          d: values.map((v, k) => (v === null || Number.isNaN(v) ? "" : cross(x(k), scale.at(v)))).join(""),
        }),
      );
  }
  return el("figure", { class: "small" }, el("figcaption", {}, title), drawn);
};

// The numbers behind charts, for readers and for those who do not see them.
const table = (heads, rows) =>
  el(
    "details",
    { class: "numbers" },
    el("summary", {}, "The numbers"),
    grid(
      "Numbers",
      heads,
      rows.map((values) => tableRow(values.map((value) => (value === null ? "–" : String(value))))),
    ),
  );

const key = (entries) =>
  el(
    "p",
    { class: "key" },
    entries.map(([kind, label]) =>
      el(
        "span",
        {},
        svg(
          "svg",
          { viewBox: "0 0 34 10", "aria-hidden": "true", class: "chart" },
          svg("path", { class: kind, d: "M1 5L33 5" }),
          kind === "mine" && svg("path", { class: "crosses", d: cross(17, 5) }),
        ),
        label,
      ),
    ),
  );

const curveCharts = (golden, mine, who, mark) => {
  const labels = Object.keys(mine).filter((label) => label in golden);
  const charts = labels.map((label) => {
    const lines = [
      { kind: "golden", values: golden[label] },
      { kind: "mine", values: mine[label] },
    ];
    return chart({
      title: label,
      said: `${label} over ${plural(lines[0].values.length - 1, "step")}: golden and ${who}`,
      lines,
      scale: linear(lines.flatMap((line) => line.values)),
      mark,
    });
  });
  const rows = (golden[labels[0]] || []).map((_, step) => [step, ...labels.flatMap((label) => [golden[label][step], mine[label][step]])]);
  return [
    key([
      ["golden", "golden"],
      ["mine", who],
    ]),
    el("div", { class: "charts" }, charts),
    table(["step", ...labels.flatMap((label) => [`${label}, golden`, `${label}, ${who}`])], rows),
  ];
};

const errorCharts = (held, fromGolden, who, mark, first) => {
  const errors = Object.fromEntries(Object.entries(held).map(([label, pair]) => [label, pair.map(numbers)]));
  const labels = Object.keys(errors);
  const charts = labels.map((label) => {
    const [error, bound] = errors[label];
    const out = error.findIndex((value, k) => value !== null && bound[k] !== null && value > bound[k]);
    const most = Math.max(0, ...error.filter((value) => value !== null && !Number.isNaN(value)));
    const bounded = bound.some((value) => value !== null);
    const said =
      `${label}: at most ${brief(most)} ulps` +
      (out >= 0 ? `; outside the bound at step ${out + first}` : bounded ? "; inside the bound" : "");
    const lines = [...(bounded ? [{ kind: "bound", values: bound }] : []), { kind: "mine", values: error }];
    return chart({
      title: [label, el("small", {}, said.slice(label.length + 2))],
      said,
      lines,
      scale: logarithmic([...error, ...bound].filter((v) => v !== null)),
      first,
      mark,
    });
  });
  const rows = (errors[labels[0]] || [[]])[0].map((_, k) => [
    k + first,
    ...labels.flatMap((label) => (fromGolden ? [errors[label][0][k]] : [errors[label][0][k], errors[label][1][k]])),
  ]);
  return [
    el(
      "p",
      { class: "hint" },
      fromGolden
        ? "How far the path lies from the golden one, in units of the last place (ulps), on a logarithmic scale."
        : "The error of each step, taken from the implementation's own previous state, against the equation without quirks, in units of the last place (ulps), on a logarithmic scale; of the element that is nearest to its bound, or farthest beyond it.",
    ),
    key([["mine", who], ...(fromGolden ? [] : [["bound", "what rounding allows"]])]),
    el("div", { class: "charts" }, charts),
    table(["step", ...labels.flatMap((label) => (fromGolden ? [label] : [label, `${label}, bound`]))], rows),
  ];
};
