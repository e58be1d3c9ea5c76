// A guest's calls through shared memory: it asks, spins a little, and sleeps.

import { REQUEST_MAX } from "../generated/p1.js";
import {
  ANSWERED,
  ASKED,
  ASKED_ASLEEP,
  AWAKE,
  BELL,
  CHANNEL_HEADER,
  IDLE,
  LENGTH,
  MAIL,
  MORE,
  STATE,
  TASK,
} from "../protocol.js";
import type { Encoder } from "./encoder.js";
import { Replies } from "./reply.js";

/** Looks at the state before sleeping: some 20 µs, less than waking up costs. */
const SPINS = 3000;

/** The guest's end of a channel. */
export class SharedChannel {
  readonly #buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bell: Int32Array;
  readonly #port: MessagePort;
  readonly #replies: Replies;

  constructor(
    buffer: SharedArrayBuffer,
    bell: SharedArrayBuffer,
    port: MessagePort,
    encoder: Encoder,
  ) {
    this.#buffer = buffer;
    this.#words = new Int32Array(buffer, 0, CHANNEL_HEADER >> 2);
    this.#bell = new Int32Array(bell);
    this.#port = port;
    this.#replies = new Replies(encoder.guest);
    encoder.target(buffer, CHANNEL_HEADER, REQUEST_MAX);
  }

  /** Makes the call that the encoder wrote; answers its errno, or LEAVE. */
  call(task: number, length: number): number {
    const words = this.#words;
    words[LENGTH] = length;
    words[TASK] = task;
    this.#ask();
    if (words[MORE] === 0) {
      return this.#replies.apply(this.#buffer, CHANNEL_HEADER);
    }
    return this.#replies.apply(this.#rest(), 0);
  }

  /** Asks, and returns when there is an answer. */
  #ask(): void {
    const words = this.#words;
    Atomics.store(words, STATE, ASKED);
    if (Atomics.load(this.#bell, BELL) !== AWAKE) {
      this.#port.postMessage(0);
    }
    for (let spin = 0; spin < SPINS; spin += 1) {
      if (Atomics.load(words, STATE) === ANSWERED) {
        return;
      }
    }
    if (Atomics.compareExchange(words, STATE, ASKED, ASKED_ASLEEP) === ASKED) {
      while (Atomics.load(words, STATE) === ASKED_ASLEEP) {
        Atomics.wait(words, STATE, ASKED_ASLEEP);
      }
    }
  }

  /** Collects a reply that is larger than the channel. */
  #rest(): ArrayBuffer {
    const parts: Uint8Array[] = [];
    const words = this.#words;
    for (;;) {
      const length = words[LENGTH] as number;
      parts.push(new Uint8Array(this.#buffer, CHANNEL_HEADER, length).slice());
      if (words[MORE] === 0) {
        break;
      }
      words[LENGTH] = 0;
      this.#ask();
    }
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole.buffer;
  }

  /** Says that a message comes. */
  announce(): void {
    Atomics.add(this.#bell, MAIL, 1);
  }

  /** The channel for the next guest. */
  reset(): void {
    Atomics.store(this.#words, STATE, IDLE);
  }
}
