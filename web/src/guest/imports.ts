// The imports of a guest: each system call encoded, carried and applied.

import { bind } from "../generated/p1.js";
import type { Encoder } from "./encoder.js";
import { ASKS_SOMETIMES, type LocalFunction } from "./local.js";
import { LEAVE } from "./reply.js";
import { leave } from "./trap.js";

/** Name of the module that guests import from. */
export const P1 = "wasi_snapshot_preview1";

type Parameter = number | bigint;
type Local = Readonly<Record<string, LocalFunction | undefined>>;
type Import = (...parameters: Parameter[]) => unknown;

/** Answers of a call: an errno, or that the guest is to be left. */
function settle(answer: number): number {
  if (answer === LEAVE) {
    leave();
  }
  return answer;
}

/** The functions, with those that are answered here put before those that ask. */
function withLocal(asking: Record<string, Import>, local: Local): Record<string, Import> {
  const imports = { ...asking };
  for (const [name, here] of Object.entries(local)) {
    const ask = asking[name];
    if (here !== undefined && ask !== undefined) {
      const answer = here as (...parameters: Parameter[]) => number | undefined;
      imports[name] = (a, b, c) =>
        answer(a as Parameter, b as Parameter, c as Parameter) ??
        ask(a as Parameter, b as Parameter, c as Parameter);
    }
  }
  return imports;
}

/** Imports whose calls are answered before they return. */
export function blockingImports(
  encoder: Encoder,
  call: (length: number) => number,
  local: Local,
): WebAssembly.ModuleImports {
  const asking = bind(encoder, () => settle(call(encoder.finish())));
  return withLocal(asking as unknown as Record<string, Import>, local) as WebAssembly.ModuleImports;
}

/** Imports that suspend the guest until their call is answered. */
export function suspendingImports(
  encoder: Encoder,
  call: (length: number) => Promise<number>,
  local: Local,
): WebAssembly.ModuleImports {
  const asking = bind(encoder, () => call(encoder.finish()).then(settle));
  const imports: WebAssembly.ModuleImports = {};
  // An answer that is no promise does not suspend.
  for (const [name, act] of Object.entries(
    withLocal(asking as unknown as Record<string, Import>, local),
  )) {
    // What can suspend costs more than a function, though it does not.
    const always = local[name] !== undefined && !ASKS_SOMETIMES.includes(name);
    imports[name] = (
      always ? (local[name] as unknown) : new WebAssembly.Suspending(act)
    ) as WebAssembly.ImportValue;
  }
  return imports;
}
