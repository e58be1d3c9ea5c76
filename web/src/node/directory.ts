// Directories of the host for a kernel in Node: what `host_directory/imports_unsafe.rs`
// imports, over the synchronous half of `node:fs`.
//
// Every function answers a value, or the negative number of an errno of WASI 0.1. A handle is
// a descriptor of the host. Buffers are views of the kernel's memory: nothing is copied on the
// way. See `names.ts` for how a name in a directory is reached without a way out of it.

import type { Dirent } from "node:fs";
import { isNode, nodeModule } from "../platform.js";
import { Errno, errnoTable, Refusal } from "./errno.js";
import {
  kindOfEntry,
  kindOfMode,
  mayHoldDevices,
  timesInSeconds,
  writeRecord,
} from "./metadata.js";
import { type Fs, type Names, PathNames, ProcNames } from "./names.js";
import { Views } from "./views.js";

/** Flags of `fs_open_at`. */
const Open = {
  read: 1,
  write: 2,
  create: 4,
  exclusive: 8,
  truncate: 16,
  directory: 32,
  enter: 64,
} as const;

const BIGINT = { bigint: true } as const;
const BIGINT_OR_NONE = { bigint: true, throwIfNoEntry: false } as const;
/** Names come as their bytes, one character each. Node knows this encoding, its types do not. */
const LISTING = { withFileTypes: true, encoding: "latin1" } as unknown as {
  withFileTypes: true;
  encoding: "utf8";
};

/** Bytes of an entry of a listing before its name. */
const ENTRY_HEADER = 3;

/** How names in directories are reached; `paths` is what hosts without `/proc` have. */
export type Reach = "proc" | "paths";

/** What a kernel imports from module `host` for directories of the host. */
export type HostDirectoryImports = ReturnType<typeof functions>;

/** Every function that is imported. */
const IMPORTS: Record<keyof HostDirectoryImports, true> = {
  fs_open_root: true,
  fs_open_at: true,
  fs_open_append: true,
  fs_close: true,
  fs_kind: true,
  fs_may_hold_devices: true,
  fs_stat: true,
  fs_stat_at: true,
  fs_list: true,
  fs_list_read: true,
  fs_list_close: true,
  fs_read_link: true,
  fs_set_times: true,
  fs_set_times_at: true,
  fs_create_directory: true,
  fs_remove_directory: true,
  fs_unlink: true,
  fs_symlink: true,
  fs_link: true,
  fs_rename: true,
  fs_read: true,
  fs_write: true,
  fs_append: true,
  fs_set_size: true,
  fs_sync: true,
  fs_sync_directory: true,
};

/**
 * Why directories of the host cannot be mounted here, as a sentence; `undefined` when they
 * can.
 */
export async function hostDirectoriesRefused(): Promise<string | undefined> {
  const instead = "use a memory mount, an archive or a disk";
  if (!isNode) {
    return `a page has no directories of the host to mount; ${instead}`;
  }
  if (process.platform === "darwin") {
    return undefined;
  }
  if (process.platform !== "linux") {
    return `directories of the host cannot be mounted in Node on ${process.platform}, where it has no way to keep a guest inside one; ${instead}, or run Node under Linux or macOS`;
  }
  const fs = await nodeModule<Fs>("fs");
  return fs.existsSync("/proc/self/fd")
    ? undefined
    : `directories of the host can be mounted in Node on Linux only where /proc is mounted; mount it, or ${instead}`;
}

/** The imports of a kernel that is given no directories of a host: each says so. */
export function noHostDirectories(): WebAssembly.ModuleImports {
  const refuse = () => -Errno.notSupported;
  return Object.fromEntries(Object.keys(IMPORTS).map((name) => [name, refuse]));
}

/** Functions for module `host`, given how to reach the kernel's memory once it is there. */
export type MakeImports = (memory: () => WebAssembly.Memory) => WebAssembly.ModuleImports;

/**
 * Makes the imports of module `host` that give a kernel the directories of this host. Where
 * there are none to give, in a browser for one, every function answers that.
 */
export async function hostDirectoryImports(reach?: Reach): Promise<MakeImports> {
  if ((await hostDirectoriesRefused()) !== undefined) {
    return noHostDirectories;
  }
  const fs = await nodeModule<Fs>("fs");
  const { constants } = await nodeModule<typeof import("node:os")>("os");
  const proc = (reach ?? (process.platform === "linux" ? "proc" : "paths")) === "proc";
  return (memory) =>
    functions({
      fs,
      names: proc ? new ProcNames(fs) : new PathNames(fs),
      views: new Views(memory),
      attempt: attempts(errnoTable(constants.errno, process.platform)),
    });
}

/** What the functions share. */
interface Host {
  readonly fs: Fs;
  readonly names: Names;
  readonly views: Views;
  readonly attempt: (call: () => unknown) => number;
}

