// The plane of chips, drawn on a canvas: overview first, then zoom.

const router = {
  columns: arch.n_router_columns,
  rows: arch.n_router_rows,
  // Neurocores of a router lie in a square.
  side: Math.ceil(Math.sqrt(arch.n_cores_per_router)),
};
/** Between chips, in widths of a router. */
const CHIP_GAP = 0.9;
const alongX = (x) => x + Math.floor(x / router.columns) * CHIP_GAP;
const alongY = (y) => y + Math.floor(y / router.rows) * CHIP_GAP;
const chipX = (chip) => (chip % arch.n_chip_columns) * (router.columns + CHIP_GAP);
const chipY = (chip) => Math.floor(chip / arch.n_chip_columns) * (router.rows + CHIP_GAP);
/** Where a neurocore lies, in widths of a router. */
function placeOf(chip, core) {
  const at = Math.floor(core / arch.n_cores_per_router);
  const within = core % arch.n_cores_per_router;
  return [
    chipX(chip) + (at % router.columns) + (within % router.side) / router.side,
    chipY(chip) + Math.floor(at / router.columns) + Math.floor(within / router.side) / router.side,
  ];
}
const usedChips = report.chips.map((row) => row.chip);
const wholePlane = [0, 0, alongX(arch.n_chip_columns * router.columns - 1) + 1, alongY(arch.n_chip_rows * router.rows - 1) + 1];
const usedPlane = usedChips.length === 0 ? wholePlane : [
  Math.min(...usedChips.map(chipX)), Math.min(...usedChips.map(chipY)),
  Math.max(...usedChips.map(chipX)) + router.columns, Math.max(...usedChips.map(chipY)) + router.rows,
];

/** A map and what is said beside it: below it where the used chips lie in a long row. */
const mapWith = (map, side) => el("div", { class: (usedPlane[2] - usedPlane[0]) / (usedPlane[3] - usedPlane[1]) > 4.5 ? "map wide" : "map" }, el("div", {}, map.box, map.hint), side);

/**
 * A canvas over the plane that pans and zooms. What is on it is the business of `paint`, and what is marked on top of that
 * of `mark`, which alone is drawn again where only marks change.
 */
