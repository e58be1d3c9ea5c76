// What the host knows of a file, in the kernel's terms: kinds, records, times.

import type { BigIntStats, Dirent } from "node:fs";
import { Errno, Refusal } from "./errno.js";
import type { Fs } from "./names.js";

/** Kinds of files: numbers of `filetype`, and one for a FIFO. */
const Kind = {
  unknown: 0,
  blockDevice: 1,
  characterDevice: 2,
  directory: 3,
  regularFile: 4,
  socketStream: 6,
  symbolicLink: 7,
  fifo: 8,
} as const;

/** The kind of a file by its mode; the numbers are the same on every host that has them. */
export function kindOfMode(mode: number): number {
  switch (mode & 0o170000) {
    case 0o010000:
      return Kind.fifo;
    case 0o020000:
      return Kind.characterDevice;
    case 0o040000:
      return Kind.directory;
    case 0o060000:
      return Kind.blockDevice;
    case 0o100000:
      return Kind.regularFile;
    case 0o120000:
      return Kind.symbolicLink;
    case 0o140000:
      return Kind.socketStream;
    default:
      return Kind.unknown;
  }
}

/** The kind of an entry of a listing. */
export function kindOfEntry(entry: Dirent): number {
  if (entry.isFile()) {
    return Kind.regularFile;
  }
  if (entry.isDirectory()) {
    return Kind.directory;
  }
  if (entry.isSymbolicLink()) {
    return Kind.symbolicLink;
  }
  if (entry.isCharacterDevice()) {
    return Kind.characterDevice;
  }
  if (entry.isBlockDevice()) {
    return Kind.blockDevice;
  }
  if (entry.isSocket()) {
    return Kind.socketStream;
  }
  return entry.isFIFO() ? Kind.fifo : Kind.unknown;
}

/** What is before 1970 is 0. */
function clamped(timeNs: bigint): bigint {
  return timeNs < 0n ? 0n : timeNs;
}

/** Writes a record; its layout is `Record` of `host_directory/imports_unsafe.rs`. */
export function writeRecord(
  stat: BigIntStats | undefined,
  longs: BigUint64Array,
  at: number,
): void {
  if (stat === undefined) {
    throw new Refusal(Errno.noEntry);
  }
  const first = at >>> 3;
  longs[first] = stat.dev;
  longs[first + 1] = stat.ino;
  longs[first + 2] = BigInt(kindOfMode(Number(stat.mode)));
  longs[first + 3] = stat.nlink;
  longs[first + 4] = stat.size;
  longs[first + 5] = clamped(stat.atimeNs);
  longs[first + 6] = clamped(stat.mtimeNs);
  longs[first + 7] = clamped(stat.ctimeNs);
}

/** The time stays as it is. */
const KEEP = -1n;
const NS_PER_SECOND = 1_000_000_000n;

/**
 * Both times as `utimes` takes them. Node cannot leave one alone: one that is kept is set to
 * what it is.
 */
export function timesInSeconds(
  accessed: bigint,
  modified: bigint,
  stat: () => BigIntStats,
): [number, number] {
  const before = accessed === KEEP || modified === KEEP ? stat() : undefined;
  const one = (time: bigint, kept: bigint | undefined): number => {
    if (time === KEEP) {
      return seconds(clamped(kept ?? 0n));
    }
    return seconds(time < 0n ? now() : time);
  };
  return [one(accessed, before?.atimeNs), one(modified, before?.mtimeNs)];
}

/**
 * Seconds as a float. Up to Node 22 the host gets whole microseconds of it, cut off: half of
 * one more keeps the float's own rounding from taking one away.
 */
function seconds(timeNs: bigint): number {
  if (!cutsMicroseconds()) {
    return Number(timeNs) / 1e9;
  }
  const rest = Number(timeNs % NS_PER_SECOND);
  return Number(timeNs / NS_PER_SECOND) + (Math.floor(rest / 1000) + 0.5) / 1e6;
}

/** libuv before 1.52 gives the host whole microseconds. */
function cutsMicroseconds(): boolean {
  const [major = 0, minor = 0] = (process.versions.uv ?? "").split(".").map(Number);
  return major === 1 && minor < 52;
}

/** Now, in nanoseconds: the finer clock, as far as it agrees with the one that is set. */
function now(): bigint {
  const coarse = Date.now();
  const fine = performance.timeOrigin + performance.now();
  const milliseconds = Math.min(Math.max(fine, coarse), coarse + 0.999);
  return BigInt(Math.floor(milliseconds * 1000)) * 1000n;
}

/** The file systems where devices live: `devtmpfs` has the number of `tmpfs` or `ramfs`. */
const TMPFS = 0x0102_1994;
const RAMFS = 0x8584_58f6;

/** Whether opening a name in the directory at `path` may open a device. */
export function mayHoldDevices(fs: Fs, path: string): boolean {
  if (process.platform !== "linux") {
    return true;
  }
  const { type } = fs.statfsSync(path);
  return type === TMPFS || type >>> 0 === RAMFS;
}
