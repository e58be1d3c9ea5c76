// Runs a pipeline: commands side by side, with their streams joined, in the foreground.

import type { Exit, Process, SpawnOptions, Terminal } from "@holm/web";
import { textOf } from "./expand.js";
import { explained } from "./grants.js";
import { UsageProblem } from "./options.js";
import { resolvePath } from "./paths.js";
import { problemLines, reportOf } from "./report.js";
import { rerunLine } from "./rerun.js";
import type { Foreground, Session } from "./session.js";
import { NotFound, type Stage, stageOf } from "./stages.js";
import {
  BrokenPipe,
  fileSink,
  pipe,
  pump,
  type Sink,
  type Source,
  screenSink,
  sourceOf,
  writeText,
} from "./streams.js";
import type { Command, Pipeline } from "./syntax.js";
import { printable, wrapped } from "./width.js";

/** The streams of one command; absent ones are the terminal. */
interface Streams {
  input?: Source;
  output?: Sink;
  errors?: Sink;
}

type ProgramStage = Extract<Stage, { kind: "program" }>;

const encoder = new TextEncoder();
/** How long drawing may go on after a program has ended, before the prompt comes back. */
const DRAIN_MOST_MS = 2_000;

/** One pipeline on its way. */
export class Job implements Foreground {
  readonly #session: Session;
  readonly #line: string;
  readonly #pipeline: Pipeline;
  readonly #stop = new AbortController();
  readonly #detached = new Set<Process>();
  readonly #screen: Sink;
  #terminal: Promise<Terminal> | undefined;
  #drawn: Promise<void> = Promise.resolve();
  /** How programs ended, in words, for when everything that they wrote is drawn. */
  readonly #notes: string[] = [];
  #offers: { command: Command; remedies: string[] }[] = [];
  terminal: Terminal | undefined;

  constructor(session: Session, line: string, pipeline: Pipeline) {
    this.#pipeline = pipeline;
    this.#session = session;
    this.#line = line;
    this.#screen = screenSink((text) => session.screen.draw(text));
  }

