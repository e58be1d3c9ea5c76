// Entering a guest: its start, or one of its exports.

/** An export to call, with its arguments as text and the types it takes. */
export interface Invocation {
  name: string;
  arguments: string[];
  /** `i32`, `i64`, `f32` or `f64` for each parameter. */
  parameters: string[];
}

/** Names that the standard gives: a command's entry, a reactor's, and ours for a start section. */
const START = "_start";
const INITIALIZE = "_initialize";
export const RENAMED_START = "holm:start";

/** Calls a function of a guest, and settles when it has returned. */
export type Enter = (entry: (...values: never[]) => unknown, ...values: unknown[]) => unknown;

/** Why a guest cannot be entered. */
export class EntryError extends Error {}

/** What a guest does: its own start, its initialisation, or what it is run for. */
export type During = "instantiation" | "initialisation" | "entry";

/** Runs a guest; answers what an invoked function returned, as text. */
export async function invoke(
  instance: WebAssembly.Instance,
  invocation: Invocation | undefined,
  enter: Enter,
  begins: (during: During) => void = () => {},
): Promise<string[]> {
  const find = (name: string) => {
    const found = instance.exports[name];
    return typeof found === "function" ? (found as (...values: unknown[]) => unknown) : undefined;
  };
  const started = find(RENAMED_START);
  if (started !== undefined) {
    await enter(started);
  }
  begins("entry");
  if (invocation === undefined) {
    const start = find(START);
    if (start !== undefined) {
      await enter(start);
      return [];
    }
    const initialize = find(INITIALIZE);
    if (initialize === undefined) {
      throw new EntryError(
        "it has no _start: it is a library, not a command; name an export to call (invoke)",
      );
    }
    begins("initialisation");
    await enter(initialize);
    return [];
  }
  const initialize = find(INITIALIZE);
  if (initialize !== undefined) {
    begins("initialisation");
    await enter(initialize);
    begins("entry");
  }
  const target = find(invocation.name);
  if (target === undefined) {
    const names = Object.keys(instance.exports).filter((name) => find(name) !== undefined);
    throw new EntryError(
      `it has no function ${invocation.name}; its functions: ${names.slice(0, 20).join(", ") || "none"}`,
    );
  }
  const values = invocation.parameters.map((type, at) =>
    value(type, invocation.arguments[at], at, invocation.name),
  );
  if (invocation.arguments.length > values.length) {
    throw new EntryError(
      `${invocation.name} takes ${values.length} arguments, and ${invocation.arguments.length} were given`,
    );
  }
  const result = await enter(target, ...values);
  const results = Array.isArray(result) ? result : result === undefined ? [] : [result];
  return results.map(String);
}

/** Reads an argument by the type of its parameter. */
function value(type: string, text: string | undefined, at: number, name: string): number | bigint {
  if (text === undefined) {
    throw new EntryError(`${name} takes a ${type} as argument ${at + 1}, and none was given`);
  }
  try {
    if (type === "i64") {
      return BigInt.asIntN(64, BigInt(text));
    }
    const number = Number(text);
    const whole = Number.isInteger(number) && number >= -(2 ** 31) && number < 2 ** 32;
    if (text.trim() !== "" && (type === "i32" ? whole : !Number.isNaN(number) || text === "nan")) {
      return number;
    }
  } catch {
    // Told below.
  }
  throw new EntryError(`argument ${at + 1} of ${name}: ${JSON.stringify(text)} is no ${type}`);
}
