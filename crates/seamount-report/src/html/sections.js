// What is said in figures and tables.

const RESOURCES = { total_bytes: "memory", synapse_bytes: "synapse memory", input_axons: "input axons", output_axons: "output axons", neurons: "neurons", microcode_bytes: "microcode" };
// Which limit is nearest on each neurocore, and how near.
report.cores_nearest = cores.usage.map((usage) => RESOURCES[Object.keys(RESOURCES)[data.nearest[usage]]]);
report.cores_fill = cores.usage.map((usage) => data.fill[usage]);

function masthead() {
  document.getElementById("title").append(program.model, " ", el("small", {}, `on ${arch.name}`));
  const fullest = report.fullest_cores[0];
  const binds = report.limits.find((limit) => limit.resource === mapping.nearest_limit);
  const lead = document.getElementById("summary");
  lead.append(`${arch.description}. The model lies in `, el("strong", {}, plural(mapping.n_cores_used, "neurocore")), " on ", el("strong", {}, plural(mapping.n_chips_used, "chip")), ".");
  if (binds && fullest) {
    lead.append(" What binds: ", el("strong", {}, RESOURCES[binds.resource]), `, ${percent(binds.fill_max)} of the limit on neurocore ${placeName(cores.at.get(fullest.core_idx))} and nearest to it on ${count(binds.n_cores_bound)} of ${count(mapping.n_cores_used)}.`);
  }
  const bytes = mapping.usage.total_bytes;
  const onChips = mapping.n_cores_on_used_chips;
  const figures = [
    ["Chips", count(mapping.n_chips_used), `of ${count(mapping.n_chips_available)}`],
    ["Neurocores", count(mapping.n_cores_used), `of ${count(onChips)} on these chips`],
    ["Memory filled", percent(bytes / Math.max(1, bytes + mapping.free_bytes)), "of the used neurocores"],
    ["Weights", short(mapping.usage.n_weights), `${size(mapping.usage.synapse_bytes)} of synapses`],
    ["Steps a token", count(program.latency_steps), "from a token to its logits"],
    perToken
      ? ["Synaptic events", short(report.activity.per_token.synaptic_ops), `a token, ${percent(report.activity.zero_payload_share)} of payloads were zero`]
      : ["Synaptic events", short(mapping.usage.n_synapses), "a token without zero payloads"],
  ];
  document.getElementById("figures").append(...figures.map(([name, value, note]) => el("div", {}, el("dt", {}, name), el("dd", {}, value, el("small", {}, note)))));
}