class PlaneMap {
  constructor(label, { paint, mark, hover, pick, keys }) {
    this.paint = paint;
    this.marks = mark;
    this.ground = document.createElement("canvas");
    this.canvas = el("canvas", { tabindex: 0, role: "img", "aria-label": label });
    this.box = el("div", { class: "map-box" }, this.canvas);
    this.hint = el("p", { class: "hint" }, "Drag to move; ctrl + wheel, double click or + − to zoom; arrow keys to walk, with shift to move; 0 to show all.");
    this.view = { scale: 1, x: 0, y: 0 };
    this.bounds = usedPlane;
    new ResizeObserver(() => requestAnimationFrame(() => this.resize())).observe(this.box);
    theme.listeners.push(() => this.draw());

    let drag = null;
    this.canvas.addEventListener("pointerdown", (event) => { drag = { x: event.offsetX, y: event.offsetY, far: false, id: event.pointerId }; });
    this.canvas.addEventListener("pointermove", (event) => {
      if (drag) {
        if (!drag.far && Math.hypot(event.offsetX - drag.x, event.offsetY - drag.y) < 4) return;
        if (!drag.far) this.canvas.setPointerCapture(drag.id);
        drag.far = true;
        this.view.x -= (event.offsetX - drag.x) / this.view.scale;
        this.view.y -= (event.offsetY - drag.y) / this.view.scale;
        [drag.x, drag.y] = [event.offsetX, event.offsetY];
        this.draw();
      } else hover(this.world(event.offsetX, event.offsetY));
    });
    this.canvas.addEventListener("pointerup", (event) => {
      if (drag && !drag.far) pick(this.world(event.offsetX, event.offsetY));
      drag = null;
    });
    this.canvas.addEventListener("pointercancel", () => { drag = null; });
    this.canvas.addEventListener("pointerleave", () => { if (!drag) hover(null); });
    this.canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * 0.004), event.offsetX, event.offsetY);
    }, { passive: false });
    this.canvas.addEventListener("dblclick", (event) => this.zoom(2, event.offsetX, event.offsetY));
    this.canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (event.key === "+" || event.key === "=") this.zoom(1.5);
      else if (event.key === "-") this.zoom(1 / 1.5);
      else if (event.key === "0") this.fit(usedPlane);
      else if (steps[event.key] && event.shiftKey) {
        this.view.x += (steps[event.key][0] * 60) / this.view.scale;
        this.view.y += (steps[event.key][1] * 60) / this.view.scale;
        this.draw();
      } else if (steps[event.key]) keys(steps[event.key]);
      else return;
      event.preventDefault();
    });
  }

  buttons() {
    const button = (text, label, onclick) => el("button", { type: "button", "aria-label": label, title: label, onclick }, text);
    return el("span", { class: "buttons" },
      usedChips.length < arch.n_chips ? [
        button("Used chips", "Show the chips that are used", () => this.fit(usedPlane)),
        button("Whole system", "Show all chips of the system", () => this.fit(wholePlane)),
      ] : button("Fit", "Show all chips", () => this.fit(wholePlane)),
      button("+", "Zoom in", () => this.zoom(1.6)), button("−", "Zoom out", () => this.zoom(1 / 1.6)));
  }

  resize() {
    const width = this.box.clientWidth;
    if (width === 0) return;
    const [left, top, right, bottom] = this.bounds;
    const height = Math.round(Math.max(190, Math.min(600, (width * (bottom - top + 1.3)) / (right - left + 0.9))));
    const ratio = devicePixelRatio || 1;
    const same = this.canvas.width === Math.round(width * ratio) && this.canvas.height === Math.round(height * ratio);
    this.size = [width, height];
    if (!same) {
      this.box.style.height = `${height + 2}px`;
      [this.canvas.width, this.canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    }
    this.fit(this.bounds);
  }

  /** Brings a part of the plane into view. */
  fit(bounds) {
    if (bounds !== this.bounds && (bounds === usedPlane || bounds === wholePlane)) {
      this.bounds = bounds;
      return this.resize();
    }
    const [left, top, right, bottom] = bounds;
    const [width, height] = this.size;
    const scale = Math.min(width / (right - left + 0.9), height / (bottom - top + 1.3), 120);
    // Above chips there is room for their numbers.
    const centered = (top + bottom - 0.35) / 2 - height / 2 / scale;
    // Where the system goes on below, no room is wasted above its first row.
    const y = bottom < wholePlane[3] ? Math.max(centered, -1.1) : centered;
    this.view = { scale, x: (left + right) / 2 - width / 2 / scale, y };
    this.draw();
  }

  zoom(factor, px = this.size[0] / 2, py = this.size[1] / 2) {
    const { scale, x, y } = this.view;
    const next = Math.max(0.4, Math.min(160, scale * factor));
    this.view = { scale: next, x: x + px / scale - px / next, y: y + py / scale - py / next };
    this.draw();
  }

  world(px, py) {
    return [this.view.x + px / this.view.scale, this.view.y + py / this.view.scale];
  }

  /** Moves so that a place is well inside the view. */
  reveal([x, y]) {
    const { scale } = this.view;
    const [width, height] = [this.size[0] / scale, this.size[1] / scale];
    const inside = x > this.view.x && x < this.view.x + width - 1 && y > this.view.y && y < this.view.y + height - 1;
    if (inside) return this.mark();
    [this.view.x, this.view.y] = [x - width / 2, y - height / 2];
    this.draw();
  }

  draw() {
    this.stale = true;
    this.mark();
  }

  mark() {
    if (this.scheduled || !this.size) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      const ratio = devicePixelRatio || 1;
      const { scale, x, y } = this.view;
      const visible = [x - 1, y - 1, x + this.size[0] / scale + 1, y + this.size[1] / scale + 1];
      const to = (wx, wy) => [(wx - x) * scale, (wy - y) * scale];
      const { width, height } = this.canvas;
      if (this.stale) {
        this.stale = false;
        [this.ground.width, this.ground.height] = [width, height];
        const ground = this.ground.getContext("2d");
        ground.setTransform(ratio, 0, 0, ratio, 0, 0);
        this.chips(ground, to, visible);
        this.paint(ground, to, scale, visible);
      }
      const context = this.canvas.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, width, height);
      if (width && height) context.drawImage(this.ground, 0, 0);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.marks(context, to, scale);
    });
  }

  /** Outlines and numbers of chips. */
  chips(context, to, [left, top, right, bottom]) {
    const { scale } = this.view;
    const [width, height] = [router.columns * scale, router.rows * scale];
    const used = new Set(usedChips);
    const [empty, line, faint] = [css("--empty"), css("--line"), css("--faint")];
    context.font = `${Math.max(9, Math.min(12, scale * 0.55))}px ${css("--sans")}`;
    context.textBaseline = "alphabetic";
    const margin = Math.min(4, scale * 0.12);
    for (let chip = 0; chip < arch.n_chips; chip++) {
      const [cx, cy] = [chipX(chip), chipY(chip)];
      if (cx > right || cy > bottom || cx + router.columns < left || cy + router.rows < top) continue;
      const [px, py] = to(cx, cy);
      context.fillStyle = empty;
      context.globalAlpha = used.has(chip) ? 1 : 0.45;
      context.fillRect(px - margin, py - margin, width + 2 * margin, height + 2 * margin);
      if (width > 24) {
        context.strokeStyle = line;
        context.strokeRect(Math.round(px - margin) + 0.5, Math.round(py - margin) + 0.5, Math.round(width + 2 * margin) - 1, Math.round(height + 2 * margin) - 1);
      }
      context.globalAlpha = 1;
      if (width > 60 && CHIP_GAP * scale > 8) {
        context.fillStyle = faint;
        context.fillText(width > 100 ? `chip ${chip}` : String(chip), px, py - margin - 2);
      }
    }
  }
}
