// The commands of the shell itself, and what each is given.

import { fileBuiltins } from "./builtins/files.js";
import { grantBuiltins } from "./builtins/grants.js";
import { helpBuiltins } from "./builtins/help.js";
import { openBuiltins } from "./builtins/open.js";
import { stateBuiltins } from "./builtins/state.js";
import { systemBuiltins } from "./builtins/system.js";
import type { Session } from "./session.js";
import type { Sink, Source } from "./streams.js";

/** What a builtin works with. */
export interface Context {
  session: Session;
  args: string[];
  input: Source | undefined;
  output: Sink;
  /** Whether the output is the screen: columns and colours fit. */
  toScreen: boolean;
  /** Writes a line. */
  print(text: string): Promise<void>;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}

/** A command of the shell. */
export interface Builtin {
  usage: string;
  summary: string;
  /** Whether a program of the same name comes first. */
  standsIn?: boolean;
  run(context: Context): Promise<number>;
}

export const builtins: Readonly<Record<string, Builtin>> = Object.assign(
  Object.create(null) as Record<string, Builtin>,
  fileBuiltins,
  grantBuiltins,
  helpBuiltins,
  openBuiltins,
  stateBuiltins,
  systemBuiltins,
);

/** Whether a program of this name comes before the builtin. */
export function isShadowed(name: string): boolean {
  return builtins[name]?.standsIn === true;
}
