// The data of the page: the report, with its long lists as columns.

const data = JSON.parse(document.getElementById("data").textContent);
const report = data.report;
const { arch, mapping, program } = report;

const USAGE = ["n_neurons", "n_input_axons", "n_output_axons", "n_weights", "n_synapses", "synapse_bytes", "input_axon_bytes", "output_axon_bytes", "state_bytes", "microcode_bytes"];
const BYTES = USAGE.slice(5);

/** Distinct amounts that neurocores use; many neurocores share one. */
const usages = data.usages.map((amounts) => {
  const usage = Object.fromEntries(USAGE.map((name, at) => [name, amounts[at]]));
  usage.total_bytes = BYTES.reduce((sum, name) => sum + usage[name], 0);
  return usage;
});

const groupOf = new Map(report.groups.map((group) => [group.group_idx, group]));
const layerKey = (row) => `${row.kind}:${row.layer}`;
/** Layers in the order of the model, each once. */
const layerNames = [...new Map(report.layers.map((row) => [layerKey(row), row.name]))];
const layerAt = new Map(layerNames.map(([key], at) => [key, at]));
const layerOfGroup = (groupIdx) => { const group = groupOf.get(groupIdx); return group ? layerAt.get(layerKey(group)) : -1; };

/** Neurocores as parallel arrays; `slices` of core k are firstSlice[k] to firstSlice[k + 1]. */
const cores = (() => {
  const { core_idx, chip, core, usage, n_slices } = data.cores;
  const firstSlice = [0];
  for (const n of n_slices) firstSlice.push(firstSlice.at(-1) + n);
  const at = new Map(core_idx.map((idx, k) => [idx, k]));
  const place = new Map(core_idx.map((_, k) => [chip[k] * arch.n_cores_per_chip + core[k], k]));
  return { n: core_idx.length, core_idx, chip, core, usage, firstSlice, at, place };
})();
const placeName = (k) => `${cores.chip[k]}:${cores.core[k]}`;
function slicesOf(k) {
  const slices = [];
  for (let at = cores.firstSlice[k]; at < cores.firstSlice[k + 1]; at++) {
    slices.push({ group: data.slices.group_idx[at], first: data.slices.first_neuron[at], n: data.slices.n_neurons[at] });
  }
  return slices;
}

/** Synaptic operations of a token without zero payloads; measured counts a token where the program ran. */
const perToken = (() => {
  const events = data.activity;
  if (!events || !report.activity.n_tokens) return null;
  const column = (name) => {
    const values = new Float64Array(cores.n);
    events.core_idx.forEach((idx, at) => { if (cores.at.has(idx)) values[cores.at.get(idx)] = events.counts[name][at] / report.activity.n_tokens; });
    return values;
  };
  return { synaptic_ops: column("synaptic_ops"), instructions: column("instructions"), messages: column("messages") };
})();

const ofUsage = (name) => (k) => usages[cores.usage[k]][name];
const limitOf = (resource) => report.limits.find((limit) => limit.resource === resource).available;
const noRun = "needs a run: seamount report --prompt TEXT";
/** What neurocores can be colored by: [key, label, value of core k, the full scale, format]. */
const METRICS = [
  { key: "memory", name: "Memory", of: ofUsage("total_bytes"), full: limitOf("total_bytes"), show: (v) => `${kib(v)} KiB` },
  { key: "synapses", name: "Synapses", of: ofUsage("synapse_bytes"), full: limitOf("synapse_bytes"), show: (v) => `${kib(v)} KiB` },
  { key: "in", name: "Input axons", of: ofUsage("n_input_axons"), full: limitOf("input_axons"), show: count },
  { key: "out", name: "Output axons", of: ofUsage("n_output_axons"), full: limitOf("output_axons"), show: count },
  { key: "ops", name: "Synaptic events", of: perToken ? (k) => perToken.synaptic_ops[k] : ofUsage("n_synapses"), full: null, show: short,
    about: perToken ? "counted, a token" : "a token without zero payloads" },
  { key: "instructions", name: "Instructions", of: perToken ? (k) => perToken.instructions[k] : () => 0, full: null, show: short,
    about: "counted, a token", missing: perToken ? null : noRun },
  { key: "layer", name: "Layer", of: (k) => layerOfGroup(slicesOf(k)[0]?.group), full: layerNames.length - 1, show: (v) => layerNames[v]?.[1] ?? "" },
];
for (const metric of METRICS) {
  metric.most = 0;
  for (let k = 0; k < cores.n; k++) metric.most = Math.max(metric.most, metric.of(k));
  metric.full ??= metric.most;
}

/** Neurocores that hold any of each group, as indices into `cores`. */
const coresOf = new Map();
for (let k = 0; k < cores.n; k++) for (const { group } of slicesOf(k)) coresOf.has(group) ? coresOf.get(group).push(k) : coresOf.set(group, [k]);

/** Neurocores that work in each step, as indices into `cores`. */
const workers = (() => {
  const steps = report.steps.map(() => []);
  for (let k = 0; k < cores.n; k++) {
    for (const step of new Set(slicesOf(k).map((slice) => groupOf.get(slice.group)?.step))) if (steps[step]) steps[step].push(k);
  }
  return steps;
})();
const nameOf = (groupIdx, whenNull) => (groupIdx === null ? whenNull : groupOf.get(groupIdx)?.name ?? `group ${groupIdx}`);
