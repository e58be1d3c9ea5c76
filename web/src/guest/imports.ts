// The imports of a guest: each system call encoded, carried and applied.

import { encoders, FUNCTIONS, SIGNATURES } from "../generated/p1.js";
import type { Encoder } from "./encoder.js";
import { LEAVE } from "./reply.js";
import { leave } from "./trap.js";

/** Name of the module that guests import from. */
export const P1 = "wasi_snapshot_preview1";

type Parameter = number | bigint;
type Encode = (encoder: Encoder, ...parameters: Parameter[]) => void;
type Local = Readonly<Record<string, ((...parameters: never[]) => number | undefined) | undefined>>;

/** Answers of a call: an errno, or that the guest is to be left. */
function settle(answer: number): number {
  if (answer === LEAVE) {
    leave();
  }
  return answer;
}

/** Imports whose calls are answered before they return; `aim` says where a request goes. */
export function blockingImports(
  encoder: Encoder,
  call: (length: number) => number,
  local: Local,
  aim: () => void = () => {},
): WebAssembly.ModuleImports {
  const imports: WebAssembly.ModuleImports = {};
  for (const name of FUNCTIONS) {
    const encode = encoders[name as keyof typeof encoders] as Encode;
    const here = local[name] as ((...parameters: Parameter[]) => number | undefined) | undefined;
    imports[name] = specialised(SIGNATURES[name]?.length ?? 0, (...parameters) => {
      if (here !== undefined) {
        const answer = here(...parameters);
        if (answer !== undefined) {
          return answer;
        }
      }
      aim();
      encode(encoder, ...parameters);
      return settle(call(encoder.finish()));
    });
  }
  return imports;
}

/** Imports that suspend the guest until their call is answered. */
export function suspendingImports(
  encoder: Encoder,
  call: (length: number) => Promise<number>,
  local: Local,
): WebAssembly.ModuleImports {
  const imports: WebAssembly.ModuleImports = {};
  for (const name of FUNCTIONS) {
    const here = local[name] as ((...parameters: Parameter[]) => number | undefined) | undefined;
    const encode = encoders[name as keyof typeof encoders] as Encode;
    const ask = async (parameters: Parameter[]) => {
      encode(encoder, ...parameters);
      return settle(await call(encoder.finish()));
    };
    // An answer that is no promise does not suspend.
    imports[name] = new WebAssembly.Suspending(
      (...parameters: Parameter[]) => here?.(...parameters) ?? ask(parameters),
    ) as unknown as WebAssembly.ImportValue;
  }
  return imports;
}

/** A function with a fixed number of parameters: engines call it faster than one with any. */
function specialised(
  count: number,
  act: (...parameters: Parameter[]) => number,
): (...parameters: Parameter[]) => number {
  switch (count) {
    case 0:
      return () => act();
    case 1:
      return (a) => act(a as Parameter);
    case 2:
      return (a, b) => act(a as Parameter, b as Parameter);
    case 3:
      return (a, b, c) => act(a as Parameter, b as Parameter, c as Parameter);
    case 4:
      return (a, b, c, d) => act(a as Parameter, b as Parameter, c as Parameter, d as Parameter);
    default:
      return act;
  }
}
