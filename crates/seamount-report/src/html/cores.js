// The map of neurocores, what is known of one, and the walk of a token over them.

function coresSection() {
  let metric = METRICS[0];
  let hovered = null;
  let chosen = null;
  let buckets = [];
  let marked = new Map();
  const xs = new Float64Array(cores.n);
  const ys = new Float64Array(cores.n);
  for (let k = 0; k < cores.n; k++) [xs[k], ys[k]] = placeOf(cores.chip[k], cores.core[k]);
  const unit = 1 / router.side;

  const sort = () => {
    buckets = Array.from({ length: 64 }, () => []);
    for (let k = 0; k < cores.n; k++) buckets[shade(metric.full ? metric.of(k) / metric.full : 0)].push(k);
  };

  const gapOf = (size) => (size > 14 ? 2 : size > 5 ? 1 : size > 2.5 ? 0.5 : 0);
  const paint = (context, to, scale, [left, top, right, bottom]) => {
    const size = unit * scale;
    const gap = gapOf(size);
    const colors = palette(metric.key === "layer" ? "order" : "hold");
    const step = player.step;
    const lit = step === null ? null : new Set(workers[step]);
    const square = (k, grow = 0) => {
      const [px, py] = to(xs[k], ys[k]);
      const outer = size - gap + 2 * grow;
      context.fillRect(px + gap / 2 - grow, py + gap / 2 - grow, outer, outer);
    };
    if (size > 6) {
      // Places of neurocores, so that an empty chip reads as one.
      context.strokeStyle = css("--line");
      context.beginPath();
      for (const chip of usedChips) {
        if (chipX(chip) > right || chipY(chip) > bottom || chipX(chip) + router.columns < left || chipY(chip) + router.rows < top) continue;
        for (let core = 0; core < arch.n_cores_per_chip; core++) {
          const [px, py] = to(...placeOf(chip, core));
          context.rect(Math.round(px + gap / 2) + 0.5, Math.round(py + gap / 2) + 0.5, Math.round(size - gap) - 1, Math.round(size - gap) - 1);
        }
      }
      context.stroke();
    }
    buckets.forEach((bucket, at) => {
      context.fillStyle = colors[at];
      for (const k of bucket) {
        if (xs[k] > right || xs[k] + 1 < left || ys[k] > bottom || ys[k] + 1 < top) continue;
        context.globalAlpha = lit && !lit.has(k) ? 0.35 : 1;
        square(k);
      }
    });
    context.globalAlpha = 1;
    context.fillStyle = css("--bad");
    for (const [chip, core] of arch.bad_cores) {
      const [x, y] = placeOf(chip, core);
      const [px, py] = to(x, y);
      context.fillRect(px + size * 0.3, py + size * 0.3, size * 0.4, size * 0.4);
    }
    if (lit) {
      context.fillStyle = css("--mark");
      for (const k of lit) if (size <= 7) square(k);
    }
  };
  const mark = (context, to, scale) => {
    const size = unit * scale;
    const gap = gapOf(size);
    const frame = (k, color, width) => {
      const [px, py] = to(xs[k], ys[k]);
      const least = Math.max(size - gap, 5);
      const rect = [px + gap / 2 - (least - size + gap) / 2, py + gap / 2 - (least - size + gap) / 2, least, least];
      // A dark seam tells the frame from whatever color is below.
      context.strokeStyle = "rgba(0, 0, 0, 0.55)";
      context.lineWidth = width + 1.5;
      context.strokeRect(...rect);
      context.strokeStyle = color;
      context.lineWidth = width;
      context.strokeRect(...rect);
    };
    if (player.step !== null && size > 7) for (const k of workers[player.step]) frame(k, css("--mark"), 2);
    for (const [k, color] of marked) if (size > 4) frame(k, css(color), 2);
    if (hovered !== null) frame(hovered, css("--ink"), 1.5);
    if (chosen !== null) frame(chosen, "#ffffff", 2.5);
    context.lineWidth = 1;
  };

  const under = (at) => {
    if (!at) return null;
    const inChip = (v, n) => { const chip = Math.floor(v / (n + CHIP_GAP)); const rest = v - chip * (n + CHIP_GAP); return rest >= 0 && rest < n ? [chip, rest] : null; };
    const [x, y] = [inChip(at[0], router.columns), inChip(at[1], router.rows)];
    if (!x || !y || x[0] >= arch.n_chip_columns || y[0] >= arch.n_chip_rows) return null;
    const chip = y[0] * arch.n_chip_columns + x[0];
    const within = Math.floor((y[1] % 1) * router.side) * router.side + Math.floor((x[1] % 1) * router.side);
    const core = (Math.floor(y[1]) * router.columns + Math.floor(x[1])) * arch.n_cores_per_router + within;
    if (chip >= arch.n_chips || core >= arch.n_cores_per_chip || within >= arch.n_cores_per_router) return null;
    return { chip, core, k: cores.place.get(chip * arch.n_cores_per_chip + core) ?? null };
  };

  const side = el("aside", { class: "side", "aria-live": "polite", "aria-label": "The neurocore under the pointer, or the chosen one" });
  const feeds = (k) => {
    const own = new Set(slicesOf(k).map((slice) => slice.group));
    const from = new Set();
    const to = new Set();
    for (const edge of report.edges) {
      if (own.has(edge.to_group_idx)) from.add(edge.from_group_idx);
      if (own.has(edge.from_group_idx)) to.add(edge.to_group_idx);
    }
    return { own, from, to };
  };
  const names = (groups, whenNull) => {
    const all = [...groups].map((group) => nameOf(group, whenNull));
    return all.length > 5 ? all.slice(0, 4).join(", ") + ` and ${all.length - 4} more` : all.join(", ");
  };
  const describe = (place) => {
    if (!place) {
      side.replaceChildren(
        el("h3", {}, plural(cores.n, "neurocore")),
        el("p", { class: "muted" }, "Point at one to see what lives there; click to keep it and to mark the neurocores that it hears (orange) and feeds (yellow). Fullest:"),
        el("ul", {}, report.fullest_cores.slice(0, 6).map(({ core_idx, fill }) => {
          const k = cores.at.get(core_idx);
          return el("li", {}, el("a", { href: "#cores", onclick: (event) => { event.preventDefault(); choose(k); } }, placeName(k)), ` ${percent(fill)} of ${report.cores_nearest[k]}`);
        })));
      return;
    }
    const { chip, core, k } = place;
    const head = el("h3", {}, `Chip ${chip}, neurocore ${core}`);
    const where = `router ${Math.floor(core / arch.n_cores_per_router)}`;
    if (k === null) {
      const bad = arch.bad_cores.some(([c, n]) => c === chip && n === core);
      side.replaceChildren(head, el("p", { class: "muted" }, `${where} · ${bad ? "marked as bad: stays empty" : "unused"}`));
      return;
    }
    const usage = usages[cores.usage[k]];
    const rows = [
      ["Memory", usage.total_bytes, "total_bytes", (v) => `${kib(v)} KiB`],
      ["Synapses", usage.synapse_bytes, "synapse_bytes", (v) => `${kib(v)} KiB`],
      ["Input axons", usage.n_input_axons, "input_axons", count],
      ["Output axons", usage.n_output_axons, "output_axons", count],
      ["Neurons", usage.n_neurons, "neurons", count],
      ["Microcode", usage.microcode_bytes, "microcode_bytes", (v) => `${kib(v)} KiB`],
    ].flatMap(([name, value, resource, show]) => {
      const share = limitOf(resource) ? value / limitOf(resource) : 0;
      return [el("dt", {}, name), el("dd", {}, show(value)), el("dd", { class: "gauge", title: percent(share) }, gauge(share))];
    });
    const work = perToken
      ? `${short(perToken.synaptic_ops[k])} synaptic events, ${short(perToken.instructions[k])} instructions a token (counted)`
      : `${short(usage.n_synapses)} synaptic events a token without zero payloads`;
    const { from, to } = feeds(k);
    side.replaceChildren(head, el("p", { class: "muted", style: { margin: "0" } }, `${where} · ${work}`),
      el("dl", {}, rows),
      el("ul", {}, slicesOf(k).map(({ group, first, n }) => {
        const step = groupOf.get(group)?.step;
        return el("li", {}, el("b", {}, nameOf(group)), ` neurons ${count(first)}–${count(first + n - 1)}`, el("span", { class: "muted" }, step === null || step === undefined ? "" : ` · step ${step}`));
      })),
      el("p", { class: "muted" }, `Hears ${names(from, "the host") || "nobody"}. Feeds ${names(to, "the host") || "nobody"}.`));
  };

  const choose = (k) => {
    chosen = k;
    marked = new Map();
    if (k !== null) {
      const { own, from, to } = feeds(k);
      const mark = (groups, color) => groups.forEach((group) => { if (!own.has(group)) (coresOf.get(group) ?? []).forEach((other) => marked.set(other, color)); });
      mark(from, "--mark");
      mark(to, "--feed");
      map.reveal([xs[k], ys[k]]);
    }
    describe(k === null ? null : { chip: cores.chip[k], core: cores.core[k], k });
    map.mark();
  };
  const walk = ([dx, dy]) => {
    if (cores.n === 0) return;
    if (chosen === null) return choose(0);
    // The nearest used neurocore in that direction.
    let best = null;
    let least = Infinity;
    for (let k = 0; k < cores.n; k++) {
      const [along, across] = dx ? [(xs[k] - xs[chosen]) * dx, Math.abs(ys[k] - ys[chosen])] : [(ys[k] - ys[chosen]) * dy, Math.abs(xs[k] - xs[chosen])];
      const far = along + 3 * across;
      if (along > 0.01 && far < least) [best, least] = [k, far];
    }
    if (best !== null) choose(best);
  };

  const map = new PlaneMap("Chips as grids of neurocores; the table below has the same", {
    paint,
    mark,
    hover: (at) => {
      const place = under(at);
      hovered = place?.k ?? null;
      if (place) describe(place);
      else if (chosen !== null) describe({ chip: cores.chip[chosen], core: cores.core[chosen], k: chosen });
      else describe(null);
      map.mark();
    },
    pick: (at) => { const place = under(at); choose(place && place.k !== chosen ? place.k : null); },
    keys: walk,
  });

  const legendBox = el("span");
  const show = (next) => {
    metric = next;
    sort();
    const parts = metric.key === "layer"
      ? legend("order", layerNames[0]?.[1] ?? "", layerNames.at(-1)?.[1] ?? "")
      : legend("hold", "0", `${metric.show(metric.full)}${metric.full === metric.most ? " (most)" : " (limit)"}`);
    legendBox.replaceChildren(parts, metric.about ? el("span", { class: "muted" }, ` ${metric.about}`) : "");
    map.draw();
  };
  show(metric);
  describe(null);
  player.listeners.push(() => map.draw());

  const columns = [
    { name: "chip:core", of: placeName, sort: (k) => cores.chip[k] * 1e5 + cores.core[k] },
    { name: "memory, KiB", of: (k) => usages[cores.usage[k]].total_bytes, show: kib, number: true },
    { name: "synapses, KiB", of: (k) => usages[cores.usage[k]].synapse_bytes, show: kib, number: true },
    ...[["in axons", "n_input_axons"], ["out axons", "n_output_axons"], ["neurons", "n_neurons"]].map(([name, key]) => (
      { name, of: (k) => usages[cores.usage[k]][key], show: count, number: true })),
    { name: "synaptic events", of: METRICS[4].of, show: short, number: true, about: METRICS[4].about },
    ...(perToken ? [{ name: "instructions", of: METRICS[5].of, show: short, number: true }] : []),
    { name: "fill", of: (k) => report.cores_fill[k], show: percent, number: true },
    { name: "nearest limit", of: (k) => report.cores_nearest[k] },
    { name: "what lives there", of: (k) => slicesOf(k).map((slice) => nameOf(slice.group)).join(", "), class: "name" },
  ];
  const list = folded(`All ${plural(cores.n, "neurocore")} as a table`);
  // Built when it is wanted: it has a row for each neurocore.
  list.addEventListener("toggle", () => {
    if (list.open && list.childElementCount === 1) list.append(table("Neurocores", columns, Array.from({ length: cores.n }, (_, k) => k), { go: choose, max: 100 }));
  });

  return el("section", { id: "cores" },
    el("h2", {}, "Chips and neurocores"),
    el("p", { class: "note" }, `${plural(mapping.n_cores_used, "neurocore")} on ${plural(mapping.n_chips_used, "chip")}; each square is a neurocore, each group of ${arch.n_cores_per_router} shares a router.`),
    el("div", { class: "tools" }, choice("Color neurocores by", METRICS.map((m) => [m, m.name, m.missing]), metric, show), legendBox, map.buttons()),
    player.controls(),
    mapWith(map, side),
    list);
}

