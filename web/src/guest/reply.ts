// Reads replies of the kernel, and writes what they bring to the guest's memory.

import { OUTCOME_LEAVE, REGION_HEADER, REPLY_HEADER } from "../generated/p1.js";
import type { GuestMemory } from "./encoder.js";

/** What a call answers when the guest is to be left. */
export const LEAVE = -1;

/**
 * Applies the reply at `base` to the guest's memory; answers the errno (0 for success), or
 * LEAVE when the process is over.
 */
export function applyReply(buffer: ArrayBufferLike, base: number, guest: GuestMemory): number {
  const words = new Int32Array(buffer, base, REPLY_HEADER >> 2);
  const writes = words[2] as number;
  if (writes > 0) {
    const all = new Int32Array(buffer);
    const bytes = new Uint8Array(buffer);
    guest.refresh();
    let place = base + REPLY_HEADER;
    for (let write = 0; write < writes; write += 1) {
      const at = (all[place >> 2] as number) >>> 0;
      const length = all[(place >> 2) + 1] as number;
      place += REGION_HEADER;
      if (length <= 32) {
        const target = guest.bytes;
        for (let offset = 0; offset < length; offset += 1) {
          target[at + offset] = bytes[place + offset] as number;
        }
      } else {
        guest.bytes.set(bytes.subarray(place, place + length), at);
      }
      place = (place + length + 7) & ~7;
    }
  }
  return words[0] === OUTCOME_LEAVE ? LEAVE : (words[1] as number);
}
