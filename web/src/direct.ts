// Direct mode: a library or a short command called in place, with the kernel in the same thread.
//
// No workers, no headers, no promises once it is there: an export is a function. A call that
// would wait for a time waits; one that would wait for ever ends the program.

import { HolmError } from "./errors.js";
import { REQUEST_MAX } from "./generated/p1.js";
import { Encoder, GuestMemory } from "./guest/encoder.js";
import { blockingImports, P1 } from "./guest/imports.js";
import { EntryError, RENAMED_START } from "./guest/invoke.js";
import { localFunctions } from "./guest/local.js";
import { LEAVE, Replies } from "./guest/reply.js";
import { explainTrap, forgetLeaving, hasLeft } from "./guest/trap.js";
import { kernelModule } from "./kernel/load.js";
import { CALLED, KernelModule, READY } from "./kernel/module.js";
import { type Compiled, compile } from "./program.js";
import type { KernelEvent, Spawned } from "./protocol.js";
import { bytesOfSize } from "./size.js";
import type { Program, Size, Trap } from "./types.js";

export { type ErrorKind, HolmError } from "./errors.js";
export type { Program, Size, Trap } from "./types.js";

/** What a program in place is given. */
export interface DirectOptions {
  name?: string;
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** As options of `holm run`; HOST paths are those of `mounts`. */
  grants?: readonly string[];
  /** Directories in memory, by path. */
  mounts?: Readonly<Record<string, { memory: Size }>>;
  /** What it reads as standard input; nothing, unless said otherwise. */
  stdin?: string | Uint8Array;
  /** Called with what it writes. */
  stdout?: (bytes: Uint8Array) => void;
  stderr?: (bytes: Uint8Array) => void;
  /** Makes runs repeatable; see `BootOptions.seed`. */
  seed?: number | bigint;
  /** Where the kernel's module is, or itself. */
  kernel?: string | URL | WebAssembly.Module;
}

/** How a program in place ended. */
export interface DirectExit {
  code: number;
  refusals: string[];
}

/** A program in place. */
export interface Instance {
  /** Its exports. Its functions throw a `HolmError` when it traps or ends. */
  readonly exports: Readonly<Record<string, WebAssembly.ExportValue>>;
  /** How it ended, once it has. */
  readonly exit: DirectExit | undefined;
  /** Runs a command's `_start`; answers how it ended. */
  run(): DirectExit;
}

/** A trap of a program in place. */
export class TrapError extends Error {
  override readonly name = "TrapError";
  readonly trap: Trap;

  constructor(trap: Trap) {
    super(`trap: ${trap.message}`);
    this.trap = trap;
  }
}

/** Bytes of credit for what it writes: all that comes is passed on at once. */
const CREDIT = 2 ** 31 - 1;

/** Compiles and instantiates a program in place. A library's `_initialize` has then run. */
export async function instantiate(
  program: Program,
  options: DirectOptions = {},
): Promise<Instance> {
  const [kernel, compiled] = await Promise.all([kernelModule(options.kernel), compile(program)]);
  return instantiateSync(kernel, compiled, options);
}

/** The same with the kernel's module and the program compiled: nothing to wait for. */
export function instantiateSync(
  kernel: WebAssembly.Module,
  program: WebAssembly.Module | Compiled,
  options: DirectOptions = {},
): Instance {
  const compiled = program instanceof WebAssembly.Module ? { module: program } : program;
  return new DirectInstance(kernel, compiled, options);
}

class DirectInstance implements Instance {
  readonly exports: Readonly<Record<string, WebAssembly.ExportValue>>;
  exit: DirectExit | undefined;
  readonly #kernel: KernelModule;
  readonly #guest = new GuestMemory();
  readonly #encoder = new Encoder(this.#guest);
  readonly #replies = new Replies(this.#guest);
  readonly #task: number;
  readonly #outputs = new Map<number, (bytes: Uint8Array) => void>();
  /** Bytes that were passed on since the kernel was last told. */
  readonly #drawn = new Map<number, number>();
  #buffer: ArrayBuffer | undefined;

