// Directories of the host as mounts of a system in Node: what guests and the host see of each
// other. `node --test tests/node/mounts.test.mjs`, after the package and the guests were built.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

const web = fileURLToPath(new URL("../..", import.meta.url));
const guests = join(process.env.HOLM_GUESTS ?? join(web, "../target/guests"), "rust");
const { Holm } = await import(pathToFileURL(join(web, "dist/index.js")));

const guest = (name) => fs.readFileSync(join(guests, `${name}.wasm`));

describe("mounts", { skip: process.platform === "win32" && "no host directories" }, () => {
  const folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "holm-mounts-")));
  let holm;
  before(async () => {
    holm = await Holm.boot({ mounts: { "/d": { directory: folder } } });
  });
  after(async () => {
    await holm.shutdown();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const cat = (file) => holm.spawn(guest("cat"), { args: [file], grants: ["--dir /d:ro"] });

  test("host and guests see each other's files", async () => {
    fs.writeFileSync(join(folder, "from-host"), "from the host");
    const read = await holm.run(guest("cat"), {
      args: ["/d/from-host"],
      grants: ["--dir /d:ro"],
    });
    assert.equal(read.stdout, "from the host", read.stderr);
    await holm.files.write("/d/from-inside", "from inside");
    assert.equal(fs.readFileSync(join(folder, "from-inside"), "utf8"), "from inside");
    const [mount] = await holm.mounts();
    assert.deepEqual(mount, { path: "/d", source: folder, access: "rw" });
  });

  test("a FIFO is waited for, and only its reader waits", async () => {
    execFileSync("mkfifo", [join(folder, "fifo")]);
    const reader = await cat("/d/fifo");
    const text = new Response(reader.stdout).text();
    await sleep(50);
    const other = await holm.run(guest("hello"));
    assert.equal(other.code, 0, "another guest runs meanwhile");
    const writer = await fs.promises.open(join(folder, "fifo"), "w");
    await writer.write("one ");
    await sleep(50);
    await writer.write("two");
    await writer.close();
    assert.equal(await text, "one two");
    assert.equal((await reader.exited).code, 0);
  });

  test("a guest that waits for a FIFO can be killed", async () => {
    const reader = await cat("/d/fifo");
    await sleep(50);
    reader.kill("SIGKILL");
    assert.equal((await reader.exited).signal, "SIGKILL");
  });

  test("what cannot be mounted is said", async () => {
    const none = join(folder, "none");
    await assert.rejects(holm.mount("/none", { directory: none }), {
      message: `${none} does not exist; create it first, or correct the path`,
    });
    await assert.rejects(holm.mount("/file", { directory: join(folder, "from-host") }), {
      message: /is not a directory/,
    });
  });
});
