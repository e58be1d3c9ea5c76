// Runs the cases in every host: `node tests/run.js --target DIR [--host NAME]... [--filter TEXT]`.
//
// A line for each host, and each failure named. `cargo xtask web test` builds what this needs.

import { readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeFixtures } from "./fixtures.js";
import { chooseHosts, runHost } from "./hosts.js";
import { record, runHolm } from "./native.js";

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    host: { type: "string", multiple: true, default: [] },
    file: { type: "string", multiple: true, default: [] },
    filter: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
const here = fileURLToPath(new URL(".", import.meta.url));
const target = resolve(values.target ?? join(here, "../../target"));
const hosts = chooseHosts(values.host);
const names = (await readdir(join(here, "cases"))).filter((name) => name.endsWith(".js")).sort();
const files = names
  .filter((name) => values.file.length === 0 || values.file.includes(basename(name, ".js")))
  .map((name) => join(here, "cases", name));

const folders = {
  "/dist/": join(here, "../dist"),
  "/tests/": here,
  "/guests/": join(target, "guests"),
  "/fixtures/": join(target, "web/fixtures"),
  "/table/": join(here, "../../tests"),
  "/recorded.json": await record(target),
  "/kernel_suite.wasm": join(target, "wasm32-unknown-unknown/debug/examples/kernel_suite.wasm"),
  "/scenarios/": join(here, "../../crates/kernel/src/testkit/scenario/files"),
  "/simulated.json": join(target, "web/simulated.json"),
};

await writeFixtures(folders["/fixtures/"]);
const holm = (asked) => runHolm(target, asked);

/** Outcome of each case in each host: what differs between hosts is named at the end. */
const outcomes = new Map();
let failures = 0;

for (const host of hosts) {
  const started = performance.now();
  const counts = { passed: 0, failed: 0, leftOut: 0 };
  const lines = [];
  const report = (file, outcome) => {
    const name = `${basename(file, ".js")}: ${outcome.name}`;
    if (outcome.broken) {
      counts.failed += 1;
      lines.push(`  FAILED ${basename(file, ".js")}: ${outcome.broken}`);
      return;
    }
    const word = outcome.passed ? "passed" : outcome.failed ? "failed" : "left out";
    outcomes.set(name, { ...outcomes.get(name), [host.name]: word });
    if (outcome.passed) {
      counts.passed += 1;
    } else if (outcome.failed) {
      counts.failed += 1;
      lines.push(`  FAILED ${name}\n      ${outcome.failed.replaceAll("\n", "\n      ")}`);
    } else {
      counts.leftOut += 1;
      lines.push(`  left out ${name}: ${outcome.leftOut}`);
    }
    if (values.verbose) {
      console.error(`${host.name}: ${name}: ${word}, ${outcome.ms} ms`);
    }
  };
  try {
    await runHost(host, { files, folders, filter: values.filter, holm, report });
  } catch (error) {
    counts.failed += 1;
    lines.push(`  FAILED ${host.name}: ${error?.message ?? error}`);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const left = counts.leftOut > 0 ? `, ${counts.leftOut} left out` : "";
  console.log(
    `${host.name.padEnd(18)} ${counts.passed} passed, ${counts.failed} failed${left} (${seconds} s)`,
  );
  for (const line of lines) {
    console.log(line);
  }
  failures += counts.failed;
  if (counts.passed + counts.failed + counts.leftOut === 0) {
    console.log("  FAILED no case ran");
    failures += 1;
  }
}

for (const [name, byHost] of outcomes) {
  const failed = Object.keys(byHost).filter((host) => byHost[host] === "failed");
  const passed = Object.keys(byHost).filter((host) => byHost[host] === "passed");
  if (failed.length > 0 && passed.length > 0) {
    console.log(`differs: ${name}: fails in ${failed.join(", ")}; passes in ${passed.join(", ")}`);
  }
}
if (failures > 0) {
  console.error(`error: ${failures} failed`);
  process.exitCode = 1;
}
