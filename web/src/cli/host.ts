// What the command line asks of this machine: files, the environment, the terminal. See
// crates/host-node/src/node.rs.

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { constants } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { isatty } from "node:tty";

/** A question. */
export type Question =
  | { ask: "can-ask" | "is-macos" }
  | { ask: "read-line"; most: number }
  | { ask: "variable"; name: string }
  | { ask: "look" | "write" | "write-whole" | "canonical" | "absolute"; path: string }
  | { ask: "read"; path: string; most: number };

/** Milliseconds until a terminal without a line is asked again. */
const AGAIN_MS = 20;

/** Answers a question: with JSON, or with the bytes of a file. */
export function answer(question: Question, bytes: Uint8Array): string | Uint8Array {
  switch (question.ask) {
    case "can-ask":
      return JSON.stringify(isatty(0) && isatty(2));
    case "is-macos":
      return JSON.stringify(process.platform === "darwin");
    case "read-line":
      return JSON.stringify(readLine(question.most));
    case "variable":
      return JSON.stringify(process.env[question.name] ?? null);
    case "look":
      return JSON.stringify(look(question.path));
    case "read":
      return read(question.path, question.most);
    case "write":
      writeFileSync(question.path, bytes);
      return "null";
    case "write-whole":
      writeWhole(question.path, bytes);
      return "null";
    case "canonical":
      return JSON.stringify(realpathSync.native(question.path));
    case "absolute":
      return JSON.stringify(absolute(question.path));
  }
}

/** An error of `node:fs` as the command line takes it. */
export function systemError(error: unknown): { name: string; number: number } {
  const { code, errno } = error as NodeJS.ErrnoException;
  // What Node itself refuses is an argument that the system would refuse.
  return typeof errno === "number" && code !== undefined
    ? { name: code, number: -errno }
    : { name: "EINVAL", number: constants.errno.EINVAL };
}

function readLine(most: number): string {
  const line = Buffer.alloc(most);
  let length = 0;
  while (length < most && line[length - 1] !== 0x0a) {
    try {
      const count = readSync(0, line, length, 1, null);
      if (count === 0) {
        break;
      }
      length += count;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") {
        throw error;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN_MS);
    }
  }
  return line.toString("utf8", 0, length);
}

function look(path: string): "directory" | "other" | { file: number } {
  const stat = statSync(path);
  if (stat.isDirectory()) {
    return "directory";
  }
  return stat.isFile() ? { file: stat.size } : "other";
}

function read(path: string, most: number): Uint8Array {
  const descriptor = openSync(path, "r");
  try {
    const parts: Buffer[] = [];
    for (let left = most; left > 0; ) {
      const part = Buffer.allocUnsafe(Math.min(left, 1 << 20));
      const count = readSync(descriptor, part);
      if (count === 0) {
        break;
      }
      parts.push(part.subarray(0, count));
      left -= count;
    }
    return Buffer.concat(parts);
  } finally {
    closeSync(descriptor);
  }
}

/** Writes a file for this user alone, whole or not at all, and the folders above it. */
function writeWhole(path: string, bytes: Uint8Array): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  const name = Math.random().toString(36).slice(2);
  const temporary = join(folder, `.tmp${name}`);
  const descriptor = openSync(temporary, "wx", 0o600);
  try {
    try {
      for (let at = 0; at < bytes.length; ) {
        at += writeSync(descriptor, bytes, at);
      }
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** The absolute path, with its `..` as they are: they may follow links. */
function absolute(path: string): string {
  if (path === "") {
    throw new Error("an empty path");
  }
  const whole = isAbsolute(path) ? path : `${process.cwd()}/${path}`;
  const names = whole.split("/").filter((name) => name !== "" && name !== ".");
  return `/${names.join("/")}`;
}
