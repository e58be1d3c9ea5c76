// Figures of Holm beside its peers: `node bench/run.js --target DIR [--host NAME]... [--only ROW]...`.
//
// Each contestant in turn, in a page or process of its own, several rounds; told are medians and
// ratios, as absolute times drift with the machine. `cargo xtask web bench` builds what this needs.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, release } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { chooseHosts } from "../tests/hosts.js";
import { openHost } from "./hosts.js";
import { table } from "./table.js";

const PEERS = ["@bjorn3/browser_wasi_shim@0.4.2", "@wasmer/sdk@0.16.0"];
/** Rows, and how often each is measured. */
const ROWS = {
  start: 7,
  calls: 5,
  pipe: 5,
  files: 3,
  compute: 5,
  python: 5,
  kill: 3,
  memory: 1,
};
/** Hosts, unless others are named. */
const HOSTS = ["chromium", "firefox", "node26"];
/** Bytes of the file in the archive: what the guest reads. */
const ARCHIVED = 64 << 20;

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    host: { type: "string", multiple: true, default: [] },
    only: { type: "string", multiple: true, default: [] },
    rounds: { type: "string" },
    dist: { type: "string" },
    json: { type: "string" },
  },
});
const here = fileURLToPath(new URL(".", import.meta.url));
const web = join(here, "..");
const target = resolve(values.target ?? join(web, "../target"));
const unknown = values.only.filter((name) => !(name in ROWS));
if (unknown.length > 0) {
  console.error(`error: there is no row ${unknown[0]}; there are: ${Object.keys(ROWS).join(", ")}`);
  process.exit(2);
}
const wanted = Object.keys(ROWS).filter(
  (name) => values.only.length === 0 || values.only.includes(name),
);
const folders = {
  "/dist/": resolve(values.dist ?? join(web, "dist")),
  "/bench/": here,
  "/guests/": join(target, "guests"),
  "/python.wasm": join(target, "programs/python/python.wasm"),
  "/peers/": await peers(),
  "/archive.tar": await archive(),
};

console.log(
  `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, Linux ${release()}`,
);
const found = {};
for (const host of chooseHosts(values.host.length > 0 ? values.host : HOSTS)) {
  found[host.name] = await measureIn(host);
  if (values.json) {
    await writeFile(values.json, JSON.stringify(found, null, 1));
  }
}

async function measureIn(host) {
  const opened = await openHost(host, folders);
  const rows = {};
  try {
    for (const name of wanted) {
      const { default: row } = await import(`./rows/${name}.js`);
      const contestants = Object.keys(row.contestants);
      const samples = Object.fromEntries(contestants.map((contestant) => [contestant, {}]));
      const said = new Set();
      const out = new Set();
      for (let round = 0; round < Number(values.rounds ?? ROWS[name]); round++) {
        for (const contestant of contestants.filter((one) => !out.has(one))) {
          const outcome = await opened.measure(name, contestant);
          if (outcome.figures === undefined) {
            said.add(`${contestant}: ${outcome.leftOut ?? `failed: ${outcome.failed}`}`);
            out.add(contestant);
            continue;
          }
          for (const [figure, value] of Object.entries(outcome.figures)) {
            const list = samples[contestant][figure] ?? [];
            samples[contestant][figure] = list;
            if (typeof value === "number") {
              list.push(value);
            }
          }
        }
      }
      rows[name] = samples;
      console.log(`\n## ${host.name}: ${name}\n`);
      console.log(table(samples));
      for (const line of said) {
        console.log(`(${line})`);
      }
    }
  } finally {
    await opened.close();
  }
  return rows;
}

/** What Holm is compared with, from npm. */
async function peers() {
  const folder = join(web, ".cache/peers");
  if (!PEERS.every((peer) => existsSync(join(folder, "installed", peer)))) {
    await mkdir(folder, { recursive: true });
    await promisify(execFile)("npm", [
      ...["install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund", ...PEERS],
    ]);
    for (const peer of PEERS) {
      await mkdir(join(folder, "installed", peer), { recursive: true });
    }
  }
  return join(folder, "node_modules");
}

/** An archive with the file in it that the guest reads. */
async function archive() {
  const folder = join(target, "web-bench");
  const file = join(folder, "archive.tar");
  if (!existsSync(file)) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "sequential.bin"), Buffer.alloc(ARCHIVED, 7));
    await promisify(execFile)("tar", [
      ...["--create", "--file", file, "--directory", folder, "sequential.bin"],
    ]);
  }
  return file;
}