  get interrupted(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Ends what Ctrl-C does not reach by way of the terminal. */
  interrupt(): void {
    this.#stop.abort();
    for (const process of this.#detached) process.kill("SIGINT");
  }

  /** Runs to the end, and answers with the exit code of the last command. */
  async run(): Promise<number> {
    const { commands } = this.#pipeline;
    const running = commands.map((command) => ({ command, streams: {} as Streams }));
    try {
      const stages: Stage[] = [];
      for (const command of commands) stages.push(await stageOf(command, this.#session));
      for (const [at, { streams }] of running.entries()) {
        const next = running[at + 1];
        if (!next) break;
        const { sink, source } = pipe();
        streams.output = sink;
        next.streams.input = source;
      }
      for (const { command, streams } of running) await this.#redirect(command, streams);
      const codes = await Promise.all(
        running.map(({ command, streams }, at) =>
          this.#guarded(stages[at] ?? { kind: "nothing" }, command, streams),
        ),
      );
      return codes.at(-1) ?? 0;
    } catch (error) {
      return await this.#complain(error);
    } finally {
      await this.#finish();
    }
  }

  /** The line that would run the job again with what it was refused. */
  offer(): string | undefined {
    const [first] = this.#offers;
    if (!first) return undefined;
    return rerunLine(this.#line, this.#pipeline.commands, first.command, first.remedies);
  }

  async #redirect(command: Command, streams: Streams): Promise<void> {
    const { files } = this.#session.holm;
    for (const { stream, kind, target } of command.redirects) {
      if (!target) {
        streams.errors = streams.output;
        continue;
      }
      const name = textOf(target, this.#session.surroundings);
      const path = resolvePath(this.#session.directory, name);
      if (name === "") throw new UsageProblem("a redirection wants the name of a file");
      if (kind === "read") {
        streams.input = sourceOf(await files.read(path));
        continue;
      }
      const earlier =
        kind === "append" && (await this.#session.isFile(path))
          ? await files.read(path)
          : undefined;
      if (path === "/dev/null") {
        streams[stream === 2 ? "errors" : "output"] = nowhere;
        continue;
      }
      // Made at once, so that a refusal comes before the program runs.
      if (!earlier) await files.write(path, new Uint8Array());
      const sink = fileSink((data) => files.write(path, data), earlier);
      if (stream === 2) streams.errors = sink;
      else streams.output = sink;
    }
  }

  /** Runs a stage, says what went wrong, and closes what it wrote to. */
  async #guarded(stage: Stage, command: Command, streams: Streams): Promise<number> {
    try {
      if (stage.kind === "builtin") return await this.#builtin(stage, streams);
      if (stage.kind === "program") return await this.#program(stage, command, streams);
      return 0;
    } catch (error) {
      if (error instanceof BrokenPipe) return 141;
      return await this.#complain(error, stage.kind === "builtin" ? stage.name : undefined);
    } finally {
      await streams.input?.cancel().catch(() => undefined);
      for (const sink of new Set([streams.output, streams.errors])) {
        await sink?.close().catch((error: unknown) => this.#complain(error));
      }
    }
  }

  #builtin(stage: Extract<Stage, { kind: "builtin" }>, streams: Streams): Promise<number> {
    const output = streams.output ?? this.#screen;
    return stage.run({
      session: this.#session,
      args: stage.args,
      input: streams.input,
      output,
      toScreen: streams.output === undefined,
      print: (text) => writeText(output, `${text}\n`),
      signal: this.#stop.signal,
    });
  }

  async #program(stage: ProgramStage, command: Command, streams: Streams): Promise<number> {
    const session = this.#session;
    const attached = !(streams.input && streams.output && streams.errors);
    // Before the program is read: what is typed meanwhile is for it.
    const terminal = attached ? await this.#openTerminal() : undefined;
    const module = await session.module(stage.path);
    const { trace } = session.page;
    const traced = stage.options.trace || trace.wanted !== "off";
    if (trace.wanted === "next") trace.wanted = "off";
    const options: SpawnOptions = {
      name: stage.name,
      args: stage.args,
      env: stage.env,
      grants: stage.grants,
      stdin: streams.input || !terminal ? "pipe" : terminal,
      stdout: streams.output || !terminal ? "pipe" : terminal,
      stderr: streams.errors || !terminal ? "pipe" : terminal,
    };
    if (stage.options.invoke !== undefined) options.invoke = stage.options.invoke;
    if (traced) options.trace = "text";
    const process = await session.holm.spawn(module, options);
    session.processes.set(process.pid, process);
    if (!terminal) this.#detached.add(process);
    if (this.interrupted) process.kill("SIGINT");
    if (traced) trace.follow(process);
    const exit = await this.#ended(process, streams);
    session.processes.delete(process.pid);
    this.#detached.delete(process);
    await this.#note(exit, stage, command, streams);
    return exit.code;
  }

  async #ended(process: Process, streams: Streams): Promise<Exit> {
    const over = new AbortController();
    const moved: Promise<void>[] = [];
    if (streams.input) {
      streams.input.pipeTo(process.stdin, { signal: over.signal }).catch(() => undefined);
    }
    if (streams.output) moved.push(pump(process.stdout, streams.output));
    if (streams.errors) moved.push(pump(process.stderr, streams.errors));
    const settled = Promise.all(moved);
    settled.catch(() => process.kill());
    const exit = await process.exited;
    // Whoever still writes to the program finds the pipe broken.
    over.abort();
    await settled;
    return exit;
  }

  async #note(exit: Exit, stage: ProgramStage, command: Command, streams: Streams): Promise<void> {
    for (const result of exit.results) {
      if (streams.output) await writeText(streams.output, `${result}\n`);
      else this.#notes.push(printable(result));
    }
    const { directory, isDirectory } = this.#session;
    const { sentences, remedies } = await explained(exit.refusals, directory, isDirectory);
    this.#notes.push(...reportOf({ ...exit, refusals: sentences }, stage.options));
    if (remedies.length > 0 && !stage.options.quiet) this.#offers.push({ command, remedies });
  }

  /** Writes lines of the shell's own, between what programs write. */
  async #say(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    const { screen } = this.#session;
    const fresh = screen.column > 0 ? "\n" : "";
    await this.#screen.write(
      encoder.encode(`${fresh}${wrapped(lines.join("\n"), screen.columns, "  ")}\n`),
    );
  }

  /** The terminal of this job's programs; what it says is drawn as fast as the screen takes it. */
  #openTerminal(): Promise<Terminal> {
    this.#terminal ??= (async () => {
      const { screen, holm } = this.#session;
      const terminal = await holm.terminal(screen.columns, screen.rows);
      this.terminal = terminal;
      this.#drawn = (async () => {
        const reader = terminal.output.getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return;
          await screen.draw(value);
        }
      })().catch(() => undefined);
      return terminal;
    })();
    return this.#terminal;
  }

  /** Waits until all that programs wrote is drawn, then says how they ended. */
  async #finish(): Promise<void> {
    if (this.terminal) await this.#closeTerminal(this.terminal);
    await this.#say(this.#notes);
  }

  async #closeTerminal(terminal: Terminal): Promise<void> {
    this.terminal = undefined;
    terminal.close();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, DRAIN_MOST_MS);
    });
    await Promise.race([this.#drawn, late]);
    clearTimeout(timer);
    await this.#session.screen.draw("");
  }

  async #complain(error: unknown, name?: string): Promise<number> {
    if (error instanceof DOMException && error.name === "AbortError") return 130;
    const lines = problemLines(error);
    const [first = "", ...rest] = lines;
    const text = [
      `\u001b[31m${name ?? "holm"}:\u001b[0m ${first}`,
      ...rest.map((line) => `holm: ${line}`),
    ];
    await this.#say(text);
    if (error instanceof NotFound) return 127;
    return error instanceof UsageProblem ? 2 : 1;
  }
}

const nowhere: Sink = {
  write: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