function functions(host: Host) {
  const files = fileFunctions(host);
  return { ...directoryFunctions(host, files.closed), ...changeFunctions(host), ...files.imports };
}

/** Calls, and answers what it threw as a number. Nobody will see the stack, so none is kept. */
function attempts(errnoOf: (error: unknown) => number): (call: () => unknown) => number {
  return (call) => {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      const answer = call();
      return typeof answer === "number" ? answer : 0;
    } catch (error) {
      return -errnoOf(error);
    } finally {
      Error.stackTraceLimit = limit;
    }
  };
}

/** The flags of `open(2)`. */
function openFlags(fs: Fs, flags: number): number {
  const C = fs.constants;
  let access = C.O_RDONLY;
  if (flags & Open.write) {
    access = flags & Open.read ? C.O_RDWR : C.O_WRONLY;
  }
  return (
    access |
    (flags & Open.create ? C.O_CREAT : 0) |
    (flags & Open.exclusive ? C.O_EXCL : 0) |
    (flags & Open.truncate ? C.O_TRUNC : 0) |
    (flags & Open.directory ? C.O_DIRECTORY : 0)
  );
}

/** A snapshot of a directory, as far as it was read. */
interface List {
  readonly entries: readonly Dirent[];
  next: number;
}

/** Finding, looking and listing. */
function directoryFunctions(host: Host, closed: (handle: number) => void) {
  const { fs, names, views, attempt } = host;
  const lists = new Map<number, List>();
  let lastList = 0;
  return {
    fs_open_root: (path: number, length: number): number =>
      attempt(() => names.openRoot(views.text(path, length))),

    fs_open_at: (directory: number, name: number, length: number, flags: number): number =>
      attempt(() =>
        flags & Open.enter
          ? names.enter(directory, views.name(name, length))
          : names.open(directory, views.name(name, length), openFlags(fs, flags)),
      ),

    fs_close: (handle: number): undefined => {
      closed(handle);
      attempt(() => names.close(handle));
    },

    fs_kind: (handle: number): number => attempt(() => kindOfMode(fs.fstatSync(handle).mode)),

    fs_may_hold_devices: (directory: number): number =>
      attempt(() => (mayHoldDevices(fs, names.self(directory)) ? 1 : 0)),

    fs_stat: (handle: number, record: number): number =>
      attempt(() => writeRecord(fs.fstatSync(handle, BIGINT), views.longs, record)),

    fs_stat_at: (directory: number, name: number, length: number, record: number): number =>
      attempt(() => {
        const path = names.at(directory, views.name(name, length));
        writeRecord(fs.lstatSync(path, BIGINT_OR_NONE), views.longs, record);
      }),

    fs_list: (directory: number): number =>
      attempt(() => {
        const entries = fs.readdirSync(`${names.self(directory)}/`, LISTING);
        lastList = (lastList % 0x7fff_ffff) + 1;
        lists.set(lastList, { entries, next: 0 });
        return lastList;
      }),

    fs_list_read: (list: number, at: number, room: number): number =>
      attempt(() => readList(lists.get(list), views.bytes, at, room)),

    fs_list_close: (list: number): undefined => {
      lists.delete(list);
    },

    fs_read_link: (
      directory: number,
      name: number,
      length: number,
      at: number,
      room: number,
    ): number =>
      attempt(() => {
        const path = names.at(directory, views.name(name, length));
        const text = fs.readlinkSync(path, "buffer");
        return text.copy(views.bytes, at, 0, Math.min(text.length, room));
      }),
  };
}

/** Writes the next entries of a list, as many as fit whole; answers the bytes used. */
function readList(list: List | undefined, bytes: Buffer, at: number, room: number): number {
  if (list === undefined) {
    throw new Refusal(Errno.invalid);
  }
  let used = 0;
  for (; list.next < list.entries.length; list.next++) {
    const entry = list.entries[list.next] as Dirent;
    const end = used + ENTRY_HEADER + entry.name.length;
    if (end > room) {
      break;
    }
    bytes[at + used] = kindOfEntry(entry);
    bytes.writeUInt16LE(entry.name.length, at + used + 1);
    bytes.write(entry.name, at + used + ENTRY_HEADER, entry.name.length, "latin1");
    used = end;
  }
  return used;
}

