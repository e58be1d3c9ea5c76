// Answers that need no kernel: arguments, environment, clocks and randomness.

import { nanoseconds, realtime } from "../clock.js";
import type { GuestMemory } from "./encoder.js";

const EFAULT = 21;
/** Most bytes that `getRandomValues` fills at once. */
const RANDOM_BYTES = 65536;
/** Bytes that are fetched at once for small requests: a call of the engine's costs a microsecond. */
const POOL_BYTES = 4096;
/** The largest request that is answered from the pool. */
const POOLED_MOST = 64;
const REALTIME = 0;
const MONOTONIC = 1;

/** What the worker knows of its process. */
export interface LocalFacts {
  arguments: string[];
  environment: string[];
  /** `performance.timeOrigin` of the kernel's worker, for one monotonic clock in all. */
  origin: number;
}

/** A function that answers by itself, or `undefined` to ask the kernel. */
export type LocalFunction = (...args: never[]) => number | undefined;

const pool = new Uint8Array(POOL_BYTES);
let pooled = 0;

/** Takes random bytes out of the pool, where nothing of them stays. */
function takePooled(target: Uint8Array, at: number, length: number): void {
  if (pooled < length) {
    crypto.getRandomValues(pool);
    pooled = POOL_BYTES;
  }
  for (let offset = 0; offset < length; offset += 1) {
    pooled -= 1;
    target[at + offset] = pool[pooled] as number;
    pool[pooled] = 0;
  }
}

/** Of these functions, those that leave some questions to the kernel. */
export const ASKS_SOMETIMES: readonly string[] = ["clock_time_get"];

/** The functions that a worker answers by itself. */
export function localFunctions(
  facts: LocalFacts,
  guest: GuestMemory,
): Readonly<Record<string, LocalFunction>> {
  const list = (texts: string[]) => {
    const encoder = new TextEncoder();
    const encoded = texts.map((text) => encoder.encode(`${text}\0`));
    const size = encoded.reduce((sum, text) => sum + text.length, 0);
    return {
      sizes(count: number, bytes: number): number {
        count >>>= 0;
        bytes >>>= 0;
        guest.refresh();
        if (!guest.has(count, 4) || !guest.has(bytes, 4)) {
          return EFAULT;
        }
        guest.view.setUint32(count, encoded.length, true);
        guest.view.setUint32(bytes, size, true);
        return 0;
      },
      get(pointers: number, target: number): number {
        pointers >>>= 0;
        target >>>= 0;
        guest.refresh();
        if (!guest.has(pointers, 4 * encoded.length) || !guest.has(target, size)) {
          return EFAULT;
        }
        for (const text of encoded) {
          guest.bytes.set(text, target);
          guest.view.setUint32(pointers, target, true);
          pointers += 4;
          target += text.length;
        }
        return 0;
      },
    };
  };
  const args = list(facts.arguments);
  const environ = list(facts.environment);
  const ahead = performance.timeOrigin - facts.origin;
  return {
    args_sizes_get: args.sizes,
    args_get: args.get,
    environ_sizes_get: environ.sizes,
    environ_get: environ.get,
    clock_time_get(clock: number, _precision: bigint, result: number): number | undefined {
      if (clock !== REALTIME && clock !== MONOTONIC) {
        return undefined;
      }
      result >>>= 0;
      guest.refresh();
      if (!guest.has(result, 8)) {
        return EFAULT;
      }
      const time = clock === MONOTONIC ? ahead + performance.now() : realtime();
      guest.view.setBigUint64(result, nanoseconds(time), true);
      return 0;
    },
    random_get(at: number, length: number): number {
      at >>>= 0;
      length >>>= 0;
      guest.refresh();
      if (!guest.has(at, length)) {
        return EFAULT;
      }
      if (length <= POOLED_MOST) {
        takePooled(guest.bytes, at, length);
        return 0;
      }
      for (let done = 0; done < length; done += RANDOM_BYTES) {
        const end = Math.min(done + RANDOM_BYTES, length);
        crypto.getRandomValues(
          guest.bytes.subarray(at + done, at + end) as Uint8Array<ArrayBuffer>,
        );
      }
      return 0;
    },
    sched_yield: () => 0,
  };
}
