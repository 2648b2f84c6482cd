// Opens reports in headless Chromium and uses them; fails if a check does, if a page complains, or if it asks the network
// for anything.
// Usage: node tests/browser/report.mjs CHROMIUM REPORT.html [SCREENSHOT.png [DARK.png]]
//
// It speaks the DevTools protocol over a pipe, so that nothing needs to be installed but a browser.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [executable, page, ...screenshots] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "seamount-browser-"));
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe", `--user-data-dir=${profile}`];
const browser = spawn(executable, [...flags, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });

let failed = 0;
const fail = (what) => { failed += 1; console.error(`FAILED ${what}`); };
const awaited = new Map();
let sent = 0;
let session;
const send = (method, params = {}) => new Promise((done, refuse) => {
  sent += 1;
  awaited.set(sent, { method, done, refuse });
  browser.stdio[3].write(JSON.stringify({ id: sent, method, params, sessionId: session }) + "\0");
});
const events = {
  "Runtime.exceptionThrown": ({ exceptionDetails: { text, exception } }) => fail(`the page throws: ${exception?.description ?? text}`),
  "Runtime.consoleAPICalled": ({ type, args }) => fail(`the page writes to the console (${type}): ${args.map((arg) => arg.value).join(" ")}`),
  "Log.entryAdded": ({ entry }) => fail(`the browser complains: ${entry.text}`),
  "Network.requestWillBeSent": ({ request }) => { if (!request.url.startsWith("file:")) fail(`the page asks for ${request.url}`); },
};
let rest = "";
browser.stdio[4].setEncoding("utf8").on("data", (text) => {
  const messages = (rest + text).split("\0");
  rest = messages.pop();
  for (const message of messages.map((json) => JSON.parse(json))) {
    if (message.id) {
      const { method, done, refuse } = awaited.get(message.id);
      awaited.delete(message.id);
      if (message.error) refuse(new Error(`${method}: ${message.error.message}`));
      else done(message.result);
    } else events[message.method]?.(message.params);
  }
});
browser.on("exit", () => awaited.forEach(({ method, refuse }) => refuse(new Error(`Chromium is gone before it answered ${method}`))));

const value = async (expression) => {
  const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
};
const open = async (width, height, scheme) => {
  await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  await send("Page.navigate", { url: pathToFileURL(resolve(page)).href });
  const ready = `new Promise((done) => { const look = () => ("ready" in (document.documentElement?.dataset ?? {}) ? requestAnimationFrame(() => setTimeout(done, 100)) : setTimeout(look, 20)); look(); })`;
  await value(ready);
};

try {
  const { targetInfos } = await send("Target.getTargets");
  const { targetId } = targetInfos.find(({ type }) => type === "page");
  ({ sessionId: session } = await send("Target.attachToTarget", { targetId, flatten: true }));
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`);

  const drive = readFileSync(new URL("drive.js", import.meta.url), "utf8");
  for (const [width, height] of [[1280, 1000], [420, 900]]) {
    await open(width, height, "light");
    const checks = await value(drive);
    checks.filter((check) => !check.startsWith("ok ")).forEach((check) => fail(`${width} x ${height}: ${check}`));
    console.log(`${width} x ${height}: ${checks.length} checks`);
  }
  for (const [at, file] of screenshots.entries()) {
    await open(1280, 1500, ["light", "dark"][at]);
    const { data } = await send("Page.captureScreenshot", { format: "png" });
    writeFileSync(file, Buffer.from(data, "base64"));
  }
} catch (error) {
  fail(error.message);
} finally {
  browser.removeAllListeners("exit");
  browser.on("exit", () => {
    // Its helpers may outlive it for a moment and still write.
    try { rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }); } catch { /* the system's own cleaning gets it */ }
    process.exit(failed === 0 ? 0 : 1);
  });
  session = undefined;
  send("Browser.close").catch(() => {});
  setTimeout(() => browser.kill("SIGKILL"), 10000).unref();
}
