// Builtins for files: they act with the person's own hands, on every file of the system.

import type { Builtin, Context } from "../builtins.js";
import { formatDate, formatSize } from "../format.js";
import { UsageProblem } from "../options.js";
import { baseName, join, resolvePath } from "../paths.js";
import { pump } from "../streams.js";
import { printable, textWidth } from "../width.js";

const BLUE = "\u001b[34m";
const GREEN = "\u001b[32m";
const CYAN = "\u001b[36m";
const PLAIN = "\u001b[0m";
const LONG_MOST = 2_000;

interface Listed {
  name: string;
  kind: string;
}

/** Options with one dash, as letters, and the rest of the words. */
function lettersOf(context: Context, known: string): { letters: Set<string>; names: string[] } {
  const letters = new Set<string>();
  const names: string[] = [];
  let open = true;
  for (const word of context.args) {
    if (open && word === "--") open = false;
    else if (open && /^-[A-Za-z]+$/.test(word))
      for (const letter of word.slice(1)) letters.add(letter);
    else names.push(word);
  }
  for (const letter of letters) {
    if (!known.includes(letter)) throw new UsageProblem(`there is no option -${letter}`);
  }
  return { letters, names };
}

const ls: Builtin = {
  usage: "ls [-al] [PATH...]",
  summary: "list files",
  standsIn: true,
  async run(context) {
    const { letters, names } = lettersOf(context, "al1hF");
    const { session } = context;
    const places = names.length === 0 ? ["."] : names;
    const list = (directory: string, entries: Listed[]): Promise<void> =>
      letters.has("l")
        ? long(context, directory, entries)
        : short(context, entries, letters.has("1"));
    const folders: { name: string; path: string }[] = [];
    const files: Listed[] = [];
    for (const name of places) {
      const path = resolvePath(session.directory, name);
      const { kind } = await session.holm.files.stat(path);
      if (kind === "directory") folders.push({ name, path });
      else files.push({ name, kind });
    }
    await list(session.directory, files);
    for (const [at, { name, path }] of folders.entries()) {
      const entries: Listed[] = await session.holm.files.list(path);
      const shown = entries
        .filter((each) => letters.has("a") || !each.name.startsWith("."))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const gap = at > 0 || files.length > 0 ? "\n" : "";
      if (places.length > 1) await context.print(`${gap}${printable(name)}:`);
      await list(path, shown);
    }
    return 0;
  },
};

function coloured(entry: Listed, toScreen: boolean): string {
  const name = printable(entry.name);
  if (!toScreen) return name;
  if (entry.kind === "directory") return `${BLUE}${name}/${PLAIN}`;
  if (entry.kind === "symlink") return `${CYAN}${name}${PLAIN}`;
  return name.endsWith(".wasm") ? `${GREEN}${name}${PLAIN}` : name;
}

async function short(context: Context, entries: Listed[], oneEach: boolean): Promise<void> {
  if (entries.length === 0) return;
  const drawn = entries.map((each) => coloured(each, context.toScreen));
  if (!context.toScreen || oneEach) {
    await context.print(drawn.join("\n"));
    return;
  }
  const widths = entries.map(
    (each) => textWidth(printable(each.name)) + (each.kind === "directory" ? 1 : 0),
  );
  const width = Math.max(...widths) + 2;
  const columns = Math.max(1, Math.floor(context.session.screen.columns / width));
  const rows = Math.ceil(entries.length / columns);
  const lines: string[] = [];
  for (let row = 0; row < rows; row += 1) {
    let line = "";
    for (let at = row; at < entries.length; at += rows) {
      const last = at + rows >= entries.length;
      line += (drawn[at] ?? "") + (last ? "" : " ".repeat(width - (widths[at] ?? 0)));
    }
    lines.push(line);
  }
  await context.print(lines.join("\n"));
}

async function long(context: Context, directory: string, entries: Listed[]): Promise<void> {
  const { files } = context.session.holm;
  const rows = await Promise.all(
    entries.slice(0, LONG_MOST).map(async (each) => {
      const info = await files.stat(resolvePath(directory, each.name)).catch(() => undefined);
      const size = info?.kind === "file" ? formatSize(info.size) : each.kind;
      return { each, size, date: formatDate(info?.modified ?? 0) };
    }),
  );
  const width = Math.max(0, ...rows.map((row) => row.size.length));
  const lines = rows.map(
    (row) =>
      `${row.size.padStart(width)}  ${row.date.padEnd(16)}  ${coloured(row.each, context.toScreen)}`,
  );
  if (entries.length > rows.length) lines.push(`… and ${entries.length - rows.length} more`);
  if (lines.length > 0) await context.print(lines.join("\n"));
}

