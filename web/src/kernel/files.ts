// The page's look at the files: a process of the kernel like any other, whose calls are made
// here, so that the page sees what a program would see.

import { bind, ERRNO, REQUEST_MAX } from "../generated/p1.js";
import { Encoder, GuestMemory } from "../guest/encoder.js";
import { Replies } from "../guest/reply.js";
import type { FilesRequest } from "../protocol.js";
import { CALLED, GONE, type KernelModule, READY } from "./module.js";

/** Bytes that are moved at once. */
const PIECE = 1 << 20;
/** Pages of the memory that calls work on: a piece, and room for paths and records. */
const PAGES = 18;
/** Descriptor of the root. */
const ROOT = 3;
/** Places in the memory. */
const PATH = 0;
const OTHER_PATH = 8192;
const RECORD = 16384;
const VECTOR = 16512;
const DATA = 65536;

const LOOKUP_FOLLOW = 1;
const CREATE = 1;
const DIRECTORY = 2;
const TRUNCATE = 8;
const ALL_RIGHTS = (1n << 30n) - 1n;
/** All but writing, allocating and cutting, which no directory has. */
const LOOK_RIGHTS = ALL_RIGHTS & ~((1n << 6n) | (1n << 8n) | (1n << 22n));
const KINDS = ["other", "device", "device", "directory", "file", "other", "other", "symlink"];
const EEXIST = 20;
const ENOENT = 44;

type Calls = ReturnType<typeof bind<void>>;

/** A call failed. */
class FileError extends Error {
  readonly kind = "file";
  readonly errno: number;

  constructor(errno: number, path: string) {
    super(`${ERRNO[errno] ?? errno} ${path}`);
    this.errno = errno;
  }
}

