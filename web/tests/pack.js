// The package as npm would publish it, used in new projects by the very lines of its README.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { openPage, startBrowser } from "./hosts.js";
import { serve } from "./server.js";

const { values } = parseArgs({ options: { target: { type: "string" } } });
const web = fileURLToPath(new URL("..", import.meta.url));
const target = resolve(values.target ?? join(web, "../target"));
const scratch = join(target, "web/pack");
const VITE = "vite@8";
/** What the page of the README shows. */
const SHOWN = "Hello from Rust!\nand ended with 0";

const run = promisify(execFile);

/** What the package holds beside the types: no more, no less. */
const FILES = [
  "README.md",
  "dist/LICENSE-APACHE",
  "dist/LICENSE-MIT",
  "dist/cli.js",
  "dist/cli.js.map",
  "dist/direct.js",
  "dist/direct.js.map",
  "dist/guest-worker.js",
  "dist/guest-worker.js.map",
  "dist/holm-node.wasm",
  "dist/holm.wasm",
  "dist/index.js",
  "dist/index.js.map",
  "dist/kernel-worker.js",
  "dist/kernel-worker.js.map",
  "package.json",
];

/** Files that the README shows, by name: a comment `tested: NAME` stands before each. */
async function shownInReadme() {
  const text = await readFile(join(web, "README.md"), "utf8");
  const files = {};
  for (const [, name, code] of text.matchAll(/<!-- tested: (\S+) -->\n```\w+\n(.*?)```\n/gs)) {
    files[name] = code;
  }
  return files;
}

async function pack() {
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", scratch], {
    cwd: web,
  });
  const [packed] = [JSON.parse(stdout)].flatMap((value) =>
    Array.isArray(value) ? value : Object.values(value),
  );
  const files = packed.files.map((file) => file.path);
  const types = files.filter((file) => file.startsWith("dist/types/"));
  const others = files.filter((file) => !types.includes(file)).sort();
  assert.deepEqual(others, FILES, "what the package holds");
  assert.ok(types.includes("dist/types/index.d.ts"), "types");
  console.log(
    `${packed.filename}: ${files.length} files, ${(packed.size / 1024).toFixed(0)} KiB packed, ` +
      `${(packed.unpackedSize / 1024).toFixed(0)} KiB unpacked`,
  );
  return join(scratch, packed.filename);
}

/** A new project with the package and what else is named. */
async function project(name, archive, files, packages = []) {
  const folder = join(scratch, name);
  await mkdir(join(folder, "public"), { recursive: true });
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  const options = ["--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["install", ...options, archive, ...packages], { cwd: folder });
  for (const [file, text] of Object.entries(files)) {
    await writeFile(join(folder, file), text);
  }
  for (const guest of ["hello", "cat"]) {
    const from = join(target, `guests/rust/${guest}.wasm`);
    await copyFile(from, join(folder, `${guest}.wasm`));
    await copyFile(from, join(folder, `public/${guest}.wasm`));
  }
  return folder;
}

/** Opens a page and waits until it shows what it should. */
async function shows(browser, address) {
  const complaints = [];
  const page = await openPage(browser, (complaint) => complaints.push(complaint));
  try {
    await page.goto(address);
    await page
      .waitForFunction(() => document.querySelector("#output")?.textContent, { timeout: 30_000 })
      .catch(() => complaints.push("nothing was shown within 30 s"));
    const shown = await page.$eval("#output", (place) => place.textContent);
    assert.deepEqual({ shown, complaints }, { shown: SHOWN, complaints: [] });
  } finally {
    await page.close();
  }
}

/** Runs one of Vite's servers while `use` is under way. */
async function withVite(folder, args, use) {
  const vite = spawn(process.execPath, [join(folder, "node_modules/vite/bin/vite.js"), ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  try {
    const address = await new Promise((resolve, reject) => {
      let said = "";
      const hear = (data) => {
        said += data;
        const found = /http:\/\/\S+/.exec(said);
        if (found) {
          resolve(found[0]);
        }
      };
      vite.stdout.on("data", hear);
      vite.stderr.on("data", hear);
      vite.once("exit", () => reject(new Error(`vite ${args.join(" ")} ended: ${said}`)));
    });
    await use(address);
  } finally {
    const ended = new Promise((resolve) => vite.once("exit", resolve));
    if (vite.kill()) {
      await ended;
    }
  }
}

async function inNode(folder, file) {
  const { stdout, stderr } = await run(process.execPath, [file], { cwd: folder, timeout: 60_000 });
  assert.equal(stderr, "");
  return stdout;
}

const readme = await shownInReadme();
const archive = await pack();
let failures = 0;
async function check(name, work) {
  const started = performance.now();
  try {
    await work();
    console.log(`ok      ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failures += 1;
    console.log(`FAILED  ${name}\n${error?.stack ?? error}`);
  }
}

const { browser, close } = await startBrowser("chromium");
try {
  const { "main.js": main, "index.html": index, "plain.html": plain } = readme;
  const site = await project("vite", archive, { "main.js": main, "index.html": index }, [VITE]);
  await check("vite build, vite preview", async () => {
    await run(process.execPath, ["node_modules/vite/bin/vite.js", "build"], { cwd: site });
    const preview = ["preview", "--port", "0", "--host", "127.0.0.1"];
    await withVite(site, preview, (address) => shows(browser, address));
  });
  await check("vite dev", () =>
    withVite(site, ["--port", "0", "--host", "127.0.0.1"], (address) => shows(browser, address)),
  );
  const pages = await project("plain", archive, { "plain.html": plain });
  for (const isolated of [false, true]) {
    await check(`a page without a bundler, ${isolated ? "isolated" : "not isolated"}`, async () => {
      const server = await serve({ folders: { "/": pages }, isolated });
      try {
        await shows(browser, `${server.address}/plain.html`);
      } finally {
        await server.close();
      }
    });
  }
} finally {
  await close();
}

const scripts = Object.fromEntries(
  Object.entries(readme).filter(([name]) => name.endsWith(".mjs")),
);
const node = await project("node", archive, scripts);
await check("scripts in Node", async () => {
  assert.equal(await inNode(node, "run.mjs"), "Hello from Rust!\n");
  assert.match(await inNode(node, "files.mjs"), /note\.txt.*--dir.*\nBuy milk\.\n$/s);
  assert.equal(await inNode(node, "talk.mjs"), "hello\nended with 0\n");
});
await check("npx holm run", async () => {
  const { stdout, stderr } = await run("npx", ["holm", "run", "hello.wasm"], {
    cwd: node,
    env: { ...process.env, NPM_CONFIG_LOGLEVEL: "error" },
  });
  assert.deepEqual({ stdout, stderr }, { stdout: "Hello from Rust!\n", stderr: "" });
});
await check("types", async () => {
  const code = 'import { Holm } from "@holm/web";\nconst holm: Holm = await Holm.boot();\n';
  await writeFile(join(node, "main.ts"), `${code}await holm.shutdown();\n`);
  const compiler = join(web, "node_modules/.bin/tsc");
  for (const resolution of ["nodenext", "bundler"]) {
    const module = resolution === "bundler" ? "esnext" : "nodenext";
    const options = ["--strict", "--target", "es2022", "--lib", "es2023,dom", "--noEmit"];
    const resolved = ["--module", module, "--moduleResolution", resolution, "main.ts"];
    await run(compiler, [...options, ...resolved], { cwd: node });
  }
});
if (failures > 0) {
  console.error(`error: ${failures} failed; the projects are in ${scratch}`);
  process.exitCode = 1;
}
