// `help`: what there is, in words.

import type { Builtin } from "../builtins.js";
import { builtins } from "../builtins.js";
import { programsIn } from "../complete.js";
import { OPTIONS, UsageProblem } from "../options.js";
import { resolvePath } from "../paths.js";

const BOLD = "\u001b[1m";
const PLAIN = "\u001b[0m";

const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ["Files", ["ls", "cat", "cp", "mv", "rm", "mkdir", "cd", "pwd", "open"]],
  ["Programs", ["ps", "kill", "grant", "revoke", "trace", "which"]],
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
      for (const [name, rule] of Object.entries(OPTIONS)) await print(`  ${name.padEnd(18)}  ${rule.help}`);
      return 0;
    }
    if (topic !== undefined) {
      const builtin = builtins[topic];
      if (!builtin) throw new UsageProblem(`there is no command ${topic} in the shell; help lists them`);
      await print(`${bold(builtin.usage)}\n${builtin.summary}`);
      return 0;
    }
    await session.page.programsReady;
    const programs = new Set<string>();
    for (const directory of session.path) {
      const found = await programsIn(session.holm.files, resolvePath(session.directory, directory));
      for (const name of found) programs.add(name);
    }
    const names = [...programs].sort().join(" ");
    await print(`${bold("Programs")}   ${names === "" ? "none yet: drop a .wasm file onto the page" : names}\n`);
    for (const [title, commands] of GROUPS) {
      await print(bold(title));
      for (const name of commands) await print(`  ${(builtins[name]?.usage ?? name).padEnd(30)}  ${builtins[name]?.summary ?? ""}`);
    }
    await print(
      `\n${bold("Lines")}   a | b   > >> < 2>   && || ;   "quotes"   $NAME   *.txt\n` +
        `${bold("Keys")}    Tab completes, ↑ ↓ and Ctrl-R search, Ctrl-C stops, F6 leaves the terminal\n\n` +
        `Programs start with nothing but this terminal. ${bold("help run")} lists what can be granted.`,
    );
    return 0;
  },
};

const version: Builtin = {
  usage: "version",
  summary: "which Holm this is",
  async run({ session, print }) {
    await print(`Holm ${__HOLM_VERSION__}, reached by ${session.holm.transport === "shared" ? "shared memory" : "messages (JSPI)"}`);
    return 0;
  },
};

export const helpBuiltins: Record<string, Builtin> = { help, version };
