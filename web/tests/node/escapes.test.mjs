// Attempts of guests to get out of host directories, in Node: all fail, and the outside is as
// it was. `node --test tests/node/escapes.test.mjs`, after the package and the guests were
// built (`cargo xtask web build`, `cargo xtask guests`). The native twin is tests/escapes.rs.

import assert from "node:assert/strict";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

const web = fileURLToPath(new URL("../..", import.meta.url));
const guests = join(process.env.HOLM_GUESTS ?? join(web, "../target/guests"), "rust");
const { Holm } = await import(pathToFileURL(join(web, "dist/index.js")));

const CANARY = "CANARY: nobody reads this";
const SANDBOX = "outside/a/sandbox";
const READONLY = "outside/b/readonly";
const folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "holm-escapes-")));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A sandbox and a read-only directory, with canaries beside both and around them. */
function makePlace() {
  const place = fs.mkdtempSync(join(folder, "place-"));
  fs.mkdirSync(join(place, SANDBOX), { recursive: true });
  fs.mkdirSync(join(place, READONLY, "kept-dir"), { recursive: true });
  fs.writeFileSync(join(place, READONLY, "kept.txt"), "kept");
  for (const around of ["", "outside", "outside/a", "outside/b"]) {
    fs.writeFileSync(join(place, around, "canary"), CANARY);
    fs.mkdirSync(join(place, around, "canary-dir"));
  }
  return place;
}

/** Every path below a folder but those of the sandbox, with what it is. */
function outside(place) {
  const states = {};
  for (const name of fs.readdirSync(place, { recursive: true }).sort()) {
    if (name === SANDBOX || name.startsWith(`${SANDBOX}/`)) {
      continue;
    }
    const stat = fs.lstatSync(join(place, name), { bigint: true });
    const content = stat.isFile() ? fs.readFileSync(join(place, name), "utf8") : "";
    states[name] = [stat.mode, stat.mtimeNs, stat.nlink, content].join(" ");
  }
  return states;
}

/** Runs a guest over mounts of host directories, with the grants. */
async function run(guest, mounts, options) {
  const holm = await Holm.boot({ mounts });
  try {
    return await holm.run(fs.readFileSync(join(guests, `${guest}.wasm`)), options);
  } finally {
    await holm.shutdown();
  }
}

async function attempt(mounts, grants, args) {
  const place = makePlace();
  const before = outside(place);
  const named = Object.entries(mounts).map(([path, of]) => [
    path,
    { ...of, directory: join(place, of.directory) },
  ]);
  const done = await run("escape", Object.fromEntries(named), { args, grants });
  assert.equal(done.code, 0, `${done.stdout}\n${done.stderr}`);
  assert.match(done.stdout + done.stderr, / 0 got through/);
  assert.deepEqual(outside(place), before);
}

const BOTH = {
  "/sandbox": { directory: SANDBOX },
  "/readonly": { directory: READONLY, access: "ro" },
};
const GRANTS = ["--dir /sandbox", "--dir /readonly:ro"];

describe("escapes", { skip: process.platform === "win32" && "no host directories" }, () => {
  test("all attempts in host directories", () => attempt(BOTH, GRANTS, ["/sandbox", "/readonly"]));

  for (const section of ["paths", "symlinks", "readonly", "absurd", "descriptors"]) {
    test(`the section ${section} alone`, () =>
      attempt(BOTH, GRANTS, ["--only", section, "/sandbox", "/readonly"]));
  }

  test("a sandbox mounted at the root", () =>
    attempt({ "/": { directory: SANDBOX } }, ["--dir /"], ["/"]));

  test("read-only by the grant alone", () => {
    const mounts = { ...BOTH, "/readonly": { directory: READONLY } };
    return attempt(mounts, GRANTS, ["/sandbox", "/readonly"]);
  });

  test("a sandbox that is a copy", () =>
    attempt(BOTH, ["--dir /sandbox:cow", "--dir /readonly:ro"], ["/sandbox", "/readonly"]));

  test("a name that the host swaps meanwhile", async () => {
    const place = fs.mkdtempSync(join(folder, "race-"));
    fs.mkdirSync(join(place, "outside"));
    fs.mkdirSync(join(place, "sandbox/inside"), { recursive: true });
    fs.writeFileSync(join(place, "canary"), CANARY);
    fs.writeFileSync(join(place, "outside/canary"), CANARY);
    fs.writeFileSync(join(place, "sandbox/inside/canary"), "what is inside may be read");
    const stop = new Int32Array(new SharedArrayBuffer(8));
    const swapper = new Worker(SWAP, { eval: true, workerData: { place, stop } });
    await once(swapper, "online");
    for (const access of ["rw", "ro", "cow"]) {
      const mounts = { "/d": { directory: join(place, "sandbox") } };
      const done = await run("race", mounts, {
        args: ["/d", "1500"],
        grants: [`--dir /d:${access}`],
      });
      assert.equal(done.code, 0, done.stdout);
      assert.equal(done.stdout, "race: no escape\n");
      assert.match(done.stderr, /tries/);
    }
    const over = once(swapper, "exit");
    Atomics.store(stop, 0, 1);
    await over;
    assert.ok(stop[1] > 100, `${stop[1]} swaps`);
  });
});

/** Puts a link to the outside, a link to the inside or a directory at `swap`, in turn. */
const SWAP = `
  const fs = require("node:fs");
  const { place, stop } = require("node:worker_threads").workerData;
  const [swap, next] = [place + "/sandbox/swap", place + "/sandbox/next"];
  while (Atomics.load(stop, 0) === 0) {
    const target = [place + "/outside", "..", "../canary", "inside"][stop[1] % 5];
    if (target === undefined) {
      fs.mkdirSync(next);
    } else {
      fs.symlinkSync(target, next);
    }
    try {
      // A rename replaces it at once; a directory is in the way of one.
      fs.renameSync(next, swap);
    } catch {
      fs.rmSync(swap, { recursive: true, force: true });
      fs.renameSync(next, swap);
    }
    stop[1] += 1;
  }`;
