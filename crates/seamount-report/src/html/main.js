// Puts the page together.

masthead();
const sections = [
  ["Fill", fillSection], ["Neurocores", coresSection], ["Links", linksSection], ["A token's way", timelineSection],
  ["Layers", layersSection], ["Compared", paretoSection], ["Run", activitySection], ["Numbers", provenanceSection],
];
for (const [name, build] of sections) {
  const section = build();
  if (!section) continue;
  document.getElementById("main").append(section);
  document.getElementById("sections").append(el("a", { href: `#${section.id}` }, name));
}
const leaves = (name, value) => (value && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length
  ? Object.entries(value).flatMap(([key, inner]) => leaves(`${name}.${key}`, inner))
  : [`${name} = ${typeof value === "string" ? value : JSON.stringify(value)}`]);
const options = Object.entries(program.options).flatMap(([name, value]) => leaves(name, value));
document.getElementById("foot").append(
  el("p", {}, `Compiled by ${program.producer}. System ${arch.name}, sha256 ${arch.sha256.slice(0, 16)}.`, program.file_bytes === null ? "" : ` Program file: ${count(program.file_bytes)} bytes.`),
  el("p", {}, `Options: ${options.join("; ")}.`));
document.getElementById("theme").addEventListener("click", () => theme.set(theme.dark ? "light" : "dark"));
document.documentElement.dataset.ready = "";
