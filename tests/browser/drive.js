// Uses a page of `seamount report --format html` as a reader does; `report.mjs` evaluates it in the page.
// Its value is a list of checks: "ok" or "FAILED", and what.
(async () => {
  const results = [];
  const check = (name, holds) => results.push(`${holds ? "ok" : "FAILED"} ${name}`);
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const all = (selector, node = document) => [...node.querySelectorAll(selector)];
  const key = (node, name) => node.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
  try {
    await frame();
    const report = JSON.parse(document.getElementById("data").textContent).report;

    check("the page is complete", "ready" in document.documentElement.dataset);
    for (const id of ["fill", "cores", "links", "steps", "layers", "numbers"]) check(`section ${id}`, document.getElementById(id));
    check("each section is in the navigation", all("main > section").every((section) => document.querySelector(`nav a[href="#${section.id}"]`)));
    check("the title names the model", document.querySelector("h1").textContent.startsWith(report.program.model));

    const canvas = document.querySelector("#cores canvas");
    const colors = () => {
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      const seen = new Set();
      for (let at = 0; at < pixels.length; at += 4) seen.add((pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2]);
      return seen.size;
    };
    check("neurocores are drawn", colors() > 3);
    const picture = () => canvas.toDataURL();
    for (const input of all("#cores .choice input:not(:disabled)")) {
      const before = picture();
      const was = input.checked;
      input.click();
      await frame();
      check(`colored by ${input.parentElement.textContent}`, was || picture() !== before);
    }

    const side = document.querySelector("#cores .side");
    canvas.focus();
    key(canvas, "ArrowRight");
    await frame();
    check("an arrow key chooses a neurocore", /^Chip \d+, neurocore \d+/.test(side.textContent));
    check("it says what lives there", report.groups.some((group) => side.textContent.includes(group.name)));
    const near = picture();
    key(canvas, "+");
    await frame();
    check("plus zooms", picture() !== near);
    const box = canvas.getBoundingClientRect();
    canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2, bubbles: true }));
    await frame();
    check("pointing at a place describes something", side.textContent.length > 10);

    const layers = document.querySelector("#layers table");
    const column = (nth) => all(`tbody tr > :nth-child(${nth})`, layers).map((cell) => Number(cell.textContent.replaceAll(",", "")));
    const heads = all("thead th", layers);
    const neurons = heads.findIndex((head) => head.textContent === "neurons");
    heads[neurons].querySelector("button").click();
    const sorted = column(neurons + 1);
    check("a heading sorts its table", sorted.every((n, at) => at === 0 || n <= sorted[at - 1]) && heads[neurons].getAttribute("aria-sort") === "descending");
    check("each layer has a row", sorted.length === report.layers.length);

    const readout = document.querySelector("#steps .readout");
    const chart = document.querySelector("#steps svg");
    key(chart, "ArrowRight");
    key(chart, "ArrowRight");
    check("arrow keys walk over the steps", readout.textContent.startsWith("Step 1:"));
    check("the walk is shown above the map", document.querySelector("#cores .player").textContent.includes("step 1 of"));
    key(chart, "Escape");

    const numbers = document.querySelector("#numbers");
    all(".choice input", numbers)[3].click();
    const assumed = report.parameters.filter((row) => row.status === "assumed").length;
    check("constants can be filtered", all("tbody tr", numbers).length === assumed);

    const dark = getComputedStyle(document.body).backgroundColor;
    document.getElementById("theme").click();
    await frame();
    check("there is a dark and a light theme", getComputedStyle(document.body).backgroundColor !== dark);
    check("nothing is wider than the window", document.documentElement.scrollWidth <= innerWidth);
    check("controls have names", all("button, input, select, canvas, svg[role]").every((node) => node.textContent.trim() || node.getAttribute("aria-label") || node.closest("label")));
    for (const details of all("details")) details.open = true;
    await frame();
    check("every view has a table", all("main table").length >= 8);
  } catch (error) {
    results.push(`FAILED ${error.stack}`);
  }
  return results;
})();
