// Holm: WebAssembly programs with an operating system of their own, in a page or in Node.

import { boot } from "./holm.js";
import type { Holm as System } from "./types.js";

export { disks } from "./disks.js";
export { type ErrorKind, HolmError } from "./errors.js";
export type * from "./types.js";

/** A running system. */
export type Holm = System;

/** Boots systems. */
export const Holm = { boot };