  constructor(kernel: WebAssembly.Module, compiled: Compiled, options: DirectOptions) {
    this.#kernel = new KernelModule(
      kernel,
      (event, bytes) => this.#hear(event, bytes),
      options.seed === undefined ? undefined : BigInt(options.seed),
    );
    for (const [path, { memory }] of Object.entries(options.mounts ?? {})) {
      this.#order({ do: "mount", path, source: { memory: { bytes: bytesOfSize(memory) } } });
    }
    const piped = (given: unknown) => (given === undefined ? "null" : "pipe");
    const spawned = this.#order<Spawned>({
      do: "spawn",
      name: options.name ?? "program",
      arguments: options.args ?? [],
      environment: options.env ?? {},
      grants: options.grants ?? [],
      stdio: ["pipe", piped(options.stdout), piped(options.stderr)],
    });
    this.#task = spawned.task;
    this.#connect(spawned, options);
    const local =
      spawned.local === null
        ? {}
        : localFunctions({ ...spawned.local, origin: performance.timeOrigin }, this.#guest);
    const imports = blockingImports(this.#encoder, (length) => this.#call(length), local);
    const memory =
      compiled.memory === undefined ? undefined : new WebAssembly.Memory(compiled.memory);
    this.#guest.attach(memory);
    const given: WebAssembly.Imports = { [P1]: imports };
    if (compiled.memory !== undefined && memory !== undefined) {
      const { module, name } = compiled.memory;
      given[module] = { ...given[module], [name]: memory };
    }
    const instance = new WebAssembly.Instance(compiled.module, given);
    if (instance.exports.memory instanceof WebAssembly.Memory) {
      this.#guest.attach(instance.exports.memory);
    }
    const exports: Record<string, WebAssembly.ExportValue> = {};
    for (const [name, value] of Object.entries(instance.exports)) {
      exports[name] =
        typeof value === "function"
          ? this.#guarded(value as (...values: never[]) => unknown)
          : value;
    }
    this.exports = exports;
    for (const name of [RENAMED_START, "_initialize"]) {
      const start = exports[name];
      if (typeof start === "function") {
        (start as () => void)();
      }
    }
  }

  #order<T>(order: object, bytes?: Uint8Array): T {
    const answer = this.#kernel.order(order, bytes);
    if ("error" in answer) {
      throw new HolmError(answer.error.kind === "grant" ? "grant" : "mount", answer.error.message);
    }
    return answer.ok as T;
  }

  #connect(spawned: Spawned, options: DirectOptions): void {
    const [stdin, stdout, stderr] = spawned.streams;
    for (const [stream, write] of [
      [stdout, options.stdout],
      [stderr, options.stderr],
    ] as const) {
      if (stream !== null && write !== undefined) {
        this.#outputs.set(stream, write);
        this.#order({ do: "credit", stream, bytes: CREDIT });
      }
    }
    if (stdin !== null) {
      const input =
        typeof options.stdin === "string" ? new TextEncoder().encode(options.stdin) : options.stdin;
      if (input !== undefined) {
        this.#order({ do: "give", stream: stdin }, input);
      }
      this.#order({ do: "close", stream: stdin });
    }
    this.#turn();
    this.#aim();
  }

  #hear(event: KernelEvent, bytes: Uint8Array): void {
    if (event.on === "output") {
      this.#outputs.get(event.stream)?.(bytes);
      // The kernel is in the middle of this: it is told afterwards.
      this.#drawn.set(event.stream, (this.#drawn.get(event.stream) ?? 0) + bytes.length);
    } else if (event.on === "ended") {
      this.exit = { code: event.code, refusals: event.refusals };
    }
  }

  /** Completes what can be completed; answers whether the program's call was. */
  #turn(): boolean {
    const answered = this.#kernel.turn() === this.#task;
    for (const [stream, bytes] of this.#drawn) {
      this.#order({ do: "credit", stream, bytes });
    }
    this.#drawn.clear();
    return answered;
  }

  /** Requests are written where the kernel reads them, which moves when its memory grows. */
  #aim(): void {
    const { buffer } = this.#kernel;
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#encoder.target(buffer, this.#kernel.request, REQUEST_MAX);
    }
  }

  #call(length: number): number {
    const kernel = this.#kernel;
    const answer = this.#answer(kernel, length);
    this.#aim();
    return answer;
  }

  #answer(kernel: KernelModule, length: number): number {
    const called = kernel.call(this.#task, length);
    let answered = (called & ~READY) === CALLED;
    if (answered) {
      const answer = this.#replies.apply(kernel.buffer, kernel.outputAt);
      if ((called & READY) !== 0) {
        this.#turn();
      }
      return answer;
    }
    while (!answered) {
      answered = this.#turn();
      if (!answered) {
        const wait = kernel.wait();
        if (wait === Number.POSITIVE_INFINITY) {
          this.#order({ do: "end", task: this.#task, how: "trapped" });
          return LEAVE;
        }
        pause(wait);
      }
    }
    return this.#replies.apply(kernel.buffer, kernel.outputAt);
  }

  /** The exit code of a program that has ended. */
  get #code(): number {
    return this.exit?.code ?? 1;
  }

  #guarded(call: (...values: never[]) => unknown): (...values: never[]) => unknown {
    return (...values) => {
      if (this.exit !== undefined) {
        throw new HolmError("gone", `the program has ended with ${this.exit.code}`);
      }
      forgetLeaving();
      try {
        return call(...values);
      } catch (error) {
        if (hasLeft()) {
          throw new HolmError("gone", `the program has ended with ${this.#code}`);
        }
        const trap = explainTrap(error);
        this.#order({ do: "end", task: this.#task, how: "trapped" });
        throw trap === undefined ? error : new TrapError(trap);
      }
    };
  }

  run(): DirectExit {
    const start = this.exports._start;
    if (typeof start !== "function") {
      throw new EntryError("it has no _start: it is a library, not a command");
    }
    try {
      (start as () => void)();
      this.#order({ do: "end", task: this.#task, how: "returned" });
    } catch (error) {
      if (!(error instanceof HolmError) || this.exit === undefined) {
        throw error;
      }
    }
    return this.exit ?? { code: 0, refusals: [] };
  }
}

/** Lets time pass in place. */
function pause(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  if (typeof SharedArrayBuffer === "function") {
    try {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
      return;
    } catch {
      // The thread of a page must not sleep.
    }
  }
  while (performance.now() < until) {
    // Nothing else can be done in place.
  }
}