/** What changes a directory, and times. */
function changeFunctions({ fs, names, views, attempt }: Host) {
  const at = (directory: number, name: number, length: number) =>
    names.at(directory, views.name(name, length));
  return {
    fs_set_times: (handle: number, accessed: bigint, modified: bigint): number =>
      attempt(() => {
        const times = timesInSeconds(accessed, modified, () => fs.fstatSync(handle, BIGINT));
        names.setTimes(handle, ...times);
      }),

    fs_set_times_at: (
      directory: number,
      name: number,
      length: number,
      accessed: bigint,
      modified: bigint,
    ): number =>
      attempt(() => {
        const path = at(directory, name, length);
        fs.lutimesSync(
          path,
          ...timesInSeconds(accessed, modified, () => fs.lstatSync(path, BIGINT)),
        );
      }),

    fs_create_directory: (directory: number, name: number, length: number): number =>
      attempt(() => fs.mkdirSync(at(directory, name, length))),

    fs_remove_directory: (directory: number, name: number, length: number): number =>
      attempt(() => fs.rmdirSync(at(directory, name, length))),

    fs_unlink: (directory: number, name: number, length: number): number =>
      attempt(() => fs.unlinkSync(at(directory, name, length))),

    fs_symlink: (
      directory: number,
      name: number,
      length: number,
      target: number,
      targetLength: number,
    ): number =>
      attempt(() => fs.symlinkSync(views.text(target, targetLength), at(directory, name, length))),

    fs_link: (
      directory: number,
      name: number,
      length: number,
      to: number,
      newName: number,
      newLength: number,
    ): number =>
      attempt(() => {
        const path = at(directory, name, length);
        // Elsewhere than on Linux `link` follows a link.
        if (process.platform !== "linux" && fs.lstatSync(path).isSymbolicLink()) {
          throw new Refusal(Errno.notSupported);
        }
        fs.linkSync(path, at(to, newName, newLength));
      }),

    fs_rename: (
      directory: number,
      name: number,
      length: number,
      to: number,
      newName: number,
      newLength: number,
    ): number =>
      attempt(() => {
        const [from, into] = [at(directory, name, length), at(to, newName, newLength)];
        fs.renameSync(from, into);
        names.renamed(from, into);
      }),

    fs_sync_directory: (directory: number, dataOnly: number): number =>
      attempt(() => {
        const { O_DIRECTORY, O_RDONLY } = fs.constants;
        const readable = fs.openSync(`${names.self(directory)}/.`, O_RDONLY | O_DIRECTORY);
        try {
          flush(fs, readable, dataOnly);
        } finally {
          fs.closeSync(readable);
        }
      }),
  };
}

/** Bytes of files, and what is to be done when a handle is closed. */
function fileFunctions({ fs, names, views, attempt }: Host) {
  /** For a handle that appends: where the host tells its position. */
  const positions = new Map<number, number>();
  const told = Buffer.alloc(32);

  const closed = (handle: number) => {
    const position = positions.get(handle);
    if (position !== undefined) {
      positions.delete(handle);
      fs.closeSync(position);
    }
  };

  const openAppend = (file: number): number => {
    const handle = names.openAppend(file);
    try {
      positions.set(handle, fs.openSync(`/proc/self/fdinfo/${handle}`, fs.constants.O_RDONLY));
    } catch (error) {
      fs.closeSync(handle);
      throw error;
    }
    return handle;
  };

  /** Where a handle stands: after an append, at the end of what it wrote. */
  const positionOf = (handle: number): number => {
    const position = positions.get(handle);
    if (position === undefined) {
      throw new Refusal(Errno.notSupported);
    }
    // "pos:\t123\nflags: ...", made anew for each read from its start.
    const count = fs.readSync(position, told, 0, told.length, 0);
    return Number.parseInt(told.toString("latin1", 4, count), 10);
  };

  const write = (handle: number, vectors: number, count: number, offset: number | null): number => {
    if (count !== 1) {
      return fs.writevSync(handle, views.vectors(vectors, count), offset ?? undefined);
    }
    const { words } = views;
    const first = vectors >>> 2;
    return fs.writeSync(handle, views.bytes, words[first], words[first + 1], offset);
  };

  const imports = {
    fs_open_append: (file: number): number => attempt(() => openAppend(file)),

    fs_read: (handle: number, at: number, room: number, offset: number): number =>
      attempt(() => fs.readSync(handle, views.bytes, at, room, offset < 0 ? null : offset)),

    fs_write: (handle: number, vectors: number, count: number, offset: number): number =>
      attempt(() => write(handle, vectors, count, offset < 0 ? null : offset)),

    fs_append: (handle: number, vectors: number, count: number, end: number): number =>
      attempt(() => {
        const written = write(handle, vectors, count, null);
        views.floats[end >>> 3] = positionOf(handle);
        return written;
      }),

    fs_set_size: (handle: number, size: number): number =>
      attempt(() => fs.ftruncateSync(handle, size)),

    fs_sync: (handle: number, dataOnly: number): number =>
      attempt(() => flush(fs, handle, dataOnly)),
  };
  return { imports, closed };
}

function flush(fs: Fs, handle: number, dataOnly: number): void {
  // macOS has no `fdatasync` that is worth it.
  if (dataOnly && process.platform !== "darwin") {
    fs.fdatasyncSync(handle);
  } else {
    fs.fsyncSync(handle);
  }
}
