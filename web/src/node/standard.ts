// The standard streams of this process for a kernel in Node: what
// `host_directory/standard_unsafe.rs` imports.
//
// The worker must not wait, and the streams are shared with whoever started this process, so
// their O_NONBLOCK is not ours to set. On Linux a pipe or a terminal is opened once more
// through /proc, without waiting: reads and writes then say when they would wait. To learn
// when they would not any more, one byte is read by Node's event loop, or what is to be
// written is given to it; the kernel's call is made again then. Elsewhere the event loop has
// the stream itself.

import type * as FileSystem from "node:fs";
import type * as Network from "node:net";
import type * as Terminals from "node:tty";
import { isNode, nodeModule } from "../platform.js";
import { errnoTable } from "./errno.js";
import { Views } from "./views.js";

type MakeImports = (memory: () => WebAssembly.Memory) => WebAssembly.ModuleImports;

const EBADF = 8;
const AGAIN = -6;
/** Added to what `stream_ready` answers. */
const HANG_UP = 1 << 30;
/** Most bytes that the event loop writes, or reads where it has the stream itself. */
const PIECE_BYTES = 64 << 10;
/** Milliseconds until a terminal that took nothing is tried again. */
const TERMINAL_MS = 5;

/** Kinds of files as WASI 0.1 numbers them. */
const Kind = { other: 0, block: 1, terminal: 2, directory: 3, file: 4, socket: 6 } as const;

/** What the streams are made of. */
interface Node {
  readonly fs: typeof FileSystem;
  readonly net: typeof Network;
  readonly tty: typeof Terminals;
  readonly errnoOf: (error: unknown) => number;
  /** Tells that a call on a stream, which would have waited, can be made again. */
  readonly ready: (stream: number) => void;
}

/** The imports of module `host` for the standard streams; none in a browser. */
export async function standardStreamImports(ready: (stream: number) => void): Promise<MakeImports> {
  if (!isNode) {
    return () => ({});
  }
  const [fs, net, tty, os] = await Promise.all([
    nodeModule<typeof FileSystem>("fs"),
    nodeModule<typeof Network>("net"),
    nodeModule<typeof Terminals>("tty"),
    nodeModule<typeof import("node:os")>("os"),
  ]);
  const errnoOf = errnoTable(os.constants.errno, process.platform);
  const node = { fs, net, tty, errnoOf, ready };
  return (memory) => functions(node, new Views(memory));
}

function functions(node: Node, views: Views): WebAssembly.ModuleImports {
  const streams = new Map<number, Stream>();
  const attempt = (number: number, act: (stream: Stream) => number): number => {
    try {
      let stream = streams.get(number);
      if (stream === undefined) {
        stream = open(number, node);
        streams.set(number, stream);
      }
      return act(stream);
    } catch (error) {
      return isAgain(error) ? AGAIN : -node.errnoOf(error);
    }
  };
  return {
    stream_kind: (number: number) => {
      const kind = attempt(number, (stream) => stream.kind);
      // A stream that is closed is there, and answers so.
      return kind === -EBADF ? Kind.other : kind;
    },
    stream_read: (number: number, at: number, room: number) =>
      attempt(number, (stream) => stream.read(views.bytes.subarray(at, at + room))),
    stream_write: (number: number, vectors: number, count: number) =>
      attempt(number, (stream) => stream.write(views.vectors(vectors, count))),
    stream_ready: (number: number, interest: number) =>
      attempt(number, (stream) => (interest === 0 ? stream.readable() : stream.writable())),
    stream_sync: (number: number) => attempt(number, (stream) => stream.sync()),
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e3;
    },
    peak_resident: () => process.resourceUsage().maxRSS * 1024,
  };
}

function isAgain(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EAGAIN" || code === "EINTR";
}

function open(number: number, node: Node): Stream {
  const { fs, tty } = node;
  const stat = fs.fstatSync(number);
  if (stat.isFile() || stat.isBlockDevice() || stat.isDirectory()) {
    const kind = stat.isFile() ? Kind.file : stat.isDirectory() ? Kind.directory : Kind.block;
    return new Immediate(number, kind, node);
  }
  if (stat.isCharacterDevice() && !tty.isatty(number)) {
    return new Immediate(number, Kind.other, node);
  }
  const kind = stat.isCharacterDevice()
    ? Kind.terminal
    : stat.isSocket()
      ? Kind.socket
      : Kind.other;
  return new Waiting(number, kind, node);
}

/** A standard stream. */
interface Stream {
  readonly kind: number;
  /** Answers the bytes read, 0 at the end. */
  read(into: Buffer): number;
  write(from: Buffer[]): number;
  readable(): number;
  writable(): number;
  sync(): number;
}

/** A file or a device: it never waits for anybody. */
class Immediate implements Stream {
  readonly #number: number;
  readonly #node: Node;
  readonly kind: number;

  constructor(number: number, kind: number, node: Node) {
    this.#number = number;
    this.kind = kind;
    this.#node = node;
  }

  read(into: Buffer): number {
    return this.#node.fs.readSync(this.#number, into, 0, into.length, null);
  }