const cat: Builtin = {
  usage: "cat [FILE...]",
  summary: "write files out",
  standsIn: true,
  async run(context) {
    const { session, args } = context;
    if (args.length === 0) {
      if (!context.input) throw new UsageProblem("cat wants files, or something piped into it");
      await pump(context.input, context.output);
      return 0;
    }
    for (const name of args) {
      await context.output.write(
        await session.holm.files.read(resolvePath(session.directory, name)),
      );
    }
    return 0;
  },
};

const mkdir: Builtin = {
  usage: "mkdir FOLDER...",
  summary: "make folders",
  standsIn: true,
  async run(context) {
    const { names } = lettersOf(context, "p");
    if (names.length === 0) throw new UsageProblem("mkdir wants the name of a folder");
    for (const name of names) {
      await context.session.holm.files.makeDirectory(resolvePath(context.session.directory, name));
    }
    context.session.page.filesChanged();
    return 0;
  },
};

const rm: Builtin = {
  usage: "rm [-rf] PATH...",
  summary: "remove files, with -r folders too",
  standsIn: true,
  async run(context) {
    const { letters, names } = lettersOf(context, "rRf");
    const { session } = context;
    if (names.length === 0) throw new UsageProblem("rm wants the name of a file");
    for (const name of names) {
      const path = resolvePath(session.directory, name);
      const info = await session.holm.files.stat(path).catch((error: unknown) => {
        if (letters.has("f")) return undefined;
        throw error;
      });
      if (!info) continue;
      if (info.kind === "directory" && !letters.has("r") && !letters.has("R")) {
        throw new UsageProblem(
          `${name} is a folder; rm -r ${name} removes it with all that is in it`,
        );
      }
      await session.holm.files.remove(path);
    }
    session.page.filesChanged();
    return 0;
  },
};

/** The place that a file goes to: below `to` when that is a folder. */
async function placeIn(context: Context, from: string, to: string): Promise<string> {
  return (await context.session.isDirectory(to)) ? join(to, baseName(from)) : to;
}

const mv: Builtin = {
  usage: "mv FROM... TO",
  summary: "move or rename",
  standsIn: true,
  async run(context) {
    const { from, to } = await pairs(context, "mv");
    for (const each of from)
      await context.session.holm.files.rename(each, await placeIn(context, each, to));
    context.session.page.filesChanged();
    return 0;
  },
};

const cp: Builtin = {
  usage: "cp [-r] FROM... TO",
  summary: "copy, with -r folders too",
  standsIn: true,
  async run(context) {
    const { from, to, letters } = await pairs(context, "cp");
    for (const each of from) {
      const target = await placeIn(context, each, to);
      if ((await context.session.isDirectory(each)) && !letters.has("r") && !letters.has("R")) {
        throw new UsageProblem(
          `${baseName(each)} is a folder; cp -r copies it with all that is in it`,
        );
      }
      if (target === each || target.startsWith(`${each}/`)) {
        throw new UsageProblem(`${baseName(each)} cannot be copied onto or into itself`);
      }
      await copy(context, each, target);
    }
    context.session.page.filesChanged();
    return 0;
  },
};

async function pairs(
  context: Context,
  name: string,
): Promise<{ from: string[]; to: string; letters: Set<string> }> {
  const { letters, names } = lettersOf(context, "rRf");
  const paths = names.map((each) => resolvePath(context.session.directory, each));
  const to = paths.pop();
  if (to === undefined || paths.length === 0)
    throw new UsageProblem(`${name} wants what and where to: ${name} FROM TO`);
  if (paths.length > 1 && !(await context.session.isDirectory(to))) {
    throw new UsageProblem(`several files go into a folder, and ${to} is none`);
  }
  return { from: paths, to, letters };
}

async function copy(context: Context, from: string, to: string): Promise<void> {
  const { files } = context.session.holm;
  context.signal.throwIfAborted();
  if (!(await context.session.isDirectory(from))) {
    await files.write(to, (await files.read(from)).slice());
    return;
  }
  await files.makeDirectory(to);
  for (const entry of await files.list(from))
    await copy(context, join(from, entry.name), join(to, entry.name));
}

export const fileBuiltins: Record<string, Builtin> = { cat, cp, ls, mkdir, mv, rm };
