// The options of `holm run` as this shell takes them: what each needs, and which are grants.

import { resolvePath } from "./paths.js";
import { quote } from "./syntax.js";

/** What an option is to the shell. */
interface Rule {
  /** Whether a value follows, or stands after `=`. */
  value: boolean;
  /** Whether it is handed to the system as a grant; else the shell obeys it. */
  grant: boolean;
  /** What to say in the help. */
  help: string;
}

export const OPTIONS: Readonly<Record<string, Rule>> = {
  "--dir": {
    value: true,
    grant: true,
    help: "FOLDER[::SEEN_AS][:ro|:rw|:cow]  files of the system",
  },
  "--mount": { value: true, grant: true, help: "ARCHIVE::SEEN_AS  files of an archive, read-only" },
  "--tmp": { value: true, grant: true, help: "SIZE[::SEEN_AS]  a folder in memory" },
  "--env": { value: true, grant: true, help: "NAME[=VALUE]  an environment variable" },
  "--clock": { value: true, grant: true, help: "fine|coarse  how fine its clocks are" },
  "--memory": { value: true, grant: true, help: "SIZE  most memory" },
  "--cpu": { value: true, grant: true, help: "TIME  most CPU time" },
  "--timeout": { value: true, grant: true, help: "TIME  from start to end" },
  "--max-fds": { value: true, grant: true, help: "COUNT  most open descriptors" },
  "--terminal-escapes": {
    value: false,
    grant: true,
    help: "colours and cursor codes pass unfiltered",
  },
  "--no-stdin": { value: false, grant: true, help: "close standard input" },
  "--no-stdout": { value: false, grant: true, help: "close standard output" },
  "--no-stderr": { value: false, grant: true, help: "close standard error" },
  "--trace": { value: false, grant: false, help: "show each system call in the Trace panel" },
  "--stats": { value: false, grant: false, help: "say at the end what was used" },
  "--quiet": { value: false, grant: false, help: "do not explain refusals" },
  "--invoke": { value: true, grant: false, help: "NAME  call this export instead of the start" },
  "--argv0": { value: true, grant: false, help: "NAME  argument 0" },
};

/** Something that the person wrote and that is not right, with what to write instead. */
export class UsageProblem extends Error {
  override name = "UsageProblem";
}

/** What stood in front of a program's name. */
export interface RunOptions {
  /** Grants as the system takes them: `--dir /home::.:ro`. */
  grants: string[];
  trace: boolean;
  stats: boolean;
  quiet: boolean;
  invoke?: string;
  argv0?: string;
}

/** Where relative paths of options start, and what `--env NAME` passes on. */
export interface OptionContext {
  directory: string;
  variable(name: string): string | undefined;
}

/** Reads options up to the first word that is none, and says how many words they took. */
export function readOptions(
  words: readonly string[],
  context: OptionContext,
): { options: RunOptions; taken: number } {
  const options: RunOptions = { grants: [], trace: false, stats: false, quiet: false };
  let at = 0;
  while (at < words.length) {
    const word = words[at] ?? "";
    if (word === "--") return { options, taken: at + 1 };
    if (!word.startsWith("-") || word === "-") break;
    const [name, attached] = splitOnce(word, "=");
    const rule = OPTIONS[name];
    if (!rule) throw new UsageProblem(`there is no option ${name}. Those there are: help run`);
    let value = attached;
    if (rule.value && value === undefined) {
      at += 1;
      value = words[at];
      if (value === undefined)
        throw new UsageProblem(`${name} wants a value: ${name} ${rule.help}`);
    }
    if (rule.grant) options.grants.push(absolute(name, value, context));
    else if (name === "--invoke" && value) options.invoke = value;
    else if (name === "--argv0" && value) options.argv0 = value;
    else if (name === "--trace") options.trace = true;
    else if (name === "--stats") options.stats = true;
    else if (name === "--quiet") options.quiet = true;
    at += 1;
  }
  return { options, taken: at };
}

/** A grant that means the same in every directory. */
function absolute(name: string, value: string | undefined, context: OptionContext): string {
  if (value === undefined) return name;
  if (name === "--env" && !value.includes("=")) {
    return `${name} ${quote(`${value}=${context.variable(value) ?? ""}`)}`;
  }
  if (name === "--dir" || name === "--mount") {
    return `${name} ${quote(absolutePaths(value, context.directory))}`;
  }
  return `${name} ${quote(value)}`;
}

/** `FOLDER[::SEEN_AS][:ACCESS]` with the folder's whole path; it is seen under the name given. */
export function absolutePaths(value: string, directory: string): string {
  const { host, guest, access } = splitPaths(value);
  const whole = resolvePath(directory, host);
  const seen = guest ?? host;
  return `${whole}${seen === whole ? "" : `::${seen}`}${access === "" ? "" : `:${access}`}`;
}

/** The parts of a value of `--dir`. */
export function splitPaths(value: string): { host: string; guest?: string; access: string } {
  const access = /:(ro|rw|cow)$/.exec(value)?.[1] ?? "";
  const paths = access === "" ? value : value.slice(0, -access.length - 1);
  const [host, guest] = splitOnce(paths, "::");
  return guest === undefined ? { host, access } : { host, guest, access };
}

function splitOnce(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + at.length)];
}

/** What a grant is about: of two grants about the same thing, the later one counts. */
function subjectOf(grant: string): string {
  const [name, value] = splitOnce(grant, " ");
  if (value === undefined) return name;
  const bare = value.replace(/^'(.*)'$/s, "$1");
  switch (name) {
    case "--dir":
    case "--mount": {
      const { host, guest } = splitPaths(bare);
      return `files ${(guest ?? host).replace(/^\.$/, "/")}`;
    }
    case "--tmp":
      return `files ${splitOnce(bare, "::")[1] ?? "/tmp"}`;
    case "--env":
      return `env ${splitOnce(bare, "=")[0]}`;
    default:
      return name;
  }
}

/** Grants without those that a later one replaces. */
export function mergeGrants(grants: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const grant of grants) {
    const subject = subjectOf(grant);
    merged.delete(subject);
    merged.set(subject, grant);
  }
  return [...merged.values()];
}

/**
 * Grants with the current folder seen as `.` too, where one of them gives it under its own name:
 * programs know no current folder, so that relative names would else lead nowhere. This gives
 * nothing that was not granted, only another name for it.
 */
export function withDirectory(grants: readonly string[], directory: string): string[] {
  if (grants.some((grant) => subjectOf(grant) === "files /")) return [...grants];
  for (const grant of grants.toReversed()) {
    const value = /^--dir '?(.*?)'?$/s.exec(grant)?.[1];
    if (value === undefined) continue;
    const { host, guest, access } = splitPaths(value);
    if (guest !== undefined && guest !== host) continue;
    if (directory !== host && !directory.startsWith(`${host}/`)) continue;
    return [...grants, `--dir ${quote(`${directory}::.${access === "" ? "" : `:${access}`}`)}`];
  }
  return [...grants];
}
