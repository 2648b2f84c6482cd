// A token's way through the machine, step by step.

function timelineSection() {
  // What each step is predicted to take, of a token that walks through alone.
  const predicted = report.cost?.steps ?? [];
  const steps = report.steps.map((row, at) => ({ ...row, cost: predicted[at] }));
  const byGroup = report.groups.length <= 48;
  // A row for each group, or for each layer where there are too many.
  const seen = new Set();
  const rows = byGroup
    ? report.groups.filter((group) => !seen.has(group.group_idx) && seen.add(group.group_idx)).map((group) => ({ name: group.name, groups: [group] }))
    : layerNames.map(([key, name]) => ({ name, groups: report.groups.filter((group) => layerKey(group) === key) }));
  rows.sort((a, b) => Math.min(...a.groups.map((g) => g.step ?? Infinity)) - Math.min(...b.groups.map((g) => g.step ?? Infinity)));

  const left = Math.min(230, 20 + 6.4 * Math.max(...rows.map((row) => row.name.length), 4));
  const cell = Math.max(4, Math.min(22, (1150 - left) / Math.max(1, steps.length)));
  const rowHeight = byGroup ? 16 : 18;
  const [top, barsHeight, between] = [22, 92, 26];
  const width = left + cell * steps.length + 16;
  const rowsTop = top + barsHeight + between;
  const height = rowsTop + rows.length * rowHeight + 8;
  const x = (step) => left + step * cell;
  const most = Math.max(1, ...steps.map((row) => row.n_synaptic_ops_max));
  const cut = (text) => (text.length > 34 ? text.slice(0, 33) + "…" : text);

  const chart = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: 0, "aria-label": "Steps of a token: work of the busiest neurocore above, who works below; the table below has the same" });
  const every = [1, 2, 5, 10, 20, 50, 100, 200].find((n) => n * cell >= 34) ?? 500;
  for (let step = 0; step < steps.length; step += every) {
    chart.append(svg("line", { class: "grid", x1: x(step) + 0.5, x2: x(step) + 0.5, y1: top, y2: height - 6 }),
      svg("text", { x: x(step) + cell / 2, y: rowsTop - 8, "text-anchor": "middle" }, String(step)));
  }
  chart.append(svg("text", { x: left, y: 13 }, "synaptic events on the busiest neurocore"),
    svg("text", { x: left - 8, y: top + 9, "text-anchor": "end" }, short(most)),
    svg("text", { x: left - 8, y: top + barsHeight, "text-anchor": "end" }, "0"),
    svg("text", { x: left - 8, y: rowsTop - 8, "text-anchor": "end" }, "step"),
    svg("line", { class: "axis", x1: left, x2: x(steps.length), y1: top + barsHeight + 0.5, y2: top + barsHeight + 0.5 }));
  const gapX = cell > 6 ? 1 : 0.5;
  steps.forEach((row, step) => {
    const tall = (row.n_synaptic_ops_max / most) * barsHeight;
    if (tall > 0) chart.append(svg("rect", { class: "bars", x: x(step) + gapX / 2, width: cell - gapX, y: top + barsHeight - Math.max(1, tall), height: Math.max(1, tall) }));
  });
  // What each row receives in each step: spikes arrive in the step after the one in which their senders work.
  const arrivals = rows.map((row) => {
    const own = new Set(row.groups.map((group) => group.group_idx));
    const ops = new Map();
    for (const edge of report.edges) {
      const sent = edge.from_group_idx === null ? -1 : groupOf.get(edge.from_group_idx)?.step;
      if (own.has(edge.to_group_idx) && sent !== null && sent !== undefined) ops.set(sent + 1, (ops.get(sent + 1) ?? 0) + edge.n_synaptic_ops);
    }
    return ops;
  });
  const mostReceived = Math.max(1, ...arrivals.flatMap((ops) => [...ops.values()]));
  const cells = [];
  rows.forEach((row, at) => {
    const y = rowsTop + at * rowHeight;
    const place = (step) => ({ x: x(step) + gapX / 2, y: y + 1, width: cell - gapX, height: rowHeight - 2, rx: cell > 8 ? 2 : 0 });
    chart.append(svg("text", { class: "strong", x: left - 8, y: y + rowHeight - 4.5, "text-anchor": "end" }, cut(row.name), svg("title", {}, row.name)));
    for (const [step, ops] of arrivals[at]) {
      const rect = svg("rect", place(step));
      cells.push([rect, ops]);
      chart.append(rect);
    }
    for (const step of new Set(row.groups.map((group) => group.step).filter((step) => step !== null))) {
      chart.append(svg("rect", { class: "works", ...place(step), y: y + rowHeight - 4, height: 3, rx: 0 }));
    }
  });
  const color = () => { const colors = palette("hold"); cells.forEach(([rect, ops]) => rect.setAttribute("fill", colors[shade(Math.sqrt(ops / mostReceived))])); };
  theme.listeners.push(color);
  color();
  const cursor = svg("rect", { class: "cursor", y: top, height: height - top - 6, width: cell, visibility: "hidden" });
  chart.append(cursor);

  const readout = el("p", { class: "readout", "aria-live": "polite" });
  const tell = (step) => {
    cursor.setAttribute("visibility", step === null ? "hidden" : "visible");
    if (step === null) {
      readout.replaceChildren("Point at a step to read it; click to mark its neurocores on the map above, or use the arrow keys.");
      return;
    }
    cursor.setAttribute("x", x(step));
    const row = steps[step];
    const busiest = cores.at.get(row.busiest_core_idx);
    const cost = row.cost ? ` It is predicted to take ${row.cost.us.toPrecision(3)} µs; ${row.cost.bound} binds.` : "";
    readout.replaceChildren(el("b", {}, `Step ${step}: `), `${describeStep(step)}. ${short(row.n_synaptic_ops)} synaptic events`,
      busiest === undefined ? "" : `, ${short(row.n_synaptic_ops_max)} on neurocore ${placeName(busiest)}`, `; ${plural(row.n_messages, "message")} sent.${cost}`);
  };
  const stepAt = (event) => { const box = chart.getBoundingClientRect(); const step = Math.floor((event.clientX - box.left - left) / cell); return step >= 0 && step < steps.length ? step : null; };
  chart.addEventListener("pointermove", (event) => tell(stepAt(event) ?? player.step));
  chart.addEventListener("pointerleave", () => tell(player.step));
  chart.addEventListener("click", (event) => player.go(stepAt(event)));
  chart.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) player.go(Math.max(0, Math.min(steps.length - 1, (player.step ?? -by) + by)));
    else if (event.key === "Escape") player.go(null);
    else return;
    event.preventDefault();
  });
  player.listeners.push(() => tell(player.step));
  tell(null);

  return el("section", { id: "steps" },
    el("h2", {}, "A token's way"),
    el("p", { class: "note" }, `${plural(steps.length, "step")} from a token to its ${plural(program.n_outputs, "logit")}. While one token is on its way, all others of the ${plural(mapping.n_cores_used, "neurocore")} wait, unless tokens follow each other. Counts are those of a token without zero payloads.`),
    el("div", { class: "tools" }, legend("hold", "0", `${short(mostReceived)} synaptic events received`), el("span", { class: "legend" }, el("span", { class: "works-key" }), "neurons at work")),
    el("div", { class: "chart" }, chart), readout,
    folded("Steps as a table", table("Steps", [
      { name: "step", of: (row) => row.step, number: true },
      { name: "who works", of: (row) => row.groups.map((group) => nameOf(group)).join(", "), class: "name" },
      { name: "neurocores", of: (row) => row.n_cores, show: count, number: true },
      { name: "messages sent", of: (row) => row.n_messages, show: count, number: true },
      { name: "synaptic events", of: (row) => row.n_synaptic_ops, show: count, number: true },
      { name: "busiest neurocore", of: (row) => row.n_synaptic_ops_max, show: count, number: true },
      { name: "chip:core", of: (row) => (cores.at.has(row.busiest_core_idx) ? placeName(cores.at.get(row.busiest_core_idx)) : "") },
      ...(steps.some((row) => row.cost) ? [
        { name: "predicted µs", of: (row) => row.cost?.us ?? null, show: (v) => (v === null ? "" : v.toPrecision(3)), number: true },
        { name: "what binds", of: (row) => row.cost?.bound ?? "" }] : []),
    ], steps, { go: (row) => player.go(row.step) })));
}
