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

/** Kinds of traps, with the words of every host: those of crates/diagnose/src/trap.rs. */
const SUMMARIES = {
  unreachable: "stopped itself (it executed `unreachable`)",
  division_by_zero: "divided an integer by zero",
  integer_overflow:
    "computed an integer that does not fit (the smallest integer divided by -1, or too large a number converted)",
  stack_overflow: "ran out of stack",
  table_out_of_bounds: "used a table entry that does not exist",
  call_to_null: "called a null function pointer",
  call_type_mismatch: "called a function pointer as if it had another type",
  misaligned_atomic: "used an atomic operation on an address that is not aligned",
  array_out_of_bounds: "used an array element that does not exist",
  allocation_too_large: "allocated something larger than can be",
  cast_failure: "cast a reference to a type that it does not have",
  null_reference: "used a null reference",
  memory_out_of_bounds: "accessed memory that it does not have",
  uncaught_exception: "threw an exception that nothing caught",
} as const;

type TrapKind = keyof typeof SUMMARIES;

/** The engines' words for each kind. */
const WORDS: readonly [RegExp, TrapKind][] = [
  [/unreachable/i, "unreachable"],
  [/(divi(de|sion)|remainder) by zero/i, "division_by_zero"],
  [/integer overflow|unrepresentable|invalid conversion|truncat/i, "integer_overflow"],
  [/maximum call stack|too much recursion|stack overflow/i, "stack_overflow"],
  [/table (index|access|entry)|undefined element|out of bounds table/i, "table_out_of_bounds"],
  [/indirect call to null/i, "call_to_null"],
  // V8 has one message for both.
  [/signature|indirect call|null function/i, "call_type_mismatch"],
  [/unaligned/i, "misaligned_atomic"],
  [/array element|array index/i, "array_out_of_bounds"],
  [/array is too large|too many array/i, "allocation_too_large"],
  [/illegal cast|bad cast/i, "cast_failure"],
  [/null/i, "null_reference"],
  [/memory|out of bounds|index out of/i, "memory_out_of_bounds"],
];

/** Most frames that are told; the engine is asked for more, to know whether there are. */
export const FRAMES_MAX = 20;
/** Lines of a stack that the engine keeps: the guest's, and those of our own around it. */
export const STACK_LINES = FRAMES_MAX + 30;

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
  const kind = kindOf(error);
  return {
    message: kind === undefined ? detail : SUMMARIES[kind],
    detail,
    frames: trapPlaces(error).slice(0, FRAMES_MAX).map(shown),
  };
}

/** The kind of a trap, when the engine's words for it are known. */
export function kindOf(error: unknown): TrapKind | undefined {
  return error instanceof Error
    ? WORDS.find(([pattern]) => pattern.test(error.message))?.[1]
    : "uncaught_exception";
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
    if (found.length > FRAMES_MAX) {
      break;
    }
  }
  return found;
}