function fillSection() {
  const uses = [
    ["synapses", mapping.usage.synapse_bytes, 1], ["input axons", mapping.usage.input_axon_bytes, 0.8], ["output axons", mapping.usage.output_axon_bytes, 0.6],
    ["state", mapping.usage.state_bytes, 0.42], ["microcode", mapping.usage.microcode_bytes, 0.27], ["free", mapping.free_bytes, 0],
  ];
  const all = uses.reduce((sum, [, bytes]) => sum + bytes, 0) || 1;
  const paint = (node, weight) => { node.style.background = weight ? `color-mix(in srgb, var(--accent) ${weight * 100}%, var(--empty))` : "var(--empty)"; return node; };
  const share = (resource) => report.limits.find((limit) => limit.resource === resource);
  const core = (limit) => (limit.fullest_core_idx === null ? "" : placeName(cores.at.get(limit.fullest_core_idx)));
  const encodings = { dense2: "dense, 2 bits", dense8: "dense, 8 bits", sparse: "sparse" };
  return el("section", { id: "fill" },
    el("h2", {}, "How full"),
    el("p", { class: "note" }, "Fill of the limits of a neurocore: the mean of those that are used, and paler the fullest."),
    table("Limits of a neurocore", [
      { name: "limit", of: (row) => RESOURCES[row.resource] },
      { name: "a neurocore has", of: (row) => row.available, show: count, number: true },
      { name: "mean", of: (row) => row.fill_mean, show: percent, number: true },
      { name: "most", of: (row) => row.fill_max, show: percent, number: true },
      { name: "", of: (row) => row.fill_mean, show: (mean, row) => gauge(mean, row.fill_max) },
      { name: "on", of: core },
      { name: "nearest limit of", of: (row) => row.n_cores_bound, show: (n) => plural(n, "core"), number: true },
    ], report.limits),
    el("h3", {}, `Memory of the used neurocores: ${size(all)}`),
    el("div", { class: "stack", role: "img", "aria-label": uses.map(([name, bytes]) => `${name} ${percent(bytes / all)}`).join(", ") },
      uses.map(([name, bytes, weight]) => { const bar = paint(el("i", { title: `${name}: ${size(bytes)}` }), weight); bar.style.width = `${(bytes / all) * 100}%`; return bar; })),
    el("ul", { class: "keys" }, uses.map(([name, bytes, weight]) => el("li", {}, paint(el("i"), weight || 0.001), `${name} `, el("b", {}, percent(bytes / all)), el("span", { class: "muted" }, ` ${size(bytes)}`)))),
    folded("Encodings of weights", table("Encodings", [
      { name: "encoding", of: (row) => encodings[row.encoding] },
      { name: "run by", of: (row) => (row.runs_on === "host" ? "the host" : "neurocores") },
      { name: "weights", of: (row) => row.n_weights, show: count, number: true },
      { name: "synapses, KiB", of: (row) => row.synapse_bytes, show: kib, number: true },
      { name: "input axons", of: (row) => row.n_input_axons, show: count, number: true },
    ], report.encodings)),
    report.chips.length < 2 ? null : folded("Chips as a table", table("Chips", [
      { name: "chip", of: (row) => row.chip, number: true },
      { name: "neurocores", of: (row) => row.n_cores_used, show: count, number: true },
      { name: "of", of: (row) => row.n_cores_available, show: count, number: true },
      { name: "neurons", of: (row) => row.usage.n_neurons, show: count, number: true },
      { name: "weights", of: (row) => row.usage.n_weights, show: count, number: true },
      { name: "memory, KiB", of: (row) => row.usage.total_bytes, show: kib, number: true },
      { name: "fill", of: (row) => row.fill, show: percent, number: true },
      { name: "", of: (row) => row.fill, show: (fill) => gauge(fill) },
    ], report.chips)));
}

function partColumns(first, rows) {
  const most = Math.max(1, ...rows.map((row) => row.usage.total_bytes));
  return [
    ...first,
    { name: "chips", of: (row) => (row.runs_on === "host" ? "host" : runs(row.chips)), sort: (row) => row.chips[0] ?? -1 },
    { name: "cores", of: (row) => row.n_cores, show: count, number: true },
    { name: "neurons", of: (row) => row.usage.n_neurons, show: count, number: true },
    { name: "weights", of: (row) => row.usage.n_weights, show: count, number: true },
    { name: "in axons", of: (row) => row.usage.n_input_axons, show: count, number: true },
    { name: "out axons", of: (row) => row.usage.n_output_axons, show: count, number: true },
    { name: "synapses, KiB", of: (row) => row.usage.synapse_bytes, show: kib, number: true },
    { name: "state", of: (row) => row.usage.state_bytes, show: kib, number: true, about: "KiB" },
    { name: "code", of: (row) => row.usage.microcode_bytes, show: kib, number: true, about: "KiB" },
    { name: "memory, KiB", of: (row) => row.usage.total_bytes, show: kib, number: true },
    { name: "", of: (row) => row.usage.total_bytes, show: (bytes) => gauge(bytes / most), about: "of the largest" },
  ];
}

