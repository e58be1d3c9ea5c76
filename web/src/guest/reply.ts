// Reads replies of the kernel, and writes what they bring to the guest's memory.

import { OUTCOME_LEAVE, REGION_HEADER, REPLY_HEADER } from "../generated/p1.js";
import type { GuestMemory } from "./encoder.js";

/** What a call answers when the guest is to be left. */
export const LEAVE = -1;

/** Bytes that are copied faster one by one than by a view made for them. */
const FEW = 32;

/** Applies replies to a guest's memory. */
export class Replies {
  readonly #guest: GuestMemory;
  #buffer: ArrayBufferLike | undefined;
  #words: Int32Array = new Int32Array(0);
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(guest: GuestMemory) {
    this.#guest = guest;
  }

  /** Applies the reply at `base`; answers the errno (0 for success), or LEAVE. */
  apply(buffer: ArrayBufferLike, base: number): number {
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
      this.#bytes = new Uint8Array(buffer);
    }
    const words = this.#words;
    const first = base >> 2;
    let left = words[first + 2] as number;
    if (left > 0) {
      const guest = this.#guest;
      guest.refresh();
      const target = guest.bytes;
      const bytes = this.#bytes;
      let place = base + REPLY_HEADER;
      for (; left > 0; left -= 1) {
        const at = (words[place >> 2] as number) >>> 0;
        const length = words[(place >> 2) + 1] as number;
        place += REGION_HEADER;
        if (length <= FEW) {
          for (let offset = 0; offset < length; offset += 1) {
            target[at + offset] = bytes[place + offset] as number;
          }
        } else {
          target.set(bytes.subarray(place, place + length), at);
        }
        place = (place + length + 7) & ~7;
      }
    }
    return words[first] === OUTCOME_LEAVE ? LEAVE : (words[first + 1] as number);
  }
}
