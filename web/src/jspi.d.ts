// JavaScript Promise Integration, which TypeScript's libraries do not describe yet.

declare namespace WebAssembly {
  class Suspending {
    constructor(call: (...parameters: never[]) => unknown);
  }
  function promising(
    call: (...parameters: never[]) => unknown,
  ): (...parameters: unknown[]) => Promise<unknown>;
}
