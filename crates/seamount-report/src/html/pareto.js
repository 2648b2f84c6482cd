// Mappings of the model side by side: what `seamount explore` found, this mapping among them.

const AXES = [
  { key: "n_chips", name: "chips", less: true },
  { key: "tokens_per_s", name: "tokens/s, generating", less: false },
  { key: "energy_mj_per_token", name: "mJ a token, generating", less: true },
  { key: "prefill_tokens_per_s", name: "tokens/s, reading a prompt", less: false },
  { key: "time_to_first_token_ms", name: "ms to the first token", less: true },
];

function paretoSection() {
  const { explored } = data;
  if (!explored) return null;
  const points = explored.points.filter((point) => point.result).map((point) => ({ ...point, ...point.result }));
  if (points.length === 0) return null;
  const name = (point) => `${point.objective}, ${point.weights}, ${plural(point.streams, "stream")}${point.max_chips === null ? "" : `, at most ${plural(point.max_chips, "chip")}`}`;
  const encodings = [...new Set(points.map((point) => point.weights))];
  // Blue, orange and green of Okabe and Ito, whom everybody can tell apart; shapes tell them apart as well.
  const colors = ["#0072b2", "#d55e00", "#009e73"];
  let [x, y] = [AXES[1], AXES[2]];
  const [width, height, left, top, right, bottom] = [1150, 440, 76, 26, 24, 46];
  const box = el("div", { class: "chart" });
  const readout = el("p", { class: "readout", "aria-live": "polite" });

  const axis = (of, from, to) => {
    const values = points.map((point) => Math.log10(Math.max(point[of.key], 1e-9)));
    const pad = Math.max(0.04, (Math.max(...values) - Math.min(...values)) * 0.08);
    const [low, high] = [Math.min(...values) - pad, Math.max(...values) + pad];
    const place = (value) => from + ((Math.log10(Math.max(value, 1e-9)) - low) / (high - low)) * (to - from);
    const ticks = [];
    for (let power = Math.floor(low); power <= high; power++) for (const digit of high - low > 1.6 ? [1] : high - low > 0.7 ? [1, 2, 5] : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8]) {
      const value = digit * 10 ** power;
      if (Math.log10(value) >= low && Math.log10(value) <= high) ticks.push(value);
    }
    return { place, ticks };
  };
  const mark = (point, px, py) => {
    const shape = encodings.indexOf(point.weights) % 3;
    const size = point.on_front ? 6 : 4.5;
    const path = [
      `M${px - size} ${py}a${size} ${size} 0 1 0 ${2 * size} 0a${size} ${size} 0 1 0 ${-2 * size} 0`,
      `M${px - size} ${py - size}h${2 * size}v${2 * size}h${-2 * size}z`,
      `M${px} ${py - size * 1.2}l${size * 1.2} ${size * 2.1}h${-2.4 * size}z`,
    ][shape];
    return svg("path", { d: path, fill: colors[shape], "fill-opacity": point.on_front ? 1 : 0.35, stroke: point.on_front ? css("--ink") : "none" });
  };
  const draw = () => {
    const [ax, ay] = [axis(x, left, width - right), axis(y, height - bottom, top)];
    const chart = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${y.name} over ${x.name}; the table below has the same` });
    for (const value of ax.ticks) chart.append(svg("line", { class: "grid", x1: ax.place(value), x2: ax.place(value), y1: top, y2: height - bottom }), svg("text", { x: ax.place(value), y: height - bottom + 17, "text-anchor": "middle" }, short(value)));
    for (const value of ay.ticks) chart.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: ay.place(value), y2: ay.place(value) }), svg("text", { x: left - 8, y: ay.place(value) + 4, "text-anchor": "end" }, short(value)));
    chart.append(svg("rect", { class: "axis", x: left, y: top, width: width - left - right, height: height - top - bottom }),
      svg("text", { class: "strong", x: (left + width - right) / 2, y: height - 10, "text-anchor": "middle" }, x.name),
      svg("text", { class: "strong", x: left, y: 15 }, y.name));
    // The best of these two alone, as a staircase.
    const best = points.filter((a) => !points.some((b) => dominates(b, a, [x, y]))).sort((a, b) => a[x.key] - b[x.key]);
    const corners = best.flatMap((point, at) => (at === 0 ? [[point, point]] : [[x.less ? point : best[at - 1], x.less ? best[at - 1] : point], [point, point]]))
      .map(([px, py]) => `${ax.place(px[x.key]).toFixed(1)},${ay.place(py[y.key]).toFixed(1)}`);
    chart.append(svg("polyline", { class: "front", points: corners.join(" ") }));
    for (const point of [...points].sort((a, b) => a.on_front - b.on_front)) {
      const shape = mark(point, ax.place(point[x.key]), ay.place(point[y.key]));
      shape.append(svg("title", {}, name(point)));
      shape.addEventListener("pointerenter", () => tell(point));
      chart.append(shape);
    }
    box.replaceChildren(chart);
  };
  const tell = (point) => readout.replaceChildren(el("b", {}, name(point)), `: ${plural(point.n_chips, "chip")}, ${plural(point.n_cores, "neurocore")}; generating ${short(point.tokens_per_s)} tokens/s at ${short(point.energy_mj_per_token)} mJ a token, ${point.bound} binds; reading ${short(point.prefill_tokens_per_s)} tokens/s, the first token after ${short(point.time_to_first_token_ms)} ms.`);
  theme.listeners.push(draw);
  draw();
  readout.textContent = "Point at a mapping to read it.";
  const picker = (label, chosen, choose) => el("label", {}, `${label} `, el("select", { onchange: (event) => { choose(AXES[event.target.selectedIndex]); draw(); } },
    AXES.map((of) => el("option", { selected: of === chosen }, of.name))));
  return el("section", { id: "explored" },
    el("h2", {}, "Mappings compared"),
    el("p", { class: "note" }, `${plural(points.length, "mapping")} that seamount explore tried; framed and full are those that no other beats in chips, speed, energy and time to the first token together. The line joins the best of the two axes alone.`),
    el("div", { class: "tools" }, picker("across", x, (of) => { x = of; }), picker("up", y, (of) => { y = of; }),
      el("ul", { class: "keys" }, encodings.map((encoding, at) => { const key = el("i"); key.style.background = colors[at % 3]; return el("li", {}, key, `${encoding} weights`); }))),
    box, readout,
    table("Mappings", [
      { name: "objective", of: (row) => row.objective },
      { name: "weights", of: (row) => row.weights },
      { name: "streams", of: (row) => row.streams, number: true },
      { name: "most chips", of: (row) => row.max_chips, number: true },
      { name: "on the front", of: (row) => (row.on_front ? "yes" : "") },
      ...AXES.map((of) => ({ name: of.name, of: (row) => row[of.key], show: short, number: true })),
      { name: "what binds", of: (row) => row.bound },
    ], points));
}
function dominates(a, b, axes) {
  const better = (of) => (of.less ? a[of.key] < b[of.key] : a[of.key] > b[of.key]);
  const worse = (of) => (of.less ? a[of.key] > b[of.key] : a[of.key] < b[of.key]);
  return axes.some(better) && !axes.some(worse);
}
