// Builtins for the shell's own state: where it is, its variables and its history.

import type { Builtin } from "../builtins.js";
import { builtins } from "../builtins.js";
import { findProgram } from "../complete.js";
import { UsageProblem } from "../options.js";
import { resolvePath } from "../paths.js";
import { quote } from "../syntax.js";

const cd: Builtin = {
  usage: "cd [FOLDER]",
  summary: "go to a folder; cd - goes back",
  async run({ session, args }) {
    const [name = session.variable("HOME") ?? "/"] = args;
    const path = name === "-" ? session.previous : resolvePath(session.directory, name);
    const info = await session.holm.files.stat(path);
    if (info.kind !== "directory") throw new UsageProblem(`${name} is not a folder`);
    session.previous = session.directory;
    session.directory = path;
    return 0;
  },
};

const pwd: Builtin = {
  usage: "pwd",
  summary: "the folder you are in",
  async run({ session, print }) {
    await print(session.directory);
    return 0;
  },
};

const echo: Builtin = {
  usage: "echo [-n] [TEXT...]",
  summary: "write text",
  standsIn: true,
  async run({ args, output }) {
    const open = args[0] === "-n";
    const text = (open ? args.slice(1) : args).join(" ");
    await output.write(new TextEncoder().encode(open ? text : `${text}\n`));
    return 0;
  },
};

const exportBuiltin: Builtin = {
  usage: "export [NAME[=VALUE]...]",
  summary: "variables that programs get; alone, lists them",
  async run({ session, args, print }) {
    for (const word of args) {
      const [, name = "", value] = /^([A-Za-z_]\w*)(?:=(.*))?$/s.exec(word) ?? [];
      if (name === "") throw new UsageProblem(`${word} is not the name of a variable`);
      if (value !== undefined) session.setVariable(name, value);
      session.exported.add(name);
    }
    if (args.length === 0) {
      for (const [name, value] of Object.entries(session.environment))
        await print(`export ${name}=${quote(value)}`);
    }
    return 0;
  },
};

const unset: Builtin = {
  usage: "unset NAME...",
  summary: "forget variables",
  run({ session, args }) {
    for (const name of args) session.unsetVariable(name);
    return Promise.resolve(0);
  },
};

const set: Builtin = {
  usage: "set",
  summary: "every variable of the shell",
  async run({ session, print }) {
    for (const name of session.variableNames) {
      const mark = session.exported.has(name) ? "  (exported)" : "";
      await print(`${name}=${quote(session.variable(name) ?? "")}${mark}`);
    }
    return 0;
  },
};

const history: Builtin = {
  usage: "history [clear]",
  summary: "the lines typed before",
  async run({ session, args, print }) {
    if (args[0] === "clear") session.history.clear();
    else
      await print(
        session.history.lines
          .map((line, at) => `${String(at + 1).padStart(4)}  ${line}`)
          .join("\n"),
      );
    return 0;
  },
};

const which: Builtin = {
  usage: "which NAME...",
  summary: "what a name would run",
  async run({ session, args, print }) {
    let missing = 0;
    await session.page.programsReady;
    for (const name of args) {
      const builtin = builtins[name];
      const path =
        builtin && builtin.standsIn !== true
          ? undefined
          : await findProgram(name, session.directory, session.path, (each) =>
              session.isFile(each),
            );
      if (path !== undefined) await print(path);
      else if (builtin) await print(`${name} is part of the shell`);
      else missing = 1;
    }
    return missing;
  },
};

const clear: Builtin = {
  usage: "clear",
  summary: "empty the screen (Ctrl-L)",
  async run({ session }) {
    await session.screen.draw("\u001b[2J\u001b[3J\u001b[H");
    return 0;
  },
};

const exit: Builtin = {
  usage: "exit",
  summary: "what happens when you leave",
  async run({ print }) {
    await print(
      "The shell lives as long as the page: close the tab to leave. What is in /home stays, where it is on a disk.",
    );
    return 0;
  },
};

const yes: Builtin = { usage: "true", summary: "succeed", run: () => Promise.resolve(0) };
const no: Builtin = { usage: "false", summary: "fail", run: () => Promise.resolve(1) };

export const stateBuiltins: Record<string, Builtin> = {
  cd,
  clear,
  echo,
  exit,
  export: exportBuiltin,
  false: no,
  history,
  pwd,
  set,
  true: yes,
  unset,
  which,
};
