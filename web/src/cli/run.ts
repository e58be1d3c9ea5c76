// Carries out a plan: boots a system, gives the program what was granted, runs it, and tells
// the command line how it ended.

import { openSync, readFileSync, statSync } from "node:fs";
import { constants } from "node:os";
import type { HolmError } from "../errors.js";
import { FRAMES_MAX } from "../guest/trap.js";
import type { KernelLink } from "../kernel/link.js";
import { writeOut } from "../node/output.js";
import { type Compiled, checkEntry, compile } from "../program.js";
import type { CommandSpawn, GuestEnd, KernelEvent, Spawned } from "../protocol.js";
import type { CommandLine } from "./command-line.js";
import { systemError } from "./host.js";
import type { MountedSource, Plan, Problem } from "./plan.js";
import type { System } from "./system.js";

type KernelEnd = Extract<KernelEvent, { on: "ended" }>;

/** The signals that end the program before they end the command. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** The largest archive that is read. */
const ARCHIVE_BYTES_MAX = 4 * 2 ** 30;
/** What code is run, as `--stats` tells it. */
const CODE = "compiled by V8";
/** Exit code when something of Holm's own or of the host's failed. */
const FAILED = 1;

/** What keeps a program from being run. */
class ProblemError extends Error {
  readonly problem: Problem;
  readonly program: Uint8Array | undefined;

  constructor(problem: Problem, program?: Uint8Array) {
    super(problem.problem);
    this.problem = problem;
    this.program = program;
  }
}

/** Runs what was planned; answers the exit code. */
export async function run(plan: Plan, line: CommandLine, system: System): Promise<number> {
  try {
    const link = await system.boot(plan.seed === null ? undefined : BigInt(plan.seed));
    const [compiled, mounts] = await Promise.all([load(plan), mount(plan, link)]);
    const process = await start(plan, compiled, mounts, link, system);
    passSignals(process.pid, link);
    const ended = await process.ended;
    const kept = await keepDisks(plan, link);
    const code = finish(line, compiled, ended);
    return kept || code !== 0 ? code : FAILED;
  } catch (error) {
    if (error instanceof ProblemError) {
      return line.tell(error.problem, error.program);
    }
    const { message, help } = error as HolmError;
    return line.tell({ problem: "failed", message, help: help ?? null });
  }
}

/** Puts what the program has left on disks; false, having said why, when that cannot be done. */
async function keepDisks(plan: Plan, link: KernelLink): Promise<boolean> {
  const disks = plan.mounts.filter(({ source }) => source.kind === "disk");
  if (disks.length === 0) {
    return true;
  }
  try {
    await link.order({ do: "sync" });
    return true;
  } catch (error) {
    writeOut(2, Buffer.from(`holm: ${(error as Error).message}\n`));
    return false;
  }
}

/** A number of the plan as JavaScript has it; what is larger means no limit. */
function number(digits: string | null): number | null {
  return digits === null ? null : Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}

/** A program with its file's bytes. */
type Loaded = Compiled & { bytes: Uint8Array };

async function load(plan: Plan): Promise<Loaded> {
  const bytes = readFileSync(plan.program);
  try {
    const compiled = await compile(bytes, number(plan.limits.memory_bytes) ?? undefined);
    checkEntry(compiled, plan.invoke ?? undefined);
    return { ...compiled, bytes };
  } catch (error) {
    const { message, help } = error as HolmError;
    throw new ProblemError({ problem: "program", message, help: help ?? null }, bytes);
  }
}

type Mounts = CommandSpawn["mounts"];

/** Puts what the program is given into the system. */
async function mount(plan: Plan, link: KernelLink): Promise<Mounts> {
  const mounts: Mounts = [];
  for (const [at, { guest, source: from }] of plan.mounts.entries()) {
    const path = `/${at}`;
    try {
      const { source, bytes } = sourceOf(from);
      const more = bytes === undefined ? {} : { bytes };
      const told = mounted(link, at + 1);
      const answer = await link.order<{ begun?: boolean } | null>(
        { do: "mount", path, source, ticket: at + 1 },
        more,
      );
      if (answer?.begun === true) {
        await told;
      }
    } catch (error) {
      throw new ProblemError({ problem: "not-given", guest, message: (error as Error).message });
    }
    const access = from.kind === "archive" ? "ro" : from.kind === "temporary" ? "rw" : from.access;
    const source = from.kind === "temporary" ? "memory" : from.path;
    mounts.push({ path, guest, access, source });
  }
  return mounts;
}

/** A mounted source as the kernel knows it; see crates/host-web/src/control.rs. */
function sourceOf(from: MountedSource): { source: object; bytes?: Uint8Array } {
  switch (from.kind) {
    case "directory":
      return { source: { directory: { path: from.path, readOnly: from.access !== "rw" } } };
    case "temporary":
      return { source: { memory: { bytes: number(from.bytes) } } };
    case "archive":
      return { source: { archive: { name: from.path } }, bytes: archive(from.path) };
    case "disk": {
      const readOnly = from.access !== "rw";
      return { source: { disk: { file: from.path, name: from.path, size: 0, readOnly } } };
    }
  }
}

