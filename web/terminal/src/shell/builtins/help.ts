// `help`: what there is, in words.

import type { Builtin } from "../builtins.js";
import { builtins } from "../builtins.js";
import { programsIn } from "../complete.js";
import { OPTIONS, UsageProblem } from "../options.js";
import { resolvePath } from "../paths.js";

const BOLD = "\u001b[1m";
const PLAIN = "\u001b[0m";

/** The column that words begin in. */
const TITLE = 11;

const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ["Files", ["ls", "cat", "cp", "mv", "rm", "mkdir", "cd", "pwd", "open"]],
  ["Running", ["ps", "kill", "grant", "revoke", "trace", "which"]],
  ["System", ["mount", "umount", "df", "sync", "panel"]],
  ["Shell", ["echo", "export", "unset", "set", "history", "clear", "exit"]],
];

const help: Builtin = {
  usage: "help [COMMAND | run]",
  summary: "what there is",
  async run({ session, args, print, toScreen }) {
    const [topic] = args;
    const bold = (text: string): string => (toScreen ? `${BOLD}${text}${PLAIN}` : text);
    if (topic === "run" || topic === "holm") {
      await print(`${bold("holm run [OPTIONS] PROGRAM [ARGS...]")}\n`);
      for (const [name, rule] of Object.entries(OPTIONS))
        await print(`  ${name.padEnd(18)}  ${rule.help}`);
      return 0;
    }
    if (topic !== undefined) {
      const builtin = builtins[topic];
      if (!builtin)
        throw new UsageProblem(`there is no command ${topic} in the shell; help lists them`);
      await print(`${bold(builtin.usage)}\n${builtin.summary}`);
      return 0;
    }
    await session.page.programsReady;
    const programs = new Set<string>();
    for (const directory of session.path) {
      const found = await programsIn(session.holm.files, resolvePath(session.directory, directory));
      for (const name of found) programs.add(name);
    }
    const width = session.screen.columns;
    const row = (title: string, words: readonly string[]): Promise<void> =>
      print(
        `${bold(title.padEnd(TITLE))}${wrapped(words, width - TITLE).join(`\n${" ".repeat(TITLE)}`)}`,
      );
    await row(
      "Programs",
      programs.size > 0 ? [...programs].sort() : ["none yet: drop a .wasm file onto the page"],
    );
    for (const [title, commands] of GROUPS) await row(title, commands);
    await row("Lines", ["a | b", "> >> < 2>", "&& || ;", '"quotes"', "$NAME", "*.txt"]);
    await row("Keys", [
      "Tab completes,",
      "↑ and Ctrl-R search,",
      "Ctrl-C stops,",
      "F6 leaves the terminal",
    ]);
    await print(
      `\nhelp NAME says what a command does, help run what a program can be granted:\n` +
        "it starts with nothing but this terminal.",
    );
    return 0;
  },
};

/** Words in rows of a width. */
function wrapped(words: readonly string[], width: number): string[] {
  const rows: string[] = [];
  for (const word of words) {
    const last = rows.at(-1);
    if (last !== undefined && last.length + 2 + word.length < width)
      rows[rows.length - 1] = `${last}  ${word}`;
    else rows.push(word);
  }
  return rows;
}

const version: Builtin = {
  usage: "version",
  summary: "which Holm this is",
  async run({ session, print }) {
    await print(
      `Holm ${__HOLM_VERSION__}, reached by ${session.holm.transport === "shared" ? "shared memory" : "messages (JSPI)"}`,
    );
    return 0;
  },
};

export const helpBuiltins: Record<string, Builtin> = { help, version };
