// The command line's wasm module, and what it asks of this machine.

import { readFileSync } from "node:fs";
import { writeOut } from "../node/output.js";
import { answer, type Question, systemError } from "./host.js";
import type { Caught, Ended, Plan, Problem } from "./plan.js";

interface Exports {
  memory: WebAssembly.Memory;
  holm_input(length: number): number;
  holm_output(): number;
  holm_start(length: number): void;
  holm_finish(length: number): number;
  holm_tell(length: number): number;
}

/** What is to be done after the arguments were read. */
export type Step = { done: number } | { run: Plan };

/** The command line. */
export class CommandLine {
  readonly #exports: Exports;

  private constructor(module: WebAssembly.Module) {
    const bytes = (at: number, length: number) =>
      new Uint8Array(this.#exports.memory.buffer, at, length);
    const text = (at: number, length: number) => Buffer.from(bytes(at, length)).toString();
    const instance = new WebAssembly.Instance(module, {
      host: {
        say: (output: number, at: number, length: number) => writeOut(output, bytes(at, length)),
        ask: (question: number, length: number, at: number, count: number) => {
          const asked = JSON.parse(text(question, length)) as Question;
          try {
            return this.#put(answer(asked, bytes(at, count)));
          } catch (error) {
            return -this.#put(JSON.stringify(systemError(error)));
          }
        },
        panicked: (at: number, length: number) => {
          writeOut(2, Buffer.from(`holm: error: ${text(at, length)}\n`));
        },
      },
    });
    this.#exports = instance.exports as unknown as Exports;
  }

  /** Loads the module, which lies beside this script. */
  static load(): CommandLine {
    const file = readFileSync(new URL("./holm-node.wasm", import.meta.url));
    return new CommandLine(new WebAssembly.Module(file));
  }

  /** Puts something where the module looks for it. */
  #put(...parts: (string | Uint8Array)[]): number {
    const whole = Buffer.concat(parts.map((part) => Buffer.from(part as never)));
    const at = this.#exports.holm_input(whole.length);
    new Uint8Array(this.#exports.memory.buffer, at, whole.length).set(whole);
    return whole.length;
  }

  /** Reads the arguments, the command's own name first. */
  start(programArguments: string[]): Step {
    this.#exports.holm_start(this.#put(JSON.stringify(programArguments)));
    const { buffer } = this.#exports.memory;
    const [at, length] = new Uint32Array(buffer, this.#exports.holm_output(), 2);
    return JSON.parse(Buffer.from(buffer, at, length).toString()) as Step;
  }

  /** Says what there is to be said at the end; answers the exit code. */
  finish(
    told: { ended: Ended; trap: Caught | null },
    program: Uint8Array = new Uint8Array(0),
  ): number {
    const text = Buffer.from(JSON.stringify(told));
    this.#put(text, program);
    return this.#exports.holm_finish(text.length);
  }

  /** Says why the program was not run; answers the exit code. */
  tell(problem: Problem, program: Uint8Array = new Uint8Array(0)): number {
    const text = Buffer.from(JSON.stringify(problem));
    this.#put(text, program);
    return this.#exports.holm_tell(text.length);
  }
}
