// The plane of two parameters: contours of the objective (marching squares), the golden path, and the implementation's.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PLANE = { width: 480, height: 360, left: 50, bottom: 20, top: 8, right: 10 };
const LEVELS = 14;

const decoded = (text) =>
  text
    .split(" ")
    .map((line) => Array.from({ length: line.length / 2 }, (_, k) => DIGITS.indexOf(line[2 * k]) * 64 + DIGITS.indexOf(line[2 * k + 1])));

// The segments of one level, as the data of a path; `x` and `y` map places of the grid.
const contour = (grid, level, x, y) => {
  const out = [];
  for (let j = 0; j + 1 < grid.length; j++) {
    for (let i = 0; i + 1 < grid[j].length; i++) {
      const corners = [
        [i, j],
        [i + 1, j],
        [i + 1, j + 1],
        [i, j + 1],
      ];
      const cuts = [];
      for (let k = 0; k < 4; k++) {
        const [a, b] = [corners[k], corners[(k + 1) % 4]];
        const [u, v] = [grid[a[1]][a[0]] - level, grid[b[1]][b[0]] - level];
        if (u < 0 !== v < 0) {
          const share = u / (u - v);
          cuts.push(`${x(a[0] + share * (b[0] - a[0])).toFixed(1)} ${y(a[1] + share * (b[1] - a[1])).toFixed(1)}`);
        }
      }
      for (let k = 0; k + 1 < cuts.length; k += 2) out.push(`M${cuts[k]}L${cuts[k + 1]}`);
    }
  }
  return out.join("");
};

const drawPlane = (plane, golden, mine, who, title) => {
  const { width, height, left, bottom, top, right } = PLANE;
  const [x0, x1, y0, y1] = plane.box;
  const x = (value) => left + ((value - x0) / (x1 - x0)) * (width - left - right);
  const y = (value) => height - bottom - ((value - y0) / (y1 - y0)) * (height - bottom - top);
  const grid = decoded(DATA.planes[plane.grid]);
  const gx = (i) => x(x0 + (i / (grid[0].length - 1)) * (x1 - x0));
  const gy = (j) => y(y0 + (j / (grid.length - 1)) * (y1 - y0));
  const paths = [
    [golden[plane.x], golden[plane.y]],
    [mine[plane.x], mine[plane.y]],
  ];
  const inside = (a, b) => Number.isFinite(a) && Number.isFinite(b) && a >= x0 && a <= x1 && b >= y0 && b <= y1;
  const gone = paths[1][0].findIndex((a, k) => !inside(a, paths[1][1][k]));
  const points = ([a, b]) => a.map((value, k) => [value, b[k]]).filter(([u, v]) => Number.isFinite(u) && Number.isFinite(v));
  const line = (both) =>
    points(both)
      .map(
        ([u, v], k) =>
          `${k ? "L" : "M"}${Math.max(-1e4, Math.min(1e4, x(u))).toFixed(1)} ${Math.max(-1e4, Math.min(1e4, y(v))).toFixed(1)}`,
      )
      .join("");
  const said = `The paths of ${plane.x} and ${plane.y} over the contours of ${title}: golden and ${who}`;
  const drawn = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": said, class: "chart plane" },
    svg("clipPath", { id: "box" }, svg("rect", { x: left, y: top, width: width - left - right, height: height - top - bottom })),
  );
  const within = svg("g", { "clip-path": "url(#box)" });
  for (let k = 1; k < LEVELS; k++) within.append(svg("path", { class: "contour", d: contour(grid, (k / LEVELS) * 4095, gx, gy) }));
  if (plane.minimum.length)
    within.append(svg("path", { class: "minimum", d: `M${x(plane.minimum[0]) - 6} ${y(plane.minimum[1])}h12m-6 -6v12` }));
  within.append(svg("path", { class: "golden", d: line(paths[0]) }));
  for (const [u, v] of points(paths[0])) within.append(svg("circle", { class: "dot", cx: x(u), cy: y(v), r: 3.5 }));
  within.append(
    svg("path", { class: "mine", d: line(paths[1]) }),
    svg("path", {
      class: "crosses",
      d: points(paths[1])
        .filter(([u, v]) => inside(u, v))
        .map(([u, v]) => cross(x(u), y(v), 3))
        .join(""),
    }),
  );
  drawn.append(within, svg("rect", { class: "frame", x: left, y: top, width: width - left - right, height: height - top - bottom }));
  for (const share of [0, 0.5, 1]) {
    const [u, v] = [x0 + share * (x1 - x0), y0 + share * (y1 - y0)];
    drawn.append(
      svg("text", { x: x(u), y: height - bottom + 14, "text-anchor": share === 0 ? "start" : share === 1 ? "end" : "middle" }, brief(u)),
      svg("text", { x: left - 5, y: y(v) + (share === 1 ? 9 : share === 0 ? 0 : 4), "text-anchor": "end" }, brief(v)),
    );
  }
  drawn.append(
    svg("text", { x: width - right - 6, y: height - bottom - 7, "text-anchor": "end", class: "axis" }, `${plane.x} →`),
    svg("text", { x: left + 6, y: top + 15, class: "axis" }, `↑ ${plane.y}`),
  );
  return [el("figure", {}, drawn), gone >= 0 && el("p", { class: "hint" }, `${who} leaves the picture at step ${gone}.`)];
};