function layersSection() {
  return el("section", { id: "layers" },
    el("h2", {}, "Layers"),
    el("p", { class: "note" }, "Each byte is charged to one layer; a neurocore that several layers share counts for each. Headings sort."),
    table("Layers", partColumns([{ name: "layer", of: (row) => row.name, sort: (row) => report.layers.indexOf(row) }], report.layers), report.layers),
    folded(`All ${plural(report.groups.length, "neuron group")} as a table`, table("Neuron groups", partColumns([
      { name: "group", of: (row) => row.name, class: "name" },
      { name: "microcode", of: (row) => row.body, class: "name" },
      { name: "step", of: (row) => row.step, number: true },
    ], report.groups), report.groups)));
}

function activitySection() {
  const { activity } = report;
  if (!activity) return null;
  const names = ["spikes", "zero_payloads", "messages", "synaptic_ops", "instructions", "hops", "chip_crossings", "accumulator_overflows", "register_saturations"];
  const rows = names.map((name) => ({ name, busiest: activity.busiest.find((row) => row.event === name) }));
  return el("section", { id: "activity" },
    el("h2", {}, "What happened in a run"),
    el("p", { class: "note" }, `${plural(activity.n_tokens, "token")} in ${plural(activity.n_steps, "step")} on the emulator; ${percent(activity.zero_payload_share)} of the payloads were zero and were not sent.`),
    table("Events", [
      { name: "event", of: (row) => row.name.replaceAll("_", " ").replace("synaptic ops", "synaptic operations") },
      { name: "in all", of: (row) => activity.counts[row.name], show: count, number: true },
      { name: "a token", of: (row) => activity.per_token?.[row.name] ?? null, show: (v) => (v === null ? "" : tenths(v)), number: true },
      { name: "the host's", of: (row) => activity.host_counts[row.name], show: count, number: true },
      { name: "busiest neurocore", of: (row) => (row.busiest ? `${row.busiest.chip}:${row.busiest.core}` : "") },
      { name: "has", of: (row) => row.busiest?.n_events ?? null, show: (v) => (v === null ? "" : count(v)), number: true },
      { name: "times the mean", of: (row) => row.busiest?.imbalance ?? null, show: (v) => (v === null ? "" : tenths(v)), number: true },
    ], rows));
}

function provenanceSection() {
  const { parameters } = report;
  const statuses = ["published", "measured", "assumed"];
  const n = (status) => parameters.filter((row) => row.status === status).length;
  const value = (row) => (Array.isArray(row.value) ? (row.value.length ? JSON.stringify(row.value) : "none") : String(row.value));
  const list = table("Numbers of the system", [
    { name: "parameter", of: (row) => row.name, class: "code" },
    { name: "value", of: value, number: true, sort: (row) => (typeof row.value === "number" ? row.value : -1) },
    { name: "unit", of: (row) => row.unit },
    { name: "status", of: (row) => row.status, show: (status) => el("span", { class: `badge ${status}` }, status), sort: (row) => statuses.indexOf(row.status) },
    { name: "what it is", of: (row) => row.about, class: "wrap" },
    { name: "source", of: (row) => row.source || "—", class: "wrap" },
    { name: "note", of: (row) => row.note, class: "wrap" },
  ], parameters);
  const options = [["all", `All ${parameters.length}`], ...statuses.map((status) => [status, `${status} ${n(status)}`])];
  return el("section", { id: "numbers" },
    el("h2", {}, "Where the numbers come from"),
    el("p", { class: "note" }, "Each number of the system that this report rests on. Published: by the maker or in the open code of its tools. Measured: by others on the chip, or fitted to what they measured. Assumed: neither, a choice that can be changed in an architecture file."),
    el("div", { class: "stack", role: "img", "aria-label": statuses.map((status) => `${status} ${n(status)}`).join(", "), style: { height: "8px", marginBottom: "12px" } },
      statuses.map((status) => { const bar = el("i"); bar.style.width = `${(n(status) / parameters.length) * 100}%`; bar.style.background = `var(--${status})`; return bar; })),
    el("div", { class: "tools" }, choice("Show parameters that are", options, "all", (chosen) => list.refill(parameters.filter((row) => chosen === "all" || row.status === chosen)))),
    list);
}
