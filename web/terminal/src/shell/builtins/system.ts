// Builtins for the system: its processes, mounts and panels.

import type { SignalName } from "@holm/web";
import type { Builtin, Context } from "../builtins.js";
import { formatCount, formatSeconds, formatSize } from "../format.js";
import { UsageProblem } from "../options.js";
import { archiveStem, isArchive, join, resolvePath } from "../paths.js";
import { printable } from "../width.js";

const SIGNALS: Readonly<Record<string, SignalName>> = {
  HUP: "SIGHUP",
  "1": "SIGHUP",
  INT: "SIGINT",
  "2": "SIGINT",
  QUIT: "SIGQUIT",
  "3": "SIGQUIT",
  KILL: "SIGKILL",
  "9": "SIGKILL",
  TERM: "SIGTERM",
  "15": "SIGTERM",
};
/** Files that `df` looks at for what a mount holds. */
const COUNTED_MOST = 20_000;

/** Rows as columns of text. */
function table(rows: readonly string[][]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
        .join("  "),
    )
    .join("\n");
}

const ps: Builtin = {
  usage: "ps",
  summary: "what is running, with what it is granted",
  async run({ session, print }) {
    const processes = await session.holm.processes();
    if (processes.length === 0) {
      await print("Nothing is running.");
      return 0;
    }
    const rows = processes.map((each) => [
      String(each.pid),
      each.state === "waiting" && each.waitsIn !== undefined
        ? `waits in ${each.waitsIn}`
        : each.state,
      formatSize(each.usage.memory),
      `${formatCount(each.usage.calls)} calls`,
      formatSeconds(each.age),
      printable([each.name, ...each.args].join(" ")),
      each.grants.length > 0 ? each.grants.map(printable).join(" ") : "(only the terminal)",
    ]);
    await print(table([["PID", "STATE", "MEMORY", "CALLS", "AGE", "PROGRAM", "GRANTS"], ...rows]));
    return 0;
  },
};

const kill: Builtin = {
  usage: "kill [-SIGNAL] PID...",
  summary: "end programs",
  run({ session, args }) {
    const [first = ""] = args;
    const signal = first.startsWith("-")
      ? SIGNALS[first.slice(1).replace(/^SIG/, "").toUpperCase()]
      : "SIGTERM";
    if (!signal)
      throw new UsageProblem(
        `there is no signal ${first}; those there are: HUP, INT, QUIT, KILL, TERM`,
      );
    const pids = first.startsWith("-") ? args.slice(1) : args;
    if (pids.length === 0)
      throw new UsageProblem("kill wants the number of a process; ps lists them");
    for (const pid of pids) {
      const process = session.processes.get(Number(pid));
      if (!process) throw new UsageProblem(`there is no process ${pid}; ps lists them`);
      process.kill(signal);
    }
    return Promise.resolve(0);
  },
};

const mount: Builtin = {
  usage: "mount [ARCHIVE [PATH]]",
  summary: "mount an archive read-only at /mnt/NAME; alone, lists mounts",
  async run({ session, args, print }) {
    const [archive, at] = args;
    if (archive === undefined) {
      const mounts = await session.holm.mounts();
      await print(table(mounts.map((each) => [each.path, each.access, printable(each.source)])));
      return 0;
    }
    if (!isArchive(archive))
      throw new UsageProblem(`${archive} is not an archive: .tar, .tar.gz, .tgz, .tar.zst or .zip`);
    const place =
      at === undefined ? join("/mnt", archiveStem(archive)) : resolvePath(session.directory, at);
    const url = /^https?:\/\//.test(archive) ? archive : undefined;
    const source =
      url ??
      new Blob([(await session.holm.files.read(resolvePath(session.directory, archive))).slice()]);
    await session.holm.mount(place, { archive: source });
    session.page.filesChanged();
    await print(`The files of ${printable(archive)} are at ${place}, read-only.`);
    return 0;
  },
};

const umount: Builtin = {
  usage: "umount PATH",
  summary: "take a mount away",
  async run({ session, args }) {
    const [path] = args;
    if (path === undefined)
      throw new UsageProblem("umount wants the path of a mount; mount lists them");
    await session.holm.unmount(resolvePath(session.directory, path));
    session.page.filesChanged();
    return 0;
  },
};

const df: Builtin = {
  usage: "df",
  summary: "what mounts hold, and what the browser grants",
  async run(context) {
    const { session, print } = context;
    const mounts = await session.holm.mounts();
    const rows = [["MOUNT", "FILES", "SIZE", "ACCESS", "SOURCE"]];
    for (const each of mounts) {
      const inner = new Set(mounts.map((other) => other.path).filter((path) => path !== each.path));
      const sum = { files: 0, bytes: 0 };
      const whole = await count(context, each.path, inner, sum);
      rows.push([
        each.path,
        `${sum.files}${whole ? "" : "+"}`,
        formatSize(sum.bytes),
        each.access,
        printable(each.source),
      ]);
    }
    await print(table(rows));
    const estimate = await navigator.storage?.estimate?.().catch(() => undefined);
    if (estimate?.quota !== undefined) {
      await print(
        `\nThe browser lets this site keep ${formatSize(estimate.quota)}; ${formatSize(estimate.usage ?? 0)} are used.`,
      );
    }
    return 0;
  },
};

/** Adds up the files below a folder. Says whether all were counted. */
async function count(
  context: Context,
  path: string,
  inner: ReadonlySet<string>,
  sum: { files: number; bytes: number },
): Promise<boolean> {
  const { files } = context.session.holm;
  for (const entry of await files.list(path).catch(() => [])) {
    context.signal.throwIfAborted();
    const below = join(path, entry.name);
    if (inner.has(below)) continue;
    if (sum.files >= COUNTED_MOST) return false;
    if (entry.kind === "directory") {
      if (!(await count(context, below, inner, sum))) return false;
    } else {
      sum.files += 1;
      if (entry.kind === "file")
        sum.bytes += await files.stat(below).then(
          (info) => info.size,
          () => 0,
        );
    }
  }
  return true;
}

const sync: Builtin = {
  usage: "sync",
  summary: "wait until files are on stable storage",
  async run({ session }) {
    await session.holm.files.sync();
    return 0;
  },
};

const panel: Builtin = {
  usage: "panel files|processes|trace|help",
  summary: "show a panel",
  run({ session, args }) {
    const [name = ""] = args;
    if (!session.page.showPanel(name))
      throw new UsageProblem("the panels are files, processes, trace and help");
    return Promise.resolve(0);
  },
};

export const systemBuiltins: Record<string, Builtin> = { df, kill, mount, panel, ps, sync, umount };
