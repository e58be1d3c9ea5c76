// Builtins for what programs may do, and for seeing what they do.

import type { Builtin } from "../builtins.js";
import { mergeGrants, readOptions, UsageProblem } from "../options.js";

const NOTHING =
  "Programs are granted nothing but this terminal.\n" +
  "grant --dir /home:ro          every later program reads /home\n" +
  "grant python --dir /home:rw   only python, and it may change files\n" +
  "holm run --dir /home:ro PROGRAM   one run";

const grant: Builtin = {
  usage: "grant [PROGRAM] [OPTION...]",
  summary: "what later programs may have; alone, lists it",
  async run({ session, args, print }) {
    if (args.length === 0) {
      const all = session.grants.all();
      if (all.length === 0) await print(NOTHING);
      for (const { grant: option, program } of all)
        await print(`${program ?? "every program"}: ${option}`);
      return 0;
    }
    const named = args[0]?.startsWith("-") ? undefined : args[0];
    const words = named === undefined ? args : args.slice(1);
    const { options, taken } = readOptions(words, {
      directory: session.directory,
      variable: session.variable,
    });
    if (taken < words.length)
      throw new UsageProblem(`${words[taken] ?? ""} is not an option; help run lists them`);
    if (options.grants.length === 0) {
      if (named === undefined)
        throw new UsageProblem("this grants nothing; help run lists the options that do");
      const given = mergeGrants(session.grants.of(named));
      await print(
        given.length === 0 ? `${named} is granted nothing but this terminal.` : given.join("\n"),
      );
      return 0;
    }
    session.grants.add(options.grants, named);
    await print(
      `Granted until the page is closed: ${options.grants.join(" ")} to ${named ?? "every later program"}`,
    );
    return 0;
  },
};

const revoke: Builtin = {
  usage: "revoke [PROGRAM | all]",
  summary: "take grants back",
  async run({ session, args, print }) {
    const [name] = args;
    if (name === "all") {
      session.grants.clear();
    } else if (!session.grants.remove(undefined, name)) {
      throw new UsageProblem(
        `${name ?? "every program"} was granted nothing${name === undefined ? "; revoke all takes back what single programs have" : ""}`,
      );
    }
    await print("Taken back. Programs that run already keep what they have until they end.");
    return 0;
  },
};

const trace: Builtin = {
  usage: "trace on|off|next",
  summary: "show each system call in the Trace panel",
  async run({ session, args, print }) {
    const [word] = args;
    const { trace: state } = session.page;
    if (word === undefined) {
      await print(`trace is ${state.wanted === "next" ? "on for the next program" : state.wanted}`);
      return 0;
    }
    if (word !== "on" && word !== "off" && word !== "next") {
      throw new UsageProblem(
        "trace on, trace off, or trace next; holm run --trace PROGRAM traces one run",
      );
    }
    state.wanted = word;
    if (word !== "off") session.page.showPanel("trace");
    return 0;
  },
};

export const grantBuiltins: Record<string, Builtin> = { grant, revoke, trace };
