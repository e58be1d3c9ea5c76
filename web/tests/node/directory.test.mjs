// Directories of the host under the kernel's backend: `node --test tests/node/directory.test.mjs`.
//
// The cases are Rust (crates/host-web/tests/host_directory_suite), among them the suite that
// every backend passes. They run as wasm over the imports of src/node/directory.ts, with names
// reached by `/proc` and, as on hosts without it, by real paths.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";

const web = fileURLToPath(new URL("../..", import.meta.url));
const project = join(web, "..");
const EXAMPLE = "host_directory_suite";
const SECRET = "outside";

/** Cases that show what only `/proc` can promise, or need more of it than is there otherwise. */
const NEED_PROC = ["swapping never leads outside"];

const folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "holm-directory-")));
let module;
let directory;

/** Builds the cases, unless HOLM_SUITE names them built, and bundles the imports. */
before(async () => {
  const target = process.env.CARGO_TARGET_DIR ?? join(project, "target");
  const wasm = join(target, "wasm32-unknown-unknown/debug/examples", `${EXAMPLE}.wasm`);
  if (process.env.HOLM_SUITE === undefined) {
    const build = ["build", "-q", "-p", "holm-host-web", "--example", EXAMPLE];
    execFileSync("cargo", [...build, "--target", "wasm32-unknown-unknown"], {
      cwd: project,
      stdio: "inherit",
    });
  }
  module = await WebAssembly.compile(fs.readFileSync(process.env.HOLM_SUITE ?? wasm));
  const bundled = join(folder, "directory.mjs");
  await build({
    entryPoints: [join(web, "src/node/directory.ts")],
    outfile: bundled,
    bundle: true,
    format: "esm",
    platform: "neutral",
    external: ["node:*"],
    logLevel: "warning",
  });
  directory = await import(pathToFileURL(bundled));
});

after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** An instance of the cases, with what it said last. */
async function instantiate(reach, places) {
  const told = { text: "" };
  let memory;
  const bytes = () => Buffer.from(memory.buffer);
  const suite = {
    tell(at, length) {
      told.text = bytes().toString("utf8", at, at + length);
    },
    place(name, length, at, room) {
      const path = places(bytes().toString("utf8", name, name + length));
      return bytes().write(path, at, room);
    },
  };
  const host = (await directory.hostDirectoryImports(reach))(() => memory);
  host.monotonic = () => performance.now();
  const imports = { suite, host };
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    // The kernel's other imports, for which no case has a use.
    imports[from][name] ??= () => {
      throw new Error(`${from}.${name} was called`);
    };
  }
  const { exports } = await WebAssembly.instantiate(module, imports);
  memory = exports.memory;
  return { exports, told };
}

function caseNames({ exports, told }) {
  return Array.from({ length: exports.cases() }, (_, number) => {
    exports.name(number);
    return told.text;
  });
}

/** Directories by name, made when they are asked for. */
function prepared(root) {
  const outside = join(root, "outside");
  fs.mkdirSync(join(outside, "deep"), { recursive: true });
  fs.writeFileSync(join(outside, "name"), SECRET);
  fs.writeFileSync(join(outside, "canary"), SECRET);
  let fresh = 0;
  const make = {
    fresh(path) {
      fresh += 1;
      fs.mkdirSync(`${path}-${fresh}`);
      return `${path}-${fresh}`;
    },
    none: (path) => path,
    file: (path) => fs.writeFileSync(path, "x"),
    ring: (path) => fs.symlinkSync("ring", path),
    links(path) {
      fs.mkdirSync(path);
      fs.symlinkSync(join(outside, "canary"), join(path, "file"));
      fs.symlinkSync(outside, join(path, "dir"));
    },
    swapping(path) {
      fs.mkdirSync(join(path, "inside/deep"), { recursive: true });
      fs.writeFileSync(join(path, "inside/name"), "inside");
      fs.symlinkSync(outside, join(path, "link"));
    },
    special(path) {
      fs.mkdirSync(path, { recursive: true });
      if (!fs.existsSync(join(path, "fifo"))) {
        execFileSync("mkfifo", [join(path, "fifo")]);
      }
    },
    bytes(path) {
      fs.mkdirSync(path);
      fs.writeFileSync(join(path, "grün"), "green");
      const bytes = (name) => Buffer.concat([Buffer.from(`${path}/`), Buffer.from(name, "latin1")]);
      fs.writeFileSync(bytes("a\xffb"), "x");
      fs.symlinkSync(Buffer.from("x\xff", "latin1"), join(path, "link"));
    },
  };
  return (name) => {
    const path = join(root, name);
    return make[name](path) ?? path;
  };
}