/** The step that is shown: no token, or the step in which it is. */
const player = {
  step: null,
  listeners: [],
  go(step) {
    this.step = step;
    this.listeners.forEach((listener) => listener());
  },
  controls() {
    const last = report.steps.length - 1;
    const range = el("input", { type: "range", min: 0, max: last, value: 0, "aria-label": "Step of the token", style: { width: "220px" }, oninput: () => this.go(Number(range.value)) });
    const text = el("span", { class: "muted" });
    let timer = null;
    const stop = () => { clearInterval(timer); timer = null; play.textContent = "▶ Follow a token"; };
    const play = el("button", { type: "button", onclick: () => {
      if (timer) return stop();
      play.textContent = "❚❚ Pause";
      if (this.step === null || this.step === last) this.go(0);
      timer = setInterval(() => (this.step >= last ? stop() : this.go(this.step + 1)), Math.max(60, Math.min(350, 12000 / (last + 1))));
    } });
    stop();
    const clear = el("button", { type: "button", onclick: () => { stop(); this.go(null); } }, "✕");
    clear.setAttribute("aria-label", "Stop following the token");
    const update = () => {
      clear.hidden = this.step === null;
      if (this.step !== null) range.value = this.step;
      text.textContent = this.step === null ? "" : `step ${this.step} of ${last}: ${describeStep(this.step)}`;
    };
    this.listeners.push(update);
    update();
    return el("div", { class: "tools player" }, el("span", { class: "buttons" }, play, clear), range, text);
  },
};
function describeStep(step) {
  const row = report.steps[step];
  const names = row.groups.slice(0, 3).map((group) => nameOf(group)).join(", ") + (row.groups.length > 3 ? ` and ${row.groups.length - 3} more` : "");
  return row.groups.length ? `${names} on ${plural(row.n_cores, "neurocore")}` : "nobody works";
}
