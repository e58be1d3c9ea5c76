// Workers for guests: the one that was used last is the first to be used again, because what
// an engine keeps for it is still warm, and so that few of them ever hold much memory.

import { HolmError } from "./errors.js";
import { CHANNEL_BYTES } from "./kernel/guests.js";
import { type Spawned, startWorker } from "./platform.js";
import { CHANNEL_HEADER, type FromGuest, type GuestEnd, type ToGuest } from "./protocol.js";

/** A worker that runs one guest at a time. */
export interface GuestWorker {
  readonly number: number;
  /** Runs a guest; settles when the guest was left, and rejects when the worker died. */
  run(message: Extract<ToGuest, { run: WebAssembly.Module }>): Promise<GuestEnd>;
}

interface Pooled extends GuestWorker {
  worker: Spawned<ToGuest, FromGuest>;
  dead: boolean;
}

/** How the pool tells the kernel's worker of its workers. */
export interface KernelLink {
  attach(number: number, port: MessagePort, channel: SharedArrayBuffer | undefined): void;
  detach(number: number): void;
}

/** The workers of a system. */
export class GuestPool {
  readonly #script: string | URL;
  readonly #bell: SharedArrayBuffer | undefined;
  readonly #link: KernelLink;
  readonly #idleMost: number;
  readonly #most: number;
  readonly #idle: Pooled[] = [];
  #all = new Set<Pooled>();
  #waiting: ((worker: Pooled) => void)[] = [];
  #next = 1;
  #closed = false;

  constructor(
    script: string | URL,
    bell: SharedArrayBuffer | undefined,
    link: KernelLink,
    options: { idle: number; most: number },
  ) {
    this.#script = script;
    this.#bell = bell;
    this.#link = link;
    this.#idleMost = options.idle;
    this.#most = options.most;
  }

  /** Starts a worker ahead of the first guest. */
  async warm(): Promise<void> {
    if (this.#idleMost > 0 && this.#all.size === 0) {
      this.give(await this.#start());
    }
  }

  /** A worker for a guest. When there are as many as there may be, waits for one. */
  async take(): Promise<GuestWorker> {
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      return idle;
    }
    if (this.#all.size >= this.#most) {
      return new Promise((resolve) => this.#waiting.push(resolve));
    }
    return this.#start();
  }

  /** Gives a worker back whose guest was left. */
  give(worker: GuestWorker): void {
    const pooled = worker as Pooled;
    if (pooled.dead || this.#closed) {
      return;
    }
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(pooled);
    } else if (this.#idle.length < this.#idleMost) {
      this.#idle.push(pooled);
    } else {
      this.drop(pooled);
    }
  }

  /** Ends a worker, whatever it does. */
  drop(worker: GuestWorker): void {
    const pooled = worker as Pooled;
    if (!pooled.dead) {
      pooled.dead = true;
      this.#all.delete(pooled);
      this.#link.detach(pooled.number);
      pooled.worker.terminate();
      const next = this.#waiting.shift();
      if (next !== undefined && !this.#closed) {
        void this.#start().then(next);
      }
    }
  }

  /** Ends all workers. */
  close(): void {
    this.#closed = true;
    for (const worker of [...this.#all]) {
      this.drop(worker);
    }
  }

  async #start(): Promise<Pooled> {
    const number = this.#next;
    this.#next += 1;
    // Counted before it is there, so that no more are started than there may be.
    const pooled: Pooled = {
      number,
      dead: false,
      worker: undefined as unknown as Pooled["worker"],
      run: () => Promise.reject(new Error("not started")),
    };
    this.#all.add(pooled);
    const worker = await startWorker<ToGuest, FromGuest>(this.#script, `holm guest ${number}`);
    pooled.worker = worker;
    const channel =
      this.#bell === undefined ? undefined : new SharedArrayBuffer(CHANNEL_HEADER + CHANNEL_BYTES);
    const { port1, port2 } = new MessageChannel();
    await new Promise<void>((resolve, reject) => {
      worker.onMessage = () => resolve();
      worker.onError = (reason) => {
        this.#all.delete(pooled);
        reject(
          new HolmError("failed", `a worker for programs could not be started: ${reason}`, {
            help: "does the page's content security policy allow workers, and is guest-worker.js served where it is looked for (boot option `assets`)?",
          }),
        );
      };
    });
    this.#link.attach(number, port1, channel);
    worker.post(
      channel === undefined || this.#bell === undefined
        ? { connect: port2 }
        : { connect: port2, channel, bell: this.#bell },
      [port2],
    );
    pooled.run = (message) =>
      new Promise((resolve, reject) => {
        worker.onMessage = (answer) => {
          if ("done" in answer) {
            resolve(answer.done);
          }
        };
        worker.onError = (reason) => {
          this.drop(pooled);
          reject(new HolmError("failed", `the program's worker died: ${reason}`));
        };
        worker.post(message);
      });
    return pooled;
  }
}