/** Swaps `swap` in a directory between `inside` and `link` until it is told to stop. */
async function swapper(path) {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const script = `
    const { renameSync } = require("node:fs");
    const { path, stop } = require("node:worker_threads").workerData;
    const move = (from, to) => renameSync(path + from, path + to);
    while (Atomics.load(stop, 0) === 0) {
      move("inside", "swap"); move("swap", "inside"); move("link", "swap"); move("swap", "link");
    }`;
  const worker = new Worker(script, { eval: true, workerData: { path: `${path}/`, stop } });
  await once(worker, "online");
  return async () => {
    const over = once(worker, "exit");
    Atomics.store(stop, 0, 1);
    await over;
  };
}

/** What a case needs beside it; answers what ends it. */
async function beside(name, places) {
  if (name.startsWith("swapping")) {
    const path = places("swapping");
    const over = await swapper(path);
    return { over, places: (asked) => (asked === "swapping" ? path : places(asked)) };
  }
  if (name.startsWith("sockets")) {
    const server = createServer().listen(join(places("special"), "socket"));
    await once(server, "listening");
    return { over: () => new Promise((closed) => server.close(closed)), places };
  }
  return { over: async () => {}, places };
}

async function runCase(t, reach, number, name) {
  if (reach === "paths" && NEED_PROC.includes(name)) {
    t.skip("a race that real paths cannot rule out");
    return;
  }
  const root = fs.mkdtempSync(join(folder, `${reach}-`));
  const open = fs.readdirSync("/proc/self/fd").length;
  const { over, places } = await beside(name, prepared(root));
  try {
    const { exports, told } = await instantiate(reach, places);
    try {
      exports.run(number);
    } catch (error) {
      assert.fail(`${told.text}\n${error.stack}`);
    }
  } finally {
    await over();
  }
  assert.equal(fs.readFileSync(join(root, "outside/canary"), "utf8"), SECRET);
  const left = fs.readdirSync("/proc/self/fd").length - open;
  assert.ok(left < 10, `${left} handles were left open`);
}

describe("directories of the host", { skip: process.platform !== "linux" && "Linux" }, () => {
  for (const reach of ["proc", "paths"]) {
    test(`reached by ${reach}`, async (t) => {
      const names = caseNames(await instantiate(reach, () => folder));
      assert.ok(names.includes("the suite passes"));
      for (const [number, name] of names.entries()) {
        await t.test(name, (t) => runCase(t, reach, number, name));
      }
    });
  }

  test("are refused with a sentence where there are none", async () => {
    const platform = Object.getOwnPropertyDescriptor(process, "platform");
    Object.defineProperty(process, "platform", { ...platform, value: "win32" });
    try {
      assert.match(await directory.hostDirectoriesRefused(), /cannot be mounted in Node on win32/);
      const make = await directory.hostDirectoryImports();
      const imports = make(() => assert.fail("nobody needs the memory"));
      assert.equal(imports.fs_open_root(0, 0), -58);
    } finally {
      Object.defineProperty(process, "platform", platform);
    }
    assert.equal(await directory.hostDirectoriesRefused(), undefined);
  });
});
