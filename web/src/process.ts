// A running program, as the page holds it.

import type { HolmError } from "./errors.js";
import type { GuestEnd, KernelEvent } from "./protocol.js";
import { closed, ended as endedStream } from "./streams.js";
import type { Exit, Process, SignalName, Usage } from "./types.js";

type Ended = Extract<KernelEvent, { on: "ended" }>;

/** Milliseconds in which a guest that was killed while it computed may still be left by itself. */
const GRACE_MS = 20;

const SIGNALS: Readonly<Record<SignalName, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGTERM: 15,
};

const NOTHING_USED: Usage = {
  calls: 0,
  bytesIn: 0,
  bytesOut: 0,
  memory: 0,
  memoryPeak: 0,
  descriptors: 0,
};

/** Trace lines that are held for a reader. */
const TRACE_HELD = 10_000;

export class RunningProcess implements Process {
  readonly pid: number;
  readonly name: string;
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly trace: ReadableStream<string>;
  readonly exited: Promise<Exit>;
  readonly #kill: (signal: number) => void;
  readonly #release: (reusable: boolean) => void;
  #resolve: (exit: Exit) => void = () => {};
  #trace: ReadableStreamDefaultController<string> | undefined;
  #kernelSays: Ended | undefined;
  #guestSays: GuestEnd | undefined;
  #released = false;

  constructor(
    pid: number,
    name: string,
    streams: {
      stdin: WritableStream<Uint8Array> | undefined;
      stdout: ReadableStream<Uint8Array> | undefined;
      stderr: ReadableStream<Uint8Array> | undefined;
    },
    kill: (signal: number) => void,
    release: (reusable: boolean) => void,
  ) {
    this.pid = pid;
    this.name = name;
    this.stdin = streams.stdin ?? closed();
    this.stdout = streams.stdout ?? endedStream();
    this.stderr = streams.stderr ?? endedStream();
    this.#kill = kill;
    this.#release = release;
    this.trace = new ReadableStream<string>(
      {
        start: (controller) => {
          this.#trace = controller;
        },
      },
      { highWaterMark: TRACE_HELD },
    );
    this.exited = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  kill(signal: SignalName = "SIGKILL"): void {
    this.#kill(SIGNALS[signal]);
  }

  /** Lines of its trace. A reader that is too slow loses lines rather than memory. */
  traced(text: string): void {
    for (const line of text.split("\n")) {
      if (line !== "" && (this.#trace?.desiredSize ?? 0) > 0) {
        this.#trace?.enqueue(line);
      }
    }
  }

  /** The guest's worker tells how the guest was left. */
  async follow(left: Promise<GuestEnd>): Promise<void> {
    try {
      this.#guestSays = await left;
      this.#give(true);
    } catch (error) {
      this.#guestSays = { end: "failed", kind: "worker", message: (error as Error).message };
      this.#give(false);
    }
    this.#settle();
  }

  /** The kernel tells how the process ended. */
  ended(how: Ended): void {
    this.#kernelSays = how;
    if (how.computing && this.#guestSays === undefined) {
      // It is over for everybody but its worker.
      setTimeout(() => this.#give(false), GRACE_MS);
      this.#guestSays = { end: "left" };
    }
    this.#settle();
  }

  /** The system was shut down. */
  killed(): void {
    this.#give(false);
    this.#finish({
      code: 137,
      signal: "SIGKILL",
      refusals: [],
      results: [],
      usage: NOTHING_USED,
    });
  }

  /** The kernel is gone. */
  lost(error: HolmError): void {
    this.#give(false);
    this.#finish({
      code: 1,
      refusals: [error.message],
      results: [],
      usage: NOTHING_USED,
    });
  }

  #give(reusable: boolean): void {
    if (!this.#released) {
      this.#released = true;
      this.#release(reusable);
    }
  }

  #settle(): void {
    const [kernel, guest] = [this.#kernelSays, this.#guestSays];
    if (kernel === undefined || guest === undefined) {
      return;
    }
    this.#finish({
      code: kernel.code,
      ...(kernel.signal == null ? {} : { signal: kernel.signal }),
      ...(guest.end === "trapped" ? { trap: guest.trap } : {}),
      refusals: guest.end === "failed" ? [...kernel.refusals, guest.message] : kernel.refusals,
      results: guest.end === "returned" ? guest.results : [],
      usage: kernel.usage,
    });
  }

  #finish(exit: Exit): void {
    try {
      this.#trace?.close();
    } catch {
      // Its reader has gone.
    }
    this.#resolve(exit);
  }
}