  write(from: Buffer[]): number {
    return writeAll(this.#node, this.#number, from);
  }

  readable(): number {
    return 0;
  }

  writable(): number {
    return 0;
  }

  sync(): number {
    if (this.kind === Kind.file) {
      this.#node.fs.fsyncSync(this.#number);
    }
    return 0;
  }
}

function writeAll(node: Node, descriptor: number, from: Buffer[]): number {
  const [first] = from;
  if (first === undefined) {
    return 0;
  }
  return from.length === 1
    ? node.fs.writeSync(descriptor, first)
    : node.fs.writevSync(descriptor, from);
}

/** A pipe, a socket or a terminal. */
class Waiting implements Stream {
  readonly #number: number;
  readonly #node: Node;
  readonly kind: number;
  /** The same once more, without waiting, where that can be had. */
  readonly #own: number | undefined;
  /** What the event loop reads from, and what it writes to. */
  #source: Network.Socket | undefined;
  #target: Network.Socket | undefined;
  /** What was read and not yet taken. */
  #held = Buffer.alloc(0);
  #reading = false;
  #ended = false;
  #readError: Error | undefined;
  /** What the event loop writes, and then how that went. */
  #writing = false;
  #written: number | Error | undefined;

  constructor(number: number, kind: number, node: Node) {
    this.#number = number;
    this.#node = node;
    this.kind = kind;
    this.#own = kind === Kind.socket ? undefined : openAgain(node, number);
  }

  read(into: Buffer): number {
    if (into.length === 0) {
      return 0;
    }
    if (this.#held.length > 0) {
      const taken = this.#held.copy(into);
      this.#held = this.#held.subarray(taken);
      return taken + this.#more(into.subarray(taken));
    }
    if (this.#readError !== undefined) {
      throw this.#readError;
    }
    if (this.#ended) {
      // Somebody at a terminal may type on after Ctrl-D.
      this.#ended = this.kind !== Kind.terminal;
      return 0;
    }
    if (this.#own !== undefined && !this.#reading) {
      try {
        return this.#node.fs.readSync(this.#own, into, 0, into.length, null);
      } catch (error) {
        if (!isAgain(error)) {
          throw error;
        }
      }
    }
    this.#await();
    return AGAIN;
  }

  /** What there is behind what was held. */
  #more(into: Buffer): number {
    if (this.#own === undefined || into.length === 0) {
      return 0;
    }
    try {
      return this.#node.fs.readSync(this.#own, into, 0, into.length, null);
    } catch {
      return 0;
    }
  }

  readable(): number {
    if (this.#held.length === 0 && this.#own !== undefined && !this.#reading && !this.#ended) {
      const byte = Buffer.alloc(1);
      const count = this.read(byte);
      if (count === AGAIN) {
        return AGAIN;
      }
      this.#held = byte.subarray(0, count);
      this.#ended = count === 0;
    }
    if (this.#held.length > 0) {
      return this.#held.length;
    }
    if (this.#ended || this.#readError !== undefined) {
      return HANG_UP;
    }
    this.#await();
    return AGAIN;
  }

  /** Has the event loop read. */
  #await(): void {
    if (this.#reading) {
      return;
    }
    this.#reading = true;
    if (this.#source !== undefined) {
      this.#source.resume();
      return;
    }
    const { net, tty } = this.#node;
    const fd = this.#own ?? this.#number;
    const options = {
      onread: {
        buffer: Buffer.alloc(this.#own === undefined ? PIECE_BYTES : 1),
        callback: (count: number, buffer: Uint8Array) => {
          this.#held = Buffer.from(buffer.subarray(0, count));
          this.#read();
          return false;
        },
      },
    };
    const source =
      this.kind === Kind.terminal
        ? new tty.ReadStream(fd, options as never)
        : new net.Socket({ fd, readable: true, writable: false, ...options } as never);
    this.#source = source;
    source.on("end", () => {
      this.#ended = true;
      this.#source = undefined;
      this.#read();
    });
    source.on("error", (error) => {
      this.#readError = error;
      this.#read();
    });
    source.resume();
  }

  /** The event loop has read. */
  #read(): void {
    this.#reading = false;
    this.#node.ready(this.#number);
  }

  write(from: Buffer[]): number {
    if (this.#written !== undefined) {
      // The same call again, whose bytes were written meanwhile.
      const written = this.#written;
      this.#written = undefined;
      if (written instanceof Error) {
        throw written;
      }
      return written;
    }
    if (this.#writing) {
      return AGAIN;
    }
    if (this.#own !== undefined || this.kind === Kind.terminal) {
      try {
        return writeAll(this.#node, this.#own ?? this.#number, from);
      } catch (error) {
        if (!isAgain(error)) {
          throw error;
        }
      }
    }
    this.#writing = true;
    if (this.kind === Kind.terminal) {
      setTimeout(() => this.#wrote(undefined), TERMINAL_MS);
    } else {
      this.#hand(from.find((piece) => piece.length > 0) ?? Buffer.alloc(0));
    }
    return AGAIN;
  }

  /** Has the event loop write, and tells how that went. */
  #hand(piece: Buffer): void {
    const bytes = Buffer.from(piece.subarray(0, PIECE_BYTES));
    if (this.#target === undefined) {
      const fd = this.#own ?? this.#number;
      this.#target = new this.#node.net.Socket({ fd, readable: false, writable: true });
      this.#target.on("error", (error) => this.#wrote(error));
    }
    this.#target.write(bytes, (error) => this.#wrote(error ?? bytes.length));
  }

  #wrote(how: number | Error | undefined): void {
    if (this.#writing) {
      this.#writing = false;
      this.#written = how;
      this.#node.ready(this.#number);
    }
  }

  writable(): number {
    return this.#writing ? AGAIN : 0;
  }

  sync(): number {
    return 0;
  }
}

/** Opens a standard stream once more, so that it does not wait. */
function openAgain({ fs }: Node, number: number): number | undefined {
  if (process.platform !== "linux") {
    return undefined;
  }
  const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;
  try {
    const access = number === 0 ? O_RDONLY : O_WRONLY;
    return fs.openSync(`/proc/self/fd/${number}`, access | O_NONBLOCK | O_NOCTTY);
  } catch {
    // Another user's, or gone: the event loop has the stream itself then.
    return undefined;
  }
}
