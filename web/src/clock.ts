// The wall clock of a worker: as fine as `performance.now`, and right after the machine slept.

/** Milliseconds that the two clocks may differ before the coarser one is believed. */
const DRIFT_MS = 50;

let origin = performance.timeOrigin;

/** Milliseconds since 1970. */
export function realtime(): number {
  const now = performance.now();
  const wall = Date.now();
  if (Math.abs(origin + now - wall) > DRIFT_MS) {
    origin = wall - now;
  }
  return origin + now;
}

/** Milliseconds between two readings of a worker's clocks, as far as its browser lets it see. */
export function resolution(): number {
  const firefox = /\bFirefox\//.test(globalThis.navigator?.userAgent ?? "");
  if (globalThis.crossOriginIsolated === false) {
    return firefox ? 1 : 0.1;
  }
  return firefox ? 0.02 : 0.005;
}

/** Nanoseconds of a time in milliseconds, in whole microseconds. */
export function nanoseconds(milliseconds: number): bigint {
  return BigInt(Math.floor(milliseconds * 1000)) * 1000n;
}