function archive(path: string): Uint8Array {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw new Error(`${path}: there is no such file`);
  }
  // Pipes and devices may never answer, or never end.
  if (!stat.isFile()) {
    throw new Error(`${path}: it is not a regular file`);
  }
  if (stat.size > ARCHIVE_BYTES_MAX) {
    throw new Error(
      `${path}: it is ${stat.size} bytes large; archives of up to ${ARCHIVE_BYTES_MAX} bytes can be mounted`,
    );
  }
  return readFileSync(path);
}

/** Waits for an archive to be open. */
function mounted(link: KernelLink, ticket: number): Promise<void> {
  return new Promise((resolve, reject) => {
    link.onEvent = (event) => {
      if (event.on === "mounted" && event.ticket === ticket) {
        event.error === null ? resolve() : reject(new Error(event.error));
      }
    };
  });
}

/** A program that runs. */
interface Running {
  pid: number;
  ended: Promise<{ kernel: KernelEnd; guest: GuestEnd }>;
}

async function start(
  plan: Plan,
  compiled: Loaded,
  mounts: Mounts,
  link: KernelLink,
  system: System,
): Promise<Running> {
  const { limits, streams, watch } = plan;
  const worker = await system.worker;
  const command: CommandSpawn = {
    mounts,
    coarseClock: plan.clock === "coarse",
    memoryBytes: number(limits.memory_bytes),
    cpuNs: number(limits.cpu_ns),
    wallNs: number(limits.wall_ns),
    descriptors: limits.descriptors,
    stats: watch.stats,
    startNs: Math.round(performance.now() * 1e6),
    code: CODE,
    learn: watch.learn !== null,
  };
  const standard = (open: boolean) => (open ? { standard: { escapes: streams.escapes } } : "null");
  let kernelEnded: (end: KernelEnd) => void = () => {};
  const kernelEnd = new Promise<KernelEnd>((resolve, reject) => {
    kernelEnded = resolve;
    link.onGone = reject;
  });
  link.onEvent = (event) => {
    if (event.on === "ended") {
      kernelEnded(event);
    }
  };
  const spawned = await spawn(link, worker.number, {
    do: "spawn",
    name: plan.name,
    arguments: plan.invoke === null ? plan.arguments : [],
    environment: Object.fromEntries(plan.environment),
    stdio: [standard(streams.stdin), standard(streams.stdout), standard(streams.stderr)],
    trace: watch.trace,
    ...(watch.trace === null ? {} : { traceTo: traceOutput(watch.trace_file) }),
    command,
  });
  const { module, memory, exports } = compiled;
  const { invoke } = plan;
  const parameters = exports?.get(invoke ?? "") ?? [];
  const guestEnd = worker
    .run({
      run: module,
      task: spawned.task,
      ...(memory === undefined ? {} : { memory }),
      ...(invoke === null
        ? {}
        : { invoke: { name: invoke, arguments: plan.arguments, parameters } }),
      ...(spawned.local === null ? {} : { local: { ...spawned.local, origin: link.origin } }),
    })
    .catch((error: HolmError): GuestEnd => {
      link.tell({ do: "end", task: spawned.task, how: "lost" });
      return { end: "failed", kind: "worker", message: error.message };
    });
  const ended = kernelEnd.then(async (kernel) => ({
    kernel,
    // One that computes on is not waited for.
    guest: kernel.computing ? ({ end: "left" } as const) : await guestEnd,
  }));
  return { pid: spawned.pid, ended };
}

async function spawn(link: KernelLink, worker: number, order: object): Promise<Spawned> {
  try {
    return await link.order<Spawned>(order, { worker });
  } catch (error) {
    const { message } = error as HolmError;
    throw new ProblemError({ problem: "spawn", message });
  }
}

/** The descriptor that a trace goes to. */
function traceOutput(file: string | null): number {
  if (file === null) {
    return 2;
  }
  try {
    return openSync(file, "w");
  } catch (error) {
    throw new ProblemError({ problem: "trace", path: file, ...systemError(error) });
  }
}

/**
 * Signals to the command end the program, so that what is to be said of it can still be said;
 * the same signal a second time ends the command as well.
 */
function passSignals(pid: number, link: KernelLink): void {
  for (const signal of SIGNALS) {
    process.once(signal, () => {
      link.tell({ do: "kill", pid, signal: constants.signals[signal] });
    });
  }
}

/** Tells the command line how the program ended. */
function finish(
  line: CommandLine,
  program: Loaded,
  { kernel, guest }: { kernel: KernelEnd; guest: GuestEnd },
): number {
  if (guest.end === "failed") {
    return line.tell({ problem: "program", message: guest.message, help: null }, program.bytes);
  }
  const { note = null, refusals = [], stats = [], learned = null } = kernel.report ?? {};
  const ended = {
    exit_code: kernel.code,
    trap: null,
    results: guest.end === "returned" ? guest.results : [],
    note,
    refusals,
    stats,
    learned,
  };
  if (guest.end !== "trapped") {
    return line.finish({ ended, trap: null });
  }
  const moved = program.moved ?? 0;
  const frames = guest.places.map(({ index, offset, name }) => ({
    index,
    offset: offset - moved,
    name: name ?? null,
  }));
  const { kind = null, during } = guest;
  const trap = { kind, detail: guest.trap.detail, during, frames, kept: FRAMES_MAX };
  return line.finish({ ended, trap }, program.bytes);
}
