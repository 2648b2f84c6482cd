// Colors: sequential scales whose lightness alone carries the order, so that everybody can read them.

const SCALES = {
  // Cool for what neurocores hold, warm for what passes links, several hues for positions in the model.
  light: {
    hold: ["#e4edf2", "#b5d5e2", "#7db6cf", "#3f8fb5", "#15648f", "#0a3d62", "#04223b"],
    pass: ["#f6e9d7", "#f2cf9c", "#eba85f", "#d97a31", "#b44f1b", "#80310f", "#4c1a06"],
    order: ["#f1e51d", "#8fd744", "#35b779", "#21908d", "#31688e", "#443a83", "#440154"],
  },
  dark: {
    hold: ["#1f3340", "#234e62", "#2a6f8a", "#3d93b1", "#67b6cf", "#a2d6e6", "#e3f5fb"],
    pass: ["#3a2a1c", "#5e3a1c", "#8a4e1d", "#bb6826", "#e18b40", "#f6b878", "#ffe8cb"],
    order: ["#453781", "#39568c", "#2a788e", "#21a585", "#53c568", "#a5db36", "#fde725"],
  },
};

const theme = {
  get dark() { return document.documentElement.dataset.theme === "dark"; },
  listeners: [],
  set(name) {
    document.documentElement.dataset.theme = name;
    this.listeners.forEach((listener) => listener());
  },
};
theme.set(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => theme.set(event.matches ? "dark" : "light"));
// Paper is light.
addEventListener("beforeprint", () => {
  theme.before = document.documentElement.dataset.theme;
  document.querySelectorAll("details").forEach((node) => { node.dataset.was = node.open ? "1" : ""; node.open = true; });
  theme.set("light");
});
addEventListener("afterprint", () => {
  document.querySelectorAll("details").forEach((node) => { node.open = Boolean(node.dataset.was); });
  theme.set(theme.before);
});

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** 64 colors of a scale, in the current theme. */
function palette(scale) {
  const stops = SCALES[theme.dark ? "dark" : "light"][scale].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Array.from({ length: 64 }, (_, at) => {
    const place = (at / 63) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(place));
    const mix = stops[low].map((value, channel) => Math.round(value + (stops[low + 1][channel] - value) * (place - low)));
    return `rgb(${mix.join(",")})`;
  });
}
const shade = (share) => Math.max(0, Math.min(63, Math.round(share * 63)));

/** A ramp with its ends in words. */
function legend(scale, low, high) {
  const ramp = el("span", { class: "ramp", role: "img", "aria-label": `color scale from ${low} to ${high}` });
  const paint = () => { ramp.style.background = `linear-gradient(to right, ${palette(scale).filter((_, at) => at % 9 === 0).join(",")})`; };
  theme.listeners.push(paint);
  paint();
  return el("span", { class: "legend" }, low, ramp, high);
}
