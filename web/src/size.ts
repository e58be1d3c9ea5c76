// Sizes as people write them.

import { HolmError } from "./errors.js";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  K: 2 ** 10,
  KIB: 2 ** 10,
  KB: 1e3,
  M: 2 ** 20,
  MIB: 2 ** 20,
  MB: 1e6,
  G: 2 ** 30,
  GIB: 2 ** 30,
  GB: 1e9,
};

/** A size as a number of bytes: `64MiB`. */
export function bytesOfSize(size: number | string): number {
  if (typeof size === "number") {
    return size;
  }
  const parts = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(size);
  const unit = UNITS[(parts?.[2] ?? "?").toUpperCase()];
  if (parts === null || unit === undefined) {
    throw new HolmError("failed", `${JSON.stringify(size)} is no size`, {
      help: "write a number with a unit, such as 64MiB",
    });
  }
  return Math.floor(Number(parts[1]) * unit);
}
