// From a command to what runs it: a builtin, or a program of the system's files.

import { type Builtin, builtins, isShadowed } from "./builtins.js";
import { findProgram } from "./complete.js";
import { expand, textOf } from "./expand.js";
import {
  mergeGrants,
  type RunOptions,
  readOptions,
  UsageProblem,
  withDirectory,
} from "./options.js";
import { baseName } from "./paths.js";
import type { Session } from "./session.js";
import type { Command } from "./syntax.js";

/** What a command turned out to be. */
export type Stage =
  | { kind: "nothing" }
  | { kind: "builtin"; name: string; run: Builtin["run"]; args: string[] }
  | {
      kind: "program";
      name: string;
      path: string;
      args: string[];
      env: Record<string, string>;
      grants: string[];
      options: RunOptions;
    };

/** No file and no builtin has this name. */
export class NotFound extends Error {
  override name = "NotFound";
}

/** Finds what a command means. */
export async function stageOf(command: Command, session: Session): Promise<Stage> {
  const surroundings = session.surroundings;
  const assigned = command.assignments.map(
    ({ name, value }) => [name, textOf(value, surroundings)] as const,
  );
  let words = await expand(command.words, surroundings);
  if (words.length === 0) {
    for (const [name, value] of assigned) session.setVariable(name, value);
    return { kind: "nothing" };
  }
  let options: RunOptions | undefined;
  if (words[0] === "holm") {
    words = words.slice(1);
    if (words[0] !== "run") return holmCommand(words);
    const read = readOptions(words.slice(1), {
      directory: session.directory,
      variable: session.variable,
    });
    options = read.options;
    words = words.slice(1 + read.taken);
    if (words.length === 0) {
      throw new UsageProblem(
        "holm run wants a program: holm run [OPTIONS] PROGRAM [ARGS]; help run lists the options",
      );
    }
  }
  const forced = words[0] === "builtin" && options === undefined;
  if (forced) words = words.slice(1);
  const [name = "", ...args] = words;
  const builtin = options ? undefined : builtins[name];
  if (builtin && (forced || !isShadowed(name))) {
    return { kind: "builtin", name, run: builtin.run, args };
  }
  const path = forced ? undefined : await programOf(name, session);
  if (path === undefined) {
    if (builtin) return { kind: "builtin", name, run: builtin.run, args };
    throw await notFound(name, session);
  }
  const program = baseName(path).replace(/\.wasm$/, "");
  return {
    kind: "program",
    // As it was called: `hello` or `hello.wasm`.
    name: options?.argv0 ?? (name.endsWith(".wasm") ? baseName(path) : program),
    path,
    args,
    env: { ...session.environment, ...Object.fromEntries(assigned) },
    grants: withDirectory(
      mergeGrants([...session.grants.of(program), ...(options?.grants ?? [])]),
      session.directory,
    ),
    options: options ?? { grants: [], trace: false, stats: false, quiet: false },
  };
}

async function programOf(name: string, session: Session): Promise<string | undefined> {
  const exists = (path: string): Promise<boolean> => session.isFile(path);
  await session.page.programsReady;
  const path = await findProgram(name, session.directory, session.path, exists);
  // Without a slash only programs are meant: `notes.txt` in /home is not one.
  return path !== undefined && (name.includes("/") || path.endsWith(".wasm")) ? path : undefined;
}

async function notFound(name: string, session: Session): Promise<Error> {
  if (name.includes("/")) {
    const reason = (await session.isDirectory(name)) ? "is a folder" : "there is no such file";
    return new NotFound(`${name}: ${reason}`);
  }
  return new NotFound(
    `there is no program ${name} in ${session.path.join(", ")}. help lists what there is; ` +
      "drop a .wasm file onto the page, or open URL, to add one",
  );
}

function holmCommand(words: string[]): Stage {
  const [name = "help", ...args] = words;
  const aliases: Record<string, string> = {
    ps: "ps",
    kill: "kill",
    help: "help",
    "--help": "help",
    "--version": "version",
  };
  const builtin = builtins[aliases[name] ?? ""];
  if (!builtin) {
    throw new UsageProblem(
      `holm ${name} is not part of this page. What is: holm run, holm ps, holm kill`,
    );
  }
  return { kind: "builtin", name, run: builtin.run, args };
}
