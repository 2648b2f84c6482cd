// The map of links between routers: how many messages of a token pass each, in each direction.

const DIRECTIONS = [
  { name: "east", arrow: "→", dx: 1, dy: 0 },
  { name: "west", arrow: "←", dx: -1, dy: 0 },
  { name: "south", arrow: "↓", dx: 0, dy: 1 },
  { name: "north", arrow: "↑", dx: 0, dy: -1 },
];

function linksSection() {
  const { traffic } = report;
  const links = data.links;
  const most = Math.max(1, traffic.n_messages_max);
  const planeColumns = arch.n_chip_columns * router.columns;
  const chipOf = (x, y) => Math.floor(y / router.rows) * arch.n_chip_columns + Math.floor(x / router.columns);
  const key = (x, y, direction) => (y * planeColumns + x) * 4 + direction;
  const load = new Map(links.x.map((x, at) => [key(x, links.y[at], links.direction[at]), links.n_messages[at]]));
  const buckets = Array.from({ length: 64 }, () => []);
  links.x.forEach((_, at) => buckets[shade(links.n_messages[at] / most)].push(at));
  let hovered = null;

  const paint = (context, to, scale, [left, top, right, bottom]) => {
    const colors = palette("pass");
    const width = Math.max(0.8, Math.min(9, scale * 0.17));
    const off = Math.max(0.4, scale * 0.12);
    if (scale > 9) {
      // Routers.
      context.fillStyle = css("--line");
      const half = Math.min(5, scale * 0.09);
      for (const chip of usedChips) {
        for (let ry = 0; ry < router.rows; ry++) for (let rx = 0; rx < router.columns; rx++) {
          const [px, py] = to(chipX(chip) + rx + 0.5, chipY(chip) + ry + 0.5);
          context.fillRect(px - half, py - half, 2 * half, 2 * half);
        }
      }
    }
    context.lineWidth = width;
    const line = (at) => {
      const [x, y] = [links.x[at], links.y[at]];
      const { dx, dy } = DIRECTIONS[links.direction[at]];
      const [wx, wy] = [alongX(x) + 0.5, alongY(y) + 0.5];
      if (wx > right || wy > bottom || wx < left || wy < top) return;
      const [ax, ay] = to(wx, wy);
      const [bx, by] = to(alongX(x + dx) + 0.5, alongY(y + dy) + 0.5);
      // The two directions of a pair run side by side, as on a road.
      const [ox, oy] = [-dy * off, dx * off];
      context.moveTo(ax + ox, ay + oy);
      context.lineTo(bx + ox, by + oy);
    };
    buckets.forEach((bucket, at) => {
      if (bucket.length === 0) return;
      context.strokeStyle = colors[at];
      context.beginPath();
      bucket.forEach(line);
      context.stroke();
    });
    context.lineWidth = 1;
  };
  const mark = (context, to, scale) => {
    if (hovered) {
      const [px, py] = to(alongX(hovered.x), alongY(hovered.y));
      context.strokeStyle = css("--ink");
      context.strokeRect(px + 0.5, py + 0.5, scale - 1, scale - 1);
    }
  };

  const side = el("aside", { class: "side", "aria-live": "polite", "aria-label": "The router under the pointer, or the busiest links" });
  const routerName = (x, y) => `chip ${chipOf(x, y)}, router ${(y % router.rows) * router.columns + (x % router.columns)}`;
  const busiest = links.x.map((_, at) => at).sort((a, b) => links.n_messages[b] - links.n_messages[a] || a - b).slice(0, 400);
  const describe = (place) => {
    if (!place) {
      side.replaceChildren(el("h3", {}, "Busiest links"), el("p", { class: "muted" }, "Point at a router to see what passes it. Messages of a token:"),
        el("ul", {}, busiest.slice(0, 8).map((at) => el("li", {}, el("b", {}, count(links.n_messages[at])), ` ${routerName(links.x[at], links.y[at])} ${DIRECTIONS[links.direction[at]].arrow}`))));
      return;
    }
    const { x, y } = place;
    const rows = DIRECTIONS.flatMap(({ name, arrow, dx, dy }, direction) => {
      const out = load.get(key(x, y, direction)) ?? 0;
      // What comes from that side left its router the other way.
      const back = x + dx < 0 || y + dy < 0 ? 0 : load.get(key(x + dx, y + dy, direction ^ 1)) ?? 0;
      return [el("dt", {}, `${arrow} ${name}`), el("dd", {}, `${count(out)} out`), el("dd", { class: "gauge" }, `${count(back)} in`)];
    });
    side.replaceChildren(el("h3", {}, `Chip ${chipOf(x, y)}, router ${(y % router.rows) * router.columns + (x % router.columns)}`), el("p", { class: "muted" }, "messages of a token"), el("dl", {}, rows));
  };
  const under = (at) => {
    const inPlane = (v, n, chips) => { const chip = Math.floor(v / (n + CHIP_GAP)); const rest = Math.floor(v - chip * (n + CHIP_GAP)); return chip >= 0 && chip < chips && rest >= 0 && rest < n ? chip * n + rest : null; };
    const [x, y] = [inPlane(at[0], router.columns, arch.n_chip_columns), inPlane(at[1], router.rows, arch.n_chip_rows)];
    return x === null || y === null || chipOf(x, y) >= arch.n_chips ? null : { x, y };
  };
  const map = new PlaneMap("Links between routers, colored by load; the tables below have the same", {
    paint,
    mark,
    hover: (at) => { hovered = at && under(at); describe(hovered); map.mark(); },
    pick: () => {},
    keys: ([dx, dy]) => {
      const { x, y } = hovered ?? { x: links.x[busiest[0]] ?? 0, y: links.y[busiest[0]] ?? 0 };
      const next = { x: Math.max(0, Math.min(planeColumns - 1, x + dx)), y: Math.max(0, Math.min(arch.n_chip_rows * router.rows - 1, y + dy)) };
      hovered = next;
      describe(next);
      map.reveal([alongX(next.x), alongY(next.y)]);
    },
  });
  describe(null);

  const average = traffic.n_messages ? traffic.n_hops / traffic.n_messages : 0;
  return el("section", { id: "links" },
    el("h2", {}, "Links between routers"),
    el("p", { class: "note" }, `${short(traffic.n_messages)} messages a token without zero payloads, along the row first and then along the column, pass ${tenths(average)} links each on average and ${short(traffic.n_chip_crossings)} borders between chips in all; the busiest link carries ${count(traffic.n_messages_max)}. ${short(traffic.n_host_messages)} more come from or go to the host, whose place in the mesh is not known.`),
    el("div", { class: "tools" }, legend("pass", "0", `${count(most)} messages (most)`), map.buttons()),
    mapWith(map, side),
    folded(`The ${count(busiest.length)} busiest links as a table`, table("Busiest links", [
      { name: "from", of: (at) => routerName(links.x[at], links.y[at]) },
      { name: "direction", of: (at) => DIRECTIONS[links.direction[at]].name },
      { name: "messages a token", of: (at) => links.n_messages[at], show: count, number: true },
    ], busiest)),
    traffic.chip_links.length === 0 ? null : folded("Between chips as a table", table("Between chips", [
      { name: "from chip", of: (row) => row.from_chip, number: true },
      { name: "to chip", of: (row) => row.to_chip, number: true },
      { name: "messages a token", of: (row) => row.n_messages, show: count, number: true },
      { name: "", of: (row) => row.n_messages, show: (n) => gauge(n / traffic.n_chip_messages_max), about: "of the busiest border" },
    ], traffic.chip_links)));
}
