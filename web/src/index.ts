// Holm: WebAssembly programs with an operating system of their own, in a page or in Node.

import { boot } from "./holm.js";
import { compile } from "./program.js";
import type { Program, Holm as System } from "./types.js";

export { disks } from "./disks.js";
export { type ErrorKind, HolmError } from "./errors.js";
export type * from "./types.js";

/** A running system. */
export type Holm = System;

/** Boots systems. */
export const Holm = {
  boot,
  /** Compiles a program for any system, which may still be booting: that takes no longer than either. */
  async compile(program: Program): Promise<WebAssembly.Module> {
    return (await compile(program)).module;
  },
};
