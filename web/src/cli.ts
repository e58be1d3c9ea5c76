#!/usr/bin/env node
// The `holm` command in Node: the command line of the native one, with the kernel as wasm.
//
// Nothing is parsed here. The command line is a wasm module of its own, which reads the
// arguments, asks what there is to ask, and says everything that is said; this script is its
// hands, and runs the program that it decides on.

import { setFlagsFromString } from "node:v8";
import { CommandLine } from "./cli/command-line.js";
import { System } from "./cli/system.js";

// Node 20 compiles all of a module before any of it runs; later ones do this by themselves.
setFlagsFromString("--wasm-lazy-compilation");
const programArguments = process.argv.slice(2);
// The system starts meanwhile, where it looks as if one will be needed.
const early = programArguments[0] === "run" ? new System() : undefined;
const line = CommandLine.load();
const step = line.start(["holm", ...programArguments]);
if ("done" in step) {
  process.exit(step.done);
}
const { run } = await import("./cli/run.js");
process.exit(await run(step.run, line, early ?? new System()));
