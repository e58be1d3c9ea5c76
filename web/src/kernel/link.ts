// The page's end of the kernel's worker: orders with their answers, and events.

import { type ErrorKind, HolmError } from "../errors.js";
import { type Spawned, startWorker } from "../platform.js";
import {
  type FilesRequest,
  type FromKernel,
  type KernelEvent,
  type KernelStart,
  MAIL,
  type ToKernel,
} from "../protocol.js";

interface Waiting {
  resolve: (value: { ok: unknown; bytes?: Uint8Array }) => void;
  reject: (error: Error) => void;
}

/** A running kernel. */
export class KernelLink {
  readonly #worker: Spawned<ToKernel, FromKernel>;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #gone: HolmError | undefined;
  #bell: Int32Array | undefined;
  /** `performance.timeOrigin` of the kernel's worker, once it has started. */
  origin = 0;
  onEvent: (event: KernelEvent, bytes: Uint8Array) => void = () => {};
  /** The kernel has failed. */
  onGone: (error: HolmError) => void = () => {};

  private constructor(worker: Spawned<ToKernel, FromKernel>) {
    this.#worker = worker;
  }

  /** Starts the worker, whose script loads while others fetch the kernel. */
  static async launch(script: string | URL): Promise<KernelLink> {
    return new KernelLink(await startWorker<ToKernel, FromKernel>(script, "holm kernel"));
  }

  /** Starts the worker and the kernel in it. */
  static async start(script: string | URL, starting: Promise<KernelStart>): Promise<KernelLink> {
    const link = await KernelLink.launch(script);
    await link.begin(starting);
    return link;
  }

  /** Starts the kernel in the worker. */
  async begin(starting: Promise<KernelStart>): Promise<void> {
    const worker = this.#worker;
    this.origin = await new Promise<number>((resolve, reject) => {
      worker.onMessage = (message) => {
        if ("started" in message) {
          resolve(message.origin);
        } else if ("failed" in message) {
          reject(new HolmError("failed", `the kernel did not start: ${message.failed}`));
        }
      };
      worker.onError = (reason) =>
        reject(
          new HolmError("failed", `the kernel's worker could not be started: ${reason}`, {
            help: "does the page's content security policy allow workers, and is kernel-worker.js served where it is looked for (boot option `assets`)?",
          }),
        );
      starting.then((start) => {
        this.#bell = start.bell === undefined ? undefined : new Int32Array(start.bell);
        worker.post({ start });
      }, reject);
    });
    worker.onMessage = (message) => this.#hear(message);
    worker.onError = (reason) => this.#fail(`the kernel's worker died: ${reason}`);
  }

  #hear(message: FromKernel): void {
    if ("event" in message) {
      this.onEvent(message.event, message.bytes);
    } else if ("answer" in message) {
      const waiting = this.#waiting.get(message.answer);
      this.#waiting.delete(message.answer);
      if ("error" in message) {
        waiting?.reject(errorOf(message.error));
      } else {
        waiting?.resolve(message);
      }
    } else if ("failed" in message) {
      this.#fail(`the kernel has failed: ${message.failed}`);
    }
  }

  #fail(reason: string): void {
    this.#gone ??= new HolmError("gone", reason, {
      help: "boot a new system; what was written to disks and synced is kept",
    });
    for (const waiting of this.#waiting.values()) {
      waiting.reject(this.#gone);
    }
    this.#waiting.clear();
    this.onGone(this.#gone);
  }

  /** Gives an order; answers what it answers. */
  async order<T>(order: object, more: { bytes?: Uint8Array; worker?: number } = {}): Promise<T> {
    return (await this.#ask((id) => ({ order, id, ...more }))).ok as T;
  }

  /** Gives an order whose answer nobody waits for. */
  tell(order: object, bytes?: Uint8Array): void {
    this.order(order, bytes === undefined ? {} : { bytes }).catch(() => {});
  }

  async files(files: FilesRequest): Promise<{ ok: unknown; bytes?: Uint8Array }> {
    return this.#ask((id) => ({ files, id }));
  }

  #ask(message: (id: number) => ToKernel): Promise<{ ok: unknown; bytes?: Uint8Array }> {
    if (this.#gone !== undefined) {
      return Promise.reject(this.#gone);
    }
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      if (this.#bell !== undefined) {
        Atomics.add(this.#bell, MAIL, 1);
      }
      this.#worker.post(message(id));
    });
  }

  /** Writes disks back and lets go of them. No order is carried out after this. */
  async end(): Promise<void> {
    await this.#ask((stop) => ({ stop }));
  }

  attach(number: number, port: MessagePort, channel: SharedArrayBuffer | undefined): void {
    this.#worker.post(
      channel === undefined ? { attach: number, port } : { attach: number, port, channel },
      [port],
    );
  }

  detach(number: number): void {
    this.#worker.post({ detach: number });
  }

  stop(): void {
    this.#gone ??= new HolmError("gone", "the system was shut down");
    for (const waiting of this.#waiting.values()) {
      waiting.reject(this.#gone);
    }
    this.#worker.terminate();
  }
}

/** The kernel's kinds of refusals as kinds of errors. */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  grant: "grant",
  mount: "mount",
  file: "file",
  storage: "storage",
  stream: "failed",
  spawn: "failed",
};

function errorOf(error: { kind: string; message: string }): HolmError {
  const errno = error.kind === "file" ? error.message.split(" ")[0] : undefined;
  return new HolmError(
    KINDS[error.kind] ?? "failed",
    error.message,
    errno === undefined ? {} : { errno },
  );
}
