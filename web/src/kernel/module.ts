// The kernel's wasm module, as TypeScript calls it.

import { realtime, resolution } from "../clock.js";
import type { KernelEvent } from "../protocol.js";

interface Exports {
  memory: WebAssembly.Memory;
  holm_boot(seeded: number, seed: bigint): number;
  holm_request(): number;
  holm_input(length: number): number;
  holm_output(): number;
  holm_call(task: number, length: number): number;
  holm_turn(): number;
  holm_wait(): number;
  holm_order(length: number): void;
}

/** Most bytes that `getRandomValues` fills at once. */
const RANDOM_BYTES = 65536;

/** What became of a call; see crates/host-web/src/exports_unsafe.rs. */
export const WAITS = 0;
export const CALLED = 1;
export const GONE = 2;
/** Added to the above when there is something for `turn` to do. */
export const READY = 4;

/** The negative errno of imports that this worker has not. */
const NOT_IMPLEMENTED = -52;

/** Who hears of what happens in the kernel. */
export type Listener = (event: KernelEvent, bytes: Uint8Array) => void;

/** A kernel. */
export class KernelModule {
  readonly #exports: Exports;
  readonly #request: number;
  readonly #output: number;
  #bytes = new Uint8Array(0);
  #words = new Uint32Array(0);
  /** Set when the kernel has failed: nothing works any more. */
  failure: string | undefined;

  constructor(
    module: WebAssembly.Module,
    listen: Listener,
    seed?: bigint,
    more: (memory: () => WebAssembly.Memory) => WebAssembly.ModuleImports = () => ({}),
  ) {
    const text = (at: number, length: number) =>
      new TextDecoder().decode(this.bytes.subarray(at, at + length));
    const memory = () => this.#exports.memory;
    const host: WebAssembly.ModuleImports = {};
    for (const { name } of WebAssembly.Module.imports(module)) {
      // What this worker has not, such as directories in a browser, is not implemented.
      host[name] = () => NOT_IMPLEMENTED;
    }
    const instance = new WebAssembly.Instance(module, {
      host: {
        ...host,
        monotonic: () => performance.now(),
        realtime,
        resolution,
        entropy: (at: number, length: number) => {
          for (let done = 0; done < length; done += RANDOM_BYTES) {
            const end = Math.min(done + RANDOM_BYTES, length);
            crypto.getRandomValues(this.bytes.subarray(at + done, at + end));
          }
          return 1;
        },
        event: (at: number, length: number, bytes: number, count: number) => {
          const event = JSON.parse(text(at, length)) as KernelEvent;
          listen(event, this.bytes.slice(bytes, bytes + count));
        },
        panicked: (at: number, length: number) => {
          this.failure = text(at, length);
        },
        ...more(memory),
      },
    });
    this.#exports = instance.exports as unknown as Exports;
    if (this.#exports.holm_boot(seed === undefined ? 0 : 1, seed ?? 0n) === 0) {
      throw new Error("the host has no randomness to give");
    }
    this.#request = this.#exports.holm_request();
    this.#output = this.#exports.holm_output();
  }

  /** The kernel's memory; look again after each call into the kernel. */
  get bytes(): Uint8Array<ArrayBuffer> {
    // Growing leaves the old buffer without bytes: that costs less to see than asking for the new.
    if (this.#bytes.length === 0) {
      const buffer = this.#exports.memory.buffer as ArrayBuffer;
      this.#bytes = new Uint8Array(buffer);
      this.#words = new Uint32Array(buffer);
    }
    return this.#bytes as Uint8Array<ArrayBuffer>;
  }

  /** The same, four bytes at a time. */
  get words(): Uint32Array {
    void this.bytes;
    return this.#words;
  }

  /** Where the next request is written. */
  get request(): number {
    return this.#request;
  }

  get buffer(): ArrayBuffer {
    return this.bytes.buffer;
  }

  /** Where the last reply or answer is. */
  get outputAt(): number {
    return this.words[this.#output >> 2] as number;
  }

  get outputLength(): number {
    return this.words[(this.#output >> 2) + 1] as number;
  }

  /** Makes the call whose request was written to `request`. */
  call(task: number, length: number): number {
    return this.#exports.holm_call(task, length);
  }

  /** Completes a call that waited; answers its task, or 0. */
  turn(): number {
    return this.#exports.holm_turn();
  }

  /** Milliseconds until `turn` is to be called again. */
  wait(): number {
    return this.#exports.holm_wait();
  }

  /** Carries out an order; see crates/host-web/src/control.rs. */
  order(
    order: object,
    bytes?: Uint8Array,
  ): { ok: unknown } | { error: { kind: string; message: string } } {
    const text = new TextEncoder().encode(JSON.stringify(order));
    const at = this.#exports.holm_input(text.length + (bytes?.length ?? 0));
    this.bytes.set(text, at);
    if (bytes !== undefined) {
      this.bytes.set(bytes, at + text.length);
    }
    this.#exports.holm_order(text.length);
    const start = this.outputAt;
    const answer = this.bytes.subarray(start, start + this.outputLength);
    return JSON.parse(new TextDecoder().decode(answer)) as ReturnType<KernelModule["order"]>;
  }
}