/** Looks at files and changes them, one request after the other. */
export class SystemFiles {
  readonly #kernel: KernelModule;
  readonly #memory = new WebAssembly.Memory({ initial: PAGES });
  readonly #guest = new GuestMemory();
  readonly #encoder = new Encoder(this.#guest);
  readonly #replies = new Replies(this.#guest);
  /** Each writes its request; `#ask` makes the call. */
  readonly #calls = bind(this.#encoder, () => {});
  #task: number | undefined;
  #answered: ((errno: number) => void) | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(kernel: KernelModule) {
    this.#kernel = kernel;
    this.#guest.attach(this.#memory);
  }

  /** Settles when no look is going on; the next one is a new process's, which sees new mounts. */
  settled(): Promise<unknown> {
    this.#last = this.#last.then(() => {
      this.#task = undefined;
    });
    return this.#last;
  }

  /** Whether the reply that the kernel has is for these files; it is then taken. */
  answers(task: number): boolean {
    if (task !== this.#task) {
      return false;
    }
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(this.#replies.apply(this.#kernel.buffer, this.#kernel.outputAt));
    return true;
  }

  /** Carries a request out after those before it. */
  carryOut(request: FilesRequest): Promise<{ ok: unknown; bytes?: Uint8Array<ArrayBuffer> }> {
    const result = this.#last.then(() => this.#one(request));
    this.#last = result.catch(() => {});
    return result;
  }

  async #one(request: FilesRequest): Promise<{ ok: unknown; bytes?: Uint8Array<ArrayBuffer> }> {
    if (this.#task === undefined) {
      const answer = this.#kernel.order({ do: "files" });
      if ("error" in answer) {
        throw Object.assign(new Error(answer.error.message), { kind: answer.error.kind });
      }
      this.#task = (answer.ok as { task: number }).task;
    }
    const path = relative(request.path);
    switch (request.do) {
      case "read":
        return { ok: null, bytes: await this.#read(path) };
      case "write":
        await this.#write(path, request.data);
        return { ok: null };
      case "list":
        return { ok: await this.#list(path) };
      case "stat":
        return { ok: await this.#stat(path, LOOKUP_FOLLOW) };
      case "make-directory":
        await this.#makeDirectory(path);
        return { ok: null };
      case "make-link":
        await this.#call(path, (p1) => {
          const target = this.#text(request.target, OTHER_PATH);
          const length = this.#text(path, PATH);
          p1.path_symlink(OTHER_PATH, target, ROOT, PATH, length);
        });
        return { ok: null };
      case "read-link":
        return { ok: await this.#readLink(path) };
      case "rename": {
        const to = relative(request.to);
        await this.#call(path, (p1) => {
          const first = this.#text(path, PATH);
          const second = this.#text(to, OTHER_PATH);
          p1.path_rename(ROOT, PATH, first, ROOT, OTHER_PATH, second);
        });
        return { ok: null };
      }
      case "remove":
        await this.#remove(path);
        return { ok: null };
    }
  }

  /** Makes a call; answers its errno. */
  #ask(encode: (p1: Calls) => void): Promise<number> {
    const kernel = this.#kernel;
    const task = this.#task as number;
    this.#encoder.target(kernel.buffer, kernel.request, REQUEST_MAX);
    encode(this.#calls);
    const called = kernel.call(task, this.#encoder.finish()) & ~READY;
    if (called === CALLED) {
      return Promise.resolve(this.#replies.apply(kernel.buffer, kernel.outputAt));
    }
    if (called === GONE) {
      return Promise.reject(new Error("the process of the files is gone"));
    }
    return new Promise((resolve) => {
      this.#answered = resolve;
    });
  }

  async #call(path: string, encode: (p1: Calls) => void): Promise<void> {
    const errno = await this.#ask(encode);
    if (errno !== 0) {
      throw new FileError(errno, `/${path === "." ? "" : path}`);
    }
  }

  #text(text: string, at: number): number {
    const bytes = new TextEncoder().encode(text).subarray(0, 8191);
    this.#guest.bytes.set(bytes, at);
    return bytes.length;
  }

  async #open(path: string, flags: number): Promise<number> {
    const rights = (flags & CREATE) === 0 ? LOOK_RIGHTS : ALL_RIGHTS;
    await this.#call(path, (p1) => {
      const length = this.#text(path, PATH);
      const follow = LOOKUP_FOLLOW;
      p1.path_open(ROOT, follow, PATH, length, flags, rights, rights, 0, RECORD);
    });
    return this.#guest.view.getUint32(RECORD, true);
  }

  async #within<T>(fd: number, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } finally {
      await this.#ask((p1) => p1.fd_close(fd));
    }
  }

  async #read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const fd = await this.#open(path, 0);
    return this.#within(fd, async () => {
      const parts: Uint8Array[] = [];
      let size = 0;
      for (;;) {
        await this.#call(path, (p1) => {
          this.#vector(PIECE);
          p1.fd_read(fd, VECTOR, 1, RECORD);
        });
        const count = this.#guest.view.getUint32(RECORD, true);
        if (count === 0) {
          break;
        }
        parts.push(this.#guest.bytes.slice(DATA, DATA + count));
        size += count;
      }
      const whole = new Uint8Array(size);
      let at = 0;
      for (const part of parts) {
        whole.set(part, at);
        at += part.length;
      }
      return whole;
    });
  }

  #vector(length: number): void {
    this.#guest.view.setUint32(VECTOR, DATA, true);
    this.#guest.view.setUint32(VECTOR + 4, length, true);
  }

  async #write(path: string, data: Uint8Array): Promise<void> {
    const fd = await this.#open(path, CREATE | TRUNCATE);
    await this.#within(fd, async () => {
      for (let done = 0; done < data.length; ) {
        const piece = data.subarray(done, done + PIECE);
        this.#guest.bytes.set(piece, DATA);
        await this.#call(path, (p1) => {
          this.#vector(piece.length);
          p1.fd_write(fd, VECTOR, 1, RECORD);
        });
        done += this.#guest.view.getUint32(RECORD, true);
      }
    });
  }

  async #list(path: string): Promise<{ name: string; kind: string }[]> {
    const fd = await this.#open(path, DIRECTORY);
    return this.#within(fd, async () => {
      const entries: { name: string; kind: string }[] = [];
      let cookie = 0n;
      for (;;) {
        await this.#call(path, (p1) => p1.fd_readdir(fd, DATA, 65536, cookie, RECORD));
        const used = this.#guest.view.getUint32(RECORD, true);
        let at = DATA;
        // A record: the next cookie, an inode, the length of the name, the kind, the name.
        while (at + 24 <= DATA + used) {
          const length = this.#guest.view.getUint32(at + 16, true);
          if (at + 24 + length > DATA + used) {
            break;
          }
          cookie = this.#guest.view.getBigUint64(at, true);
          const name = new TextDecoder().decode(this.#guest.bytes.slice(at + 24, at + 24 + length));
          if (name !== "." && name !== "..") {
            const kind = KINDS[this.#guest.view.getUint8(at + 20)] ?? "other";
            entries.push({ name, kind });
          }
          at += 24 + length;
        }
        if (used < 65536) {
          break;
        }
      }
      return entries.sort((one, other) => (one.name < other.name ? -1 : 1));
    });
  }

  async #stat(
    path: string,
    flags: number,
  ): Promise<{ kind: string; size: number; modified: number }> {
    await this.#call(path, (p1) => {
      const length = this.#text(path, PATH);
      p1.path_filestat_get(ROOT, flags, PATH, length, RECORD);
    });
    const view = this.#guest.view;
    return {
      kind: KINDS[view.getUint8(RECORD + 16)] ?? "other",
      size: Number(view.getBigUint64(RECORD + 32, true)),
      modified: Number(view.getBigUint64(RECORD + 48, true) / 1000n) / 1000,
    };
  }

  async #readLink(path: string): Promise<string> {
    await this.#call(path, (p1) => {
      const length = this.#text(path, PATH);
      p1.path_readlink(ROOT, PATH, length, DATA, PIECE, RECORD);
    });
    const length = this.#guest.view.getUint32(RECORD, true);
    return new TextDecoder().decode(this.#guest.bytes.slice(DATA, DATA + length));
  }

  async #makeDirectory(path: string): Promise<void> {
    const names = path.split("/");
    for (let count = 1; count <= names.length; count += 1) {
      const part = names.slice(0, count).join("/");
      const errno = await this.#ask((p1) =>
        p1.path_create_directory(ROOT, PATH, this.#text(part, PATH)),
      );
      const known = errno === EEXIST || (errno !== 0 && (await this.#isDirectory(part)));
      if (errno !== 0 && !known) {
        throw new FileError(errno, `/${part}`);
      }
    }
    if (!(await this.#isDirectory(path))) {
      throw new FileError(EEXIST, `/${path}`);
    }
  }

  async #isDirectory(path: string): Promise<boolean> {
    try {
      return (await this.#stat(path, LOOKUP_FOLLOW)).kind === "directory";
    } catch {
      return false;
    }
  }

  async #remove(path: string): Promise<void> {
    const { kind } = await this.#stat(path, 0);
    if (kind !== "directory") {
      await this.#call(path, (p1) => p1.path_unlink_file(ROOT, PATH, this.#text(path, PATH)));
      return;
    }
    for (const entry of await this.#list(path)) {
      await this.#remove(`${path}/${entry.name}`);
    }
    await this.#call(path, (p1) => p1.path_remove_directory(ROOT, PATH, this.#text(path, PATH)));
  }
}

/** A path of the page as one relative to the root. */
function relative(path: string): string {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) {
    throw new FileError(ENOENT, path);
  }
  return names.length === 0 ? "." : names.join("/");
}
