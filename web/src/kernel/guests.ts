// The guests' workers, as the kernel's worker sees them: how each is answered.

import {
  ANSWERED,
  ASKED,
  ASKED_ASLEEP,
  CHANNEL_HEADER,
  LENGTH,
  MORE,
  STATE,
  TASK,
} from "../protocol.js";
import type { KernelModule } from "./module.js";

/** Bytes of a channel after its header. */
export const CHANNEL_BYTES = (1 << 20) + (1 << 15);

/** Bytes that are copied faster word by word than by views made for them. */
const FEW = 256;

/** Copies a few bytes, whole words of them. */
function copyFew(
  from: Int32Array | Uint32Array,
  at: number,
  to: Int32Array | Uint32Array,
  target: number,
  length: number,
): void {
  const words = (length + 3) >> 2;
  for (let word = 0; word < words; word += 1) {
    to[(target >> 2) + word] = from[(at >> 2) + word] as number;
  }
}

/** A worker whose calls come as messages. */
export interface MessageGuest {
  readonly port: MessagePort;
  /** The task that it runs. */
  task: number;
}

/** A worker whose calls come through shared memory. */
export class SharedGuest {
  readonly number: number;
  readonly port: MessagePort;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** All of the channel, its header too. */
  readonly #all: Int32Array;
  /** What is left of a reply that is larger than the channel. */
  #rest: Uint8Array | undefined;
  #waiting = false;

  constructor(number: number, port: MessagePort, channel: SharedArrayBuffer) {
    this.number = number;
    this.port = port;
    this.words = new Int32Array(channel, 0, CHANNEL_HEADER >> 2);
    this.bytes = new Uint8Array(channel, CHANNEL_HEADER);
    this.#all = new Int32Array(channel);
  }

  /** Copies a request to where the kernel reads it. */
  bring(kernel: KernelModule, length: number): void {
    if (length <= FEW) {
      copyFew(this.#all, CHANNEL_HEADER, kernel.words, kernel.request, length);
    } else {
      kernel.bytes.set(this.bytes.subarray(0, length), kernel.request);
    }
  }

  /** Answers the call that waits with what the kernel has for it. */
  answerFrom(kernel: KernelModule): void {
    const { outputAt, outputLength } = kernel;
    if (outputLength <= FEW && (outputAt & 3) === 0) {
      copyFew(kernel.words, outputAt, this.#all, CHANNEL_HEADER, outputLength);
      this.#rest = undefined;
      this.#done(outputLength);
    } else {
      this.answer(kernel.bytes, outputAt, outputLength);
    }
  }

  /** The call was taken and waits: it is not looked at again until it is answered. */
  waits(): void {
    this.#waiting = true;
  }

  get asks(): boolean {
    if (this.#waiting) {
      return false;
    }
    const state = Atomics.load(this.words, STATE);
    return state === ASKED || state === ASKED_ASLEEP;
  }

  /** The task that asks. */
  get task(): number {
    return this.words[TASK] as number;
  }

  /** Length of the request, at most what the channel holds; 0 asks for the rest of a reply. */
  get length(): number {
    return Math.min((this.words[LENGTH] as number) >>> 0, this.bytes.length);
  }

  /** Answers the call that waits. */
  answer(memory: Uint8Array, at: number, length: number): void {
    const room = this.bytes.length;
    const now = Math.min(length, room);
    this.bytes.set(memory.subarray(at, at + now));
    this.#rest = length > room ? memory.slice(at + now, at + length) : undefined;
    this.#done(now);
  }

  /** Answers with the next part of a reply. */
  answerRest(): void {
    const rest = this.#rest ?? new Uint8Array(0);
    const now = Math.min(rest.length, this.bytes.length);
    this.bytes.set(rest.subarray(0, now));
    this.#rest = rest.length > now ? rest.subarray(now) : undefined;
    this.#done(now);
  }

  #done(length: number): void {
    this.#waiting = false;
    this.words[LENGTH] = length;
    this.words[MORE] = this.#rest === undefined ? 0 : 1;
    if (Atomics.exchange(this.words, STATE, ANSWERED) === ASKED_ASLEEP) {
      Atomics.notify(this.words, STATE);
    }
  }
}
