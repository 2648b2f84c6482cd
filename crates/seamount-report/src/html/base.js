// Numbers as text, elements, and tables that sort.

const count = (n) => Math.round(n).toLocaleString("en-US");
const tenths = (n) => n.toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const kib = (bytes) => tenths(bytes / 1024);
const size = (bytes) => (bytes < 10 * 2 ** 20 ? `${kib(bytes)} KiB` : `${tenths(bytes / 2 ** 20)} MiB`);
/** With a decimal near the ends, so that nothing is called full or empty that is not. */
const percent = (share) => (share * 100).toFixed(share > 0 && (share < 0.1 || (share > 0.99 && share < 1)) ? 1 : 0) + " %";
const plural = (n, what) => `${count(n)} ${what}${n === 1 ? "" : "s"}`;

/** Three significant digits with a prefix: 1.23 M. */
function short(n) {
  const units = [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]];
  for (const [size, unit] of units) if (Math.abs(n) >= size * 0.9995) return digits(n / size) + unit;
  return Number.isInteger(n) ? String(n) : digits(n);
}
const digits = (n) => (n === 0 ? "0" : Math.abs(n) >= 1e4 || Math.abs(n) < 1e-3 ? n.toExponential(2) : String(Number(n.toPrecision(3))));

/** Runs of numbers: 0–4, 7. */
function runs(numbers) {
  const parts = [];
  for (let at = 0; at < numbers.length; ) {
    let end = at;
    while (numbers[end + 1] === numbers[end] + 1) end++;
    parts.push(end === at ? `${numbers[at]}` : `${numbers[at]}–${numbers[end]}`);
    at = end + 1;
  }
  return parts.length > 6 ? parts.slice(0, 5).join(", ") + `, +${parts.length - 5}` : parts.join(", ");
}

/** An element. Text is always set as text, never as markup: names in a report are data. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  set(node, attributes);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}
function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(node, attributes);
  node.append(...children.flat());
  return node;
}
function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
}

/** A gauge of a share from 0 to 1; `most` is drawn paler behind it. */
function gauge(share, most = null) {
  const width = (value) => `${Math.min(100, Math.max(value > 0 ? 1 : 0, value * 100)).toFixed(1)}%`;
  const bars = [];
  if (most !== null) bars.push(el("i", { class: "most", style: { width: width(most) } }));
  bars.push(el("i", { style: { width: width(share) } }));
  return el("span", { class: "bar", "aria-hidden": "true" }, bars);
}

let groupOfChoices = 0;
/** Radio buttons in a row. `options` are [value, label, disabled]. */
function choice(legend, options, chosen, onchange) {
  const name = `choice${groupOfChoices++}`;
  return el("fieldset", { class: "choice" }, el("legend", {}, legend), options.map(([value, label, disabled]) =>
    el("label", { title: disabled || null },
      el("input", { type: "radio", name, value, checked: value === chosen, disabled: Boolean(disabled), onchange: () => onchange(value) }), label)));
}

/**
 * A table whose headings sort it.
 * Columns: {name, of: row => value, show?: (value, row) => text or node, number?, class?, sort?: row => key}.
 */
function table(caption, columns, rows, { go = null, max = 400 } = {}) {
  const body = el("tbody");
  const trs = new Map();
  const tr = (row) => {
    if (!trs.has(row)) {
      const cells = columns.map((column, at) => {
        const value = column.of(row);
        const shown = column.show ? column.show(value, row) : value === null ? "" : String(value);
        const tag = at === 0 ? "th" : "td";
        const title = column.class === "name" ? String(value) : null;
        return el(tag, { class: [column.number ? "n" : "", column.class || ""].join(" ").trim() || null, scope: at === 0 ? "row" : null, title }, shown);
      });
      const attributes = go ? { "data-go": "", tabindex: 0, onclick: () => go(row), onkeydown: (event) => { if (event.key === "Enter") go(row); } } : {};
      trs.set(row, el("tr", attributes, cells));
    }
    return trs.get(row);
  };
  let shown = max;
  let order = rows;
  const more = el("button", { type: "button", class: "quiet", onclick: () => { shown = Infinity; fill(); } });
  const fill = () => {
    body.replaceChildren(...order.slice(0, shown).map(tr));
    more.hidden = order.length <= shown;
    more.textContent = `Show all ${count(order.length)} rows`;
  };
  const heads = columns.map((column) => {
    const head = el("th", { class: column.number ? "n" : null, scope: "col" });
    // A column without a name is a picture of one that has one.
    if (column.name) head.append(el("button", { type: "button", title: column.about || null, onclick: () => sort(column, head) }, column.name));
    return head;
  });
  const sort = (column, head) => {
    const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : Boolean(column.number);
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = column.sort || column.of;
    const compare = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === null || y === null) return (x === null) - (y === null);
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
    };
    order = [...rows].sort(compare);
    fill();
  };
  fill();
  const wrap = el("div", { class: "table-wrap", tabindex: 0, role: "region", "aria-label": caption },
    el("table", { "aria-label": caption }, el("thead", {}, el("tr", {}, heads)), body));
  const all = el("div", {}, wrap, el("p", {}, more));
  if (order.length <= shown) all.lastChild.remove();
  all.refill = (keep) => { rows = keep; order = keep; heads.forEach((head) => head.removeAttribute("aria-sort")); fill(); };
  return all;
}

const folded = (summary, ...children) => el("details", {}, el("summary", {}, summary), children);
