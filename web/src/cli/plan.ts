// A run as the command line decided on it; see crates/command-line/src/plan.rs. Numbers of 64
// bits are decimal digits.

/** A run. */
export interface Plan {
  program: string;
  name: string;
  arguments: string[];
  invoke: string | null;
  environment: [string, string][];
  mounts: { guest: string; source: MountedSource }[];
  listeners: string[];
  clock: "fine" | "coarse";
  seed: string | null;
  limits: {
    memory_bytes: string | null;
    cpu_ns: string | null;
    wall_ns: string | null;
    descriptors: number | null;
  };
  streams: { stdin: boolean; stdout: boolean; stderr: boolean; escapes: boolean };
  watch: {
    trace: "text" | "json" | null;
    trace_file: string | null;
    stats: boolean;
    learn: string | null;
    core_dump: string | null;
    quiet: boolean;
  };
}

/** What a mount shows. */
export type MountedSource =
  | { kind: "directory"; path: string; access: "ro" | "rw" | "cow" }
  | { kind: "archive"; path: string }
  | { kind: "disk"; path: string; access: "ro" | "rw" | "cow" }
  | { kind: "temporary"; bytes: string };

/** What the command line is told at the end. */
export interface Ended {
  exit_code: number;
  trap: string | null;
  results: string[];
  note: string | null;
  refusals: string[];
  stats: string[];
  learned: object | null;
}

/** A trap, as the engine tells it; see crates/host-node/src/trap.rs. */
export interface Caught {
  kind: string | null;
  detail: string;
  during: "instantiation" | "initialisation" | "entry";
  /** Innermost first, one more than are shown when there are. */
  frames: { index: number; offset: number; name: string | null }[];
  /** How many are shown. */
  kept: number;
}

/** What kept a program from being run; see crates/host-node/src/problem.rs. */
export type Problem =
  | { problem: "spawn"; message: string }
  | { problem: "not-given"; guest: string; message: string }
  | { problem: "trace"; path: string; name: string; number: number }
  | { problem: "program"; message: string; help: string | null }
  | { problem: "failed"; message: string; help: string | null };
