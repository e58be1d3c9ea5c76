// Runs the project's guests natively, so that every other host can be held to the very same.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

const TABLE = fileURLToPath(new URL("../../tests/guests.json", import.meta.url));

/**
 * Runs each guest of tests/guests.json as `holm run` twice, and writes what came of it.
 *
 * @param {string} target Where cargo and `cargo xtask guests` put what they build.
 * @returns {Promise<string>} The file: by name, `code`, `stdout` and `stderr`; a stream that was
 *   not the same both times is `null`.
 */
export async function record(target) {
  const holm = join(target, "debug/holm");
  if (!existsSync(holm)) {
    throw new Error(`there is no ${holm}: \`cargo build -p holm-cli\` builds it`);
  }
  const file = join(target, "web/recorded.json");
  const table = JSON.parse(await readFile(TABLE, "utf8"));
  const recorded = {};
  for (const one of table) {
    const [first, second] = [await runOnce(holm, target, one), await runOnce(holm, target, one)];
    for (const stream of ["stdout", "stderr"]) {
      if (first[stream] !== second[stream]) {
        first[stream] = null;
      }
    }
    recorded[one.name] = first;
  }
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify(recorded));
  return file;
}

/**
 * Runs `holm` for a case, in a folder of its own.
 *
 * @param {string} target
 * @param {object} asked
 * @param {string[]} asked.arguments `{guests}` in one is the folder of the guests.
 * @param {Record<string, string>} [asked.files] Files to put there first, in base64.
 * @param {string[]} [asked.wanted] Files to answer with.
 */
export async function runHolm(target, { arguments: args, files = {}, wanted = [] }) {
  const folder = await mkdtemp(join(tmpdir(), "holm-native-"));
  try {
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder, name), Buffer.from(content, "base64"));
    }
    const guests = join(target, "guests");
    const given = args.map((argument) => argument.replace("{guests}", guests));
    const done = await start(join(target, "debug/holm"), target, folder, given, "");
    const answered = {};
    for (const name of wanted) {
      answered[name] = (await readFile(join(folder, name))).toString("base64");
    }
    return { ...done, files: answered };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runOnce(holm, target, { name, options = [], arguments: args = [], stdin = "" }) {
  const folder = await mkdtemp(join(tmpdir(), "holm-native-"));
  await mkdir(join(folder, "d"));
  try {
    const program = join(target, `guests/${name}.wasm`);
    const given = ["run", "--tier", "baseline", ...options, program, ...args];
    return await start(holm, target, folder, given, stdin);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Node's own pipes to a process are sockets, which a guest can tell: a shell makes real ones. */
const PIPED = 'cat .stdin | { "$@" 2>.stderr; echo $? >.code; } | cat';

async function start(holm, target, folder, args, stdin) {
  const file = (name) => join(folder, name);
  await writeFile(file(".stdin"), stdin);
  const options = {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 64 << 20,
    timeout: 120_000,
    env: {
      PATH: process.env.PATH,
      HOLM_STATE_DIR: file("state"),
      HOLM_CACHE_DIR: join(target, "tmp/end-to-end-cache"),
    },
  };
  const { stdout } = await run("sh", ["-c", PIPED, "sh", holm, ...args], options);
  const stderr = await readFile(file(".stderr"), "utf8");
  return { code: Number(await readFile(file(".code"), "utf8")), stdout, stderr };
}
