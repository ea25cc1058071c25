// node chromium.mjs FOLDER COUNT ID,ID,...   runs the model of a folder in a page of headless Chromium; prints the new token ids as JSON
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const [folder, count, prompt] = process.argv.slice(2);
const here = fileURLToPath(new URL(".", import.meta.url));
const roots = { model: folder, ort: join(here, "node_modules/onnxruntime-web/dist"), page: here };
const types = { ".html": "text/html", ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };

let finish;
const result = new Promise((resolve) => (finish = resolve));

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://127.0.0.1");
  if (pathname === "/result") {
    let body = "";
    request.on("data", (part) => (body += part)).on("end", () => {
      response.end();
      finish(JSON.parse(body));
    });
    return;
  }
  const [, root, ...rest] = normalize(pathname).split("/");
  const file = roots[root] && join(roots[root], ...rest);
  if (!file || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
    response.writeHead(404).end();
    return;
  }
  // Isolation lets the page have threads.
  response.writeHead(200, {
    "Content-Type": types[extname(file)] ?? "application/octet-stream",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
  });
  createReadStream(file).pipe(response);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

const profile = mkdtempSync(join(tmpdir(), "onnx-mka-chromium-"));
const browser = spawn(
  process.env.CHROMIUM ?? "chromium",
  ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage", "--no-first-run",
    `--user-data-dir=${profile}`, `http://127.0.0.1:${server.address().port}/page/page.html?count=${count}&prompt=${prompt}`],
  { stdio: "ignore", detached: true });
const exited = once(browser, "exit");
const outcome = await Promise.race([
  result,
  exited.then(([code]) => ({ error: `Chromium ended with ${code}` })),
  new Promise((resolve) => setTimeout(resolve, 120_000, { error: "no answer from the page within 120 s" }).unref()),
]);
// The whole group: its helpers would go on writing into the profile. It leads the group, so until its exit is seen the group exists.
if (browser.exitCode === null && browser.signalCode === null) process.kill(-browser.pid, "SIGKILL");
await exited;
server.close();
server.closeAllConnections();
rmSync(profile, { recursive: true, force: true, maxRetries: 20 });

if (outcome.error) {
  console.error(outcome.error);
  process.exitCode = 1;
} else {
  console.log(JSON.stringify(outcome.tokens));
}
