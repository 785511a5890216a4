// Makes elements. Text goes in as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

const put = (node, attributes, children) => {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return node;
};

const el = (tag, attributes, ...children) => put(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => put(document.createElementNS(SVG, tag), attributes, children);
const byId = (id) => document.getElementById(id);

// A table that scrolls by itself, and a row of it, whose first cell is its head.
const grid = (label, heads, rows) =>
  el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
    el(
      "table",
      {},
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          heads.map((head) => el("th", { scope: "col" }, head)),
        ),
      ),
      el("tbody", {}, rows),
    ),
  );

const tableRow = (cells, attributes) =>
  el(
    "tr",
    attributes,
    cells.map((cell, k) => el(k ? "td" : "th", k ? {} : { scope: "row" }, cell)),
  );

const plural = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

// A text with its web addresses as links; those of a file in a repository at a commit lead to its line.
const linked = (text) => {
  const parts = [];
  let last = 0;
  for (const match of text.matchAll(
    /https?:\/\/[^\s)]+|github\.com\/([\w.-]+\/[\w.-]+)@([0-9a-f]{7,40}):([\w./-]+?)(?::(\d+)[\d,-]*)?(?=[\s,;)]|$)/g,
  )) {
    const [all, repository, commit, path, line] = match;
    const address = repository ? `https://github.com/${repository}/blob/${commit}/${path}${line ? `#L${line}` : ""}` : all;
    parts.push(text.slice(last, match.index), el("a", { href: address, rel: "noreferrer" }, all));
    last = match.index + all.length;
  }
  return [...parts, text.slice(last)];
};

// Terms and what they stand for; those without anything are left out.
const terms = (pairs) =>
  el(
    "dl",
    {},
    pairs
      .filter(([, value]) => value && (!Array.isArray(value) || value.length))
      .map(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]),
  );
