// Leaving a guest, and saying why one was left.

import type { TrapPlace } from "../protocol.js";
import type { Trap } from "../types.js";

/** `(module (func (export "trap") unreachable))` */
const TRAP_MODULE = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02,
  0x01, 0x00, 0x07, 0x08, 0x01, 0x04, 0x74, 0x72, 0x61, 0x70, 0x00, 0x00, 0x0a, 0x05, 0x01, 0x03,
  0x00, 0x00, 0x0b,
]);

let trap: (() => never) | undefined;
let left = false;

/** Whether the guest was left by `leave`. */
export function hasLeft(): boolean {
  return left;
}

/** For the next guest. */
export function forgetLeaving(): void {
  left = false;
}

/**
 * Leaves the guest from within an import. A guest can catch an exception of JavaScript, but
 * not a trap.
 */
export function leave(): never {
  left = true;
  if (trap === undefined) {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(TRAP_MODULE));
    trap = instance.exports.trap as () => never;
  }
  trap();
  throw new Error("invariant: a trap does not return");
}

/** The engines' words for each trap, and ours. */
const WORDS: readonly [RegExp, string][] = [
  [/unreachable/i, "unreachable code was reached"],
  [/divi(de|sion) by zero/i, "division by zero"],
  [/integer overflow|unrepresentable/i, "a number does not fit its type"],
  [/(float|invalid conversion|truncat)/i, "a number does not fit its type"],
  [/maximum call stack|too much recursion|stack overflow/i, "the call stack overflowed"],
  [
    /table (index|access|entry)|undefined element|out of bounds table/i,
    "call of a table entry that is not there",
  ],
  [/signature|indirect call|null function/i, "indirect call of a function of another type"],
  [/memory|out of bounds|index out of/i, "memory access out of bounds"],
  [/null/i, "use of a null reference"],
];

/** Most frames that are told. */
const FRAMES_MAX = 20;

/** What an error out of a guest says; `undefined` when it is no trap of the guest's. */
export function explainTrap(error: unknown): Trap | undefined {
  const isTrap =
    error instanceof WebAssembly.RuntimeError ||
    error instanceof RangeError ||
    (error instanceof Error && error.name === "InternalError");
  if (
    !isTrap &&
    !(typeof WebAssembly.Exception === "function" && error instanceof WebAssembly.Exception)
  ) {
    return undefined;
  }
  const detail = error instanceof Error ? error.message : "an exception that nobody caught";
  const known = WORDS.find(([pattern]) => pattern.test(detail));
  const message = error instanceof Error ? (known?.[1] ?? detail) : detail;
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  return { message, detail, frames: places(stack).map(shown) };
}

/** A function as a line of a report. */
function shown({ index, offset, name }: TrapPlace): string {
  return `${name ?? `function ${index}`} at 0x${offset.toString(16)}`;
}

/** The guest's functions that an error passed through, innermost first. */
export function trapPlaces(error: unknown): TrapPlace[] {
  return error instanceof Error ? places(error.stack ?? "") : [];
}

/** The guest's functions of a stack, as the engines write it. */
function places(stack: string): TrapPlace[] {
  const found: TrapPlace[] = [];
  for (const line of stack.split("\n")) {
    // V8: `at name (wasm://wasm/hash:wasm-function[12]:0x34)`;
    // SpiderMonkey: `name@url:wasm-function[12]:0x34`.
    const place = /wasm-function\[(\d+)\]:(0x[0-9a-f]+)/.exec(line);
    if (place !== null) {
      const name = /^\s*at (.+) \(wasm:/.exec(line)?.[1] ?? /^([^@]+)@/.exec(line)?.[1];
      found.push({
        index: Number(place[1]),
        offset: Number(place[2]),
        name: name?.replace(/^(wasm-function\[\d+\]|\S+\.wasm)\.?/, "") || undefined,
      });
    }
    if (found.length >= FRAMES_MAX) {
      break;
    }
  }
  return found;
}
