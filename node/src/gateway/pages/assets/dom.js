// Elements, made without ever reading text as HTML: what strangers write stays text.

/** An element with attributes (functions become listeners) and children. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A table: columns are [title, cell, class]; on a phone each row becomes a list. */
export function table(caption, columns, rows) {
  const head = h("tr", {}, columns.map(([title, , kind]) => h("th", { scope: "col", class: kind }, title)));
  const line = (row) => h("tr", {}, columns.map(([title, cell, kind], index) =>
    h(index === 0 ? "th" : "td", { class: kind, "data-label": title, scope: index === 0 ? "row" : null }, h("span", {}, cell(row) ?? "–"))));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { class: "stack" }, h("caption", {}, caption), h("thead", {}, head), h("tbody", {}, rows.map(line))));
}

/** Names and values. */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** The end of an id, which is what differs. */
export const short = (id) => "…" + id.slice(-8);

/** An id: short, in full on hovering. */
export const id = (text) => h("code", { title: text }, short(text));

/** A time span in milliseconds, for people. */
export function age(ms) {
  const units = [["d", 86400e3], ["h", 3600e3], ["m", 60e3], ["s", 1e3]];
  const [name, size] = units.find(([, size]) => ms >= size) ?? ["s", 1e3];
  return Math.floor(ms / size) + " " + name;
}

export const millis = (ms) => (ms === null || ms === undefined ? null : ms.toFixed(ms > 0 && ms < 10 ? 2 : 0) + " ms");

export const count = (n, one, many) => `${n} ${n === 1 ? one : many}`;

/** What went wrong, where people see it and screen readers say it. */
export const problem = (error) => h("p", { class: "note bad", role: "alert" }, error.message ?? String(error));
