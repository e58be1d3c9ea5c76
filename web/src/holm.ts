// A running system: boots the kernel, starts programs, and passes on what happens.

import { HolmError } from "./errors.js";
import { SystemFiles } from "./files.js";
import { KernelLink } from "./kernel/link.js";
import { kernelModule } from "./kernel/load.js";
import { mountSource } from "./mounts.js";
import { isNode } from "./platform.js";
import { GuestPool } from "./pool.js";
import { RunningProcess } from "./process.js";
import { checkEntry, compile } from "./program.js";
import type { KernelEvent, Spawned } from "./protocol.js";
import { bytesOfSize } from "./size.js";
import { type Source, type StreamLink, sink, source, textOf } from "./streams.js";
import { SystemTerminal } from "./terminal.js";
import type {
  BootOptions,
  Holm,
  MountInfo,
  MountSource,
  Output,
  Pipe,
  Process,
  ProcessInfo,
  Program,
  SpawnOptions,
  Stdio,
  Terminal,
  Transport,
} from "./types.js";

/** Workers that are kept, and that there may be, unless the page says otherwise. */
const IDLE_WORKERS = 2;
const MOST_WORKERS = 64;

/** Memory of a program on a phone or tablet whose engine is WebKit, which ends tabs that take more. */
const TOUCH_MEMORY = "512MiB";

/** Whether this is Safari, or another face of it, on a phone or tablet. */
function isTouchWebKit(): boolean {
  if (isNode || typeof navigator === "undefined") {
    return false;
  }
  const { userAgent, maxTouchPoints } = navigator;
  // An iPad says that it is a Mac.
  return /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
}

/** The transport that this page or process can use. */
export function chooseTransport(wanted: Transport | "auto" = "auto"): Transport {
  const isolated = isNode || globalThis.crossOriginIsolated === true;
  const suspends = typeof WebAssembly.Suspending === "function";
  if (wanted === "shared" && !isolated) {
    throw new HolmError("unsupported", "shared memory needs a cross-origin isolated page", {
      help: 'serve the page with "Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp", or leave `transport` out',
    });
  }
  if (wanted === "message" && !suspends) {
    throw new HolmError("unsupported", "messages need JSPI, which this engine does not have", {
      help: "Chrome 137, Firefox 153, Safari 27 and Node 26 have it",
    });
  }
  if (wanted !== "auto") {
    return wanted;
  }
  if (!isolated && !suspends) {
    throw new HolmError(
      "unsupported",
      "this page is not cross-origin isolated, and this browser has no JSPI: programs cannot wait here",
      {
        help: 'either serve the page with "Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp", or use Chrome 137, Firefox 153 or Safari 27 and later',
      },
    );
  }
  return isolated ? "shared" : "message";
}

/** Boots a system. */
export async function boot(options: BootOptions = {}): Promise<Holm> {
  const transport = chooseTransport(options.transport);
  const assets = options.assets ?? {};
  const bell = transport === "shared" ? new SharedArrayBuffer(8) : undefined;
  // All at once: the kernel is fetched and compiled while the workers load their scripts.
  const kernel = kernelModule(assets.kernel);
  const link = await KernelLink.launch(
    assets.kernelWorker ?? new URL("./kernel-worker.js", import.meta.url),
  );
  const pool = new GuestPool(
    assets.guestWorker ?? new URL("./guest-worker.js", import.meta.url),
    bell,
    link,
    { idle: options.workers?.idle ?? IDLE_WORKERS, most: options.workers?.most ?? MOST_WORKERS },
  );
  const warm = pool.warm();
  warm.catch(() => {});
  try {
    await link.begin(
      kernel.then((kernel) => ({
        kernel,
        ...(options.seed === undefined ? {} : { seed: BigInt(options.seed) }),
        ...(bell === undefined ? {} : { bell }),
      })),
    );
  } catch (error) {
    pool.close();
    link.stop();
    throw error;
  }
  const system = new System(transport, link, pool, options);
  try {
    await Promise.all([
      warm,
      ...Object.entries(options.mounts ?? {}).map(([path, from]) => system.mount(path, from)),
    ]);
  } catch (error) {
    await system.shutdown();
    throw error;
  }
  return system;
}

class System implements Holm {
  readonly transport: Transport;
  readonly files: SystemFiles;
  readonly #link: KernelLink;
  readonly #pool: GuestPool;
  readonly #options: BootOptions;
  readonly #sources = new Map<number, Source>();
  readonly #given = new Map<number, { resolve: () => void; reject: (error: Error) => void }[]>();
  readonly #processes = new Map<number, RunningProcess>();
  /** Mounts that wait for their archive. */
  readonly #tickets = new Map<number, (error: string | null) => void>();
  #nextTicket = 1;
  readonly #streams: StreamLink = {
    credit: (stream, bytes) => this.#link.tell({ do: "credit", stream, bytes }),
    give: async (stream, bytes) => {
      const taken = new Promise<void>((resolve, reject) => {
        const waiting = this.#given.get(stream) ?? [];
        waiting.push({ resolve, reject });
        this.#given.set(stream, waiting);
      });
      taken.catch(() => {});
      await this.#link.order({ do: "give", stream }, { bytes });
      await taken;
    },
    close: (stream) => this.#link.tell({ do: "close", stream }),
  };

  constructor(transport: Transport, link: KernelLink, pool: GuestPool, options: BootOptions) {
    this.transport = transport;
    this.#link = link;
    this.#pool = pool;
    this.#options = options;
    this.files = new SystemFiles(link);
    link.onEvent = (event, bytes) => this.#hear(event, bytes);
    link.onGone = (error) => {
      for (const process of this.#processes.values()) {
        process.lost(error);
      }
    };
  }

  #hear(event: KernelEvent, bytes: Uint8Array): void {
    switch (event.on) {
      case "output":
        this.#sources.get(event.stream)?.output(bytes);
        break;
      case "closed":
        this.#sources.get(event.stream)?.closed();
        this.#sources.delete(event.stream);
        break;
      case "taken":
        this.#given.get(event.stream)?.shift()?.resolve();
        break;
      case "broken":
        for (const waiting of this.#given.get(event.stream) ?? []) {
          waiting.reject(new HolmError("failed", "EPIPE: the program does not read any more"));
        }
        this.#given.delete(event.stream);
        break;
      case "mounted":
        this.#tickets.get(event.ticket)?.(event.error);
        break;
      case "trace":
        this.#processes.get(event.pid)?.traced(new TextDecoder().decode(bytes));
        break;
      case "ended":
        this.#processes.get(event.pid)?.ended(event);
        break;
    }
  }

  async compile(program: Program): Promise<WebAssembly.Module> {
    return (await compile(program)).module;
  }

  async spawn(program: Program, options: SpawnOptions = {}): Promise<Process> {
    options.signal?.throwIfAborted();
    const grants = this.#grants(options.grants ?? []);
    const compiled = await compile(program, memoryLimit(grants));
    checkEntry(compiled, options.invoke);
    const worker = await this.#pool.take();
    let spawned: Spawned;
    try {
      spawned = await this.#link.order<Spawned>(
        {
          do: "spawn",
          name: options.name ?? "program",
          arguments: options.invoke === undefined ? (options.args ?? []) : [],
          environment: options.env ?? {},
          grants,
          stdio: [
            stdio(options.stdin ?? options.terminal),
            stdio(options.stdout ?? options.terminal),
            stdio(options.stderr ?? options.terminal),
          ],
          trace: options.trace ?? null,
        },
        { worker: worker.number },
      );
    } catch (error) {
      this.#pool.give(worker);
      throw error;
    }
    const [stdin, stdout, stderr] = spawned.streams;
    const readable = (stream: number | null) => {
      if (stream === null) {
        return undefined;
      }
      const from = source(stream, this.#streams);
      this.#sources.set(stream, from);
      return from.readable;
    };
    const process = new RunningProcess(
      spawned.pid,
      options.name ?? "program",
      {
        stdin: stdin === null ? undefined : sink(stdin, this.#streams),
        stdout: readable(stdout),
        stderr: readable(stderr),
      },
      (signal) => this.#link.tell({ do: "kill", pid: spawned.pid, signal }),
      (reusable) => {
        if (reusable) {
          this.#pool.give(worker);
        } else {
          this.#pool.drop(worker);
          this.#link.tell({ do: "end", task: spawned.task, how: "lost" });
        }
      },
    );
    this.#processes.set(spawned.pid, process);
    void process.exited.then(() => this.#processes.delete(spawned.pid));
    options.signal?.addEventListener("abort", () => process.kill(), { once: true });
    const invoked = options.invoke;
    void process.follow(
      worker.run({
        run: compiled.module,
        task: spawned.task,
        ...(compiled.memory === undefined ? {} : { memory: compiled.memory }),
        ...(invoked === undefined
          ? {}
          : {
              invoke: {
                name: invoked,
                arguments: [...(options.args ?? [])],
                parameters: compiled.exports?.get(invoked) ?? [],
              },
            }),
        ...(spawned.local === null
          ? {}
          : { local: { ...spawned.local, origin: this.#link.origin } }),
      }),
    );
    return process;
  }

  /** The grants of a process, with what every process is limited to. */
  #grants(given: readonly string[]): readonly string[] {
    const most = this.#options.memory ?? (isTouchWebKit() ? TOUCH_MEMORY : undefined);
    return most === undefined || memoryLimit(given) !== undefined
      ? given
      : [...given, `--memory ${Math.floor(bytesOfSize(most) / 1024)}KiB`];
  }

  async run(
    program: Program,
    options: SpawnOptions & { input?: string | BufferSource } = {},
  ): Promise<Output> {
    const { input, ...rest } = options;
    const process = await this.spawn(program, rest);
    const fed = feed(process.stdin, input);
    const [stdout, stderr, exit] = await Promise.all([
      textOf(process.stdout),
      textOf(process.stderr),
      process.exited,
    ]);
    await fed;
    return { ...exit, stdout, stderr };
  }

  terminal(columns: number, rows: number): Promise<Terminal> {
    const listen = (stream: number, from: Source) => this.#sources.set(stream, from);
    return SystemTerminal.open(this.#link, this.#streams, listen, columns, rows);
  }

  async pipe(): Promise<Pipe> {
    const { pipe } = await this.#link.order<{ pipe: number }>({ do: "pipe" });
    return new SystemPipe(pipe, () => this.#link.tell({ do: "close-pipe", pipe }));
  }

  processes(): Promise<ProcessInfo[]> {
    return this.#link.order({ do: "processes" });
  }

  mounts(): Promise<MountInfo[]> {
    return this.#link.order({ do: "mounts" });
  }

  async mount(path: string, from: MountSource): Promise<void> {
    const { source: of, bytes } = await mountSource(from, this.#options);
    const ticket = this.#nextTicket;
    this.#nextTicket += 1;
    const mounted = new Promise<void>((resolve, reject) => {
      this.#tickets.set(ticket, (error) =>
        error === null ? resolve() : reject(new HolmError("mount", error)),
      );
    });
    mounted.catch(() => {});
    try {
      const order = { do: "mount", path, source: of, ticket };
      const answer = await this.#link.order<{ begun?: boolean } | null>(
        order,
        bytes === undefined ? {} : { bytes },
      );
      if (answer?.begun === true) {
        await mounted;
      }
    } finally {
      this.#tickets.delete(ticket);
    }
  }

  async unmount(path: string): Promise<void> {
    await this.#link.order({ do: "unmount", path });
  }

  async shutdown(): Promise<void> {
    for (const process of this.#processes.values()) {
      process.kill();
    }
    try {
      await this.#link.end();
    } catch {
      // The kernel has failed, or its storage has: there is nothing to be saved by waiting.
    }
    this.#pool.close();
    this.#link.stop();
    for (const process of this.#processes.values()) {
      process.killed();
    }
  }
}

/** Gives a process its input, and the end of it. */
async function feed(
  stdin: WritableStream<Uint8Array>,
  input: string | BufferSource | undefined,
): Promise<void> {
  const writer = stdin.getWriter();
  try {
    if (input !== undefined) {
      const bytes =
        typeof input === "string"
          ? new TextEncoder().encode(input)
          : ArrayBuffer.isView(input)
            ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
            : new Uint8Array(input);
      await writer.write(bytes);
    }
    await writer.close();
  } catch {
    // The program may end without reading it.
  }
}

/** A pipe of the kernel. */
class SystemPipe implements Pipe {
  readonly number: number;
  readonly close: () => void;

  constructor(number: number, close: () => void) {
    this.number = number;
    this.close = close;
  }
}

function stdio(given: Stdio | undefined): string | object {
  if (given === undefined || given === "pipe") {
    return "pipe";
  }
  if (given === "null") {
    return "null";
  }
  if (given instanceof SystemPipe) {
    return { between: given.number };
  }
  return { terminal: (given as SystemTerminal).number };
}

/** Bytes of `--memory` among the grants, which the module itself must be compiled for. */
function memoryLimit(grants: readonly string[]): number | undefined {
  const given = grants.map((grant) => /^(?:--)?memory[ =](.*)$/.exec(grant.trim())?.[1]);
  const text = given.findLast((value) => value !== undefined);
  return text === undefined ? undefined : bytesOfSize(text);
}
