// The shell: reads lines, runs them, and decides who gets the keys.

import { builtins } from "./builtins.js";
import { complete, programsIn } from "./complete.js";
import { Editor } from "./editor.js";
import { Job } from "./jobs.js";
import { OPTIONS } from "./options.js";
import { resolvePath, shortened } from "./paths.js";
import type { Session } from "./session.js";
import { type Pipeline, parse, SyntaxProblem } from "./syntax.js";
import { printable, textWidth, wrapped } from "./width.js";

const PLAIN = "\u001b[0m";
const DIM = "\u001b[90m";

/** The shell of one terminal. */
export class Shell {
  readonly #session: Session;
  readonly #editor: Editor;
  #job: Job | undefined;
  /** Keys that came while nobody could take them: the next prompt or program gets them. */
  #ahead = "";

  constructor(session: Session) {
    this.#session = session;
    this.#editor = new Editor(session.screen, {
      history: session.history,
      complete: (before) => this.#complete(before),
      isWhole,
    });
  }

  /** Reads and runs lines for as long as the page lives. */
  async run(): Promise<never> {
    for (;;) {
      const line = this.#session.queue.shift() ?? (await this.#prompt());
      if (line !== undefined && line.trim() !== "") await this.execute(line);
    }
  }

  /** Runs a line to its end. */
  async execute(line: string): Promise<void> {
    let pipelines: Pipeline[];
    try {
      pipelines = parse(line);
    } catch (error) {
      const message = error instanceof SyntaxProblem ? error.message : String(error);
      const text = wrapped(
        `\u001b[31mholm:${PLAIN} ${printable(message)}`,
        this.#session.screen.columns,
        "  ",
      );
      await this.#session.screen.draw(`${text.replaceAll("\n", "\r\n")}\r\n`);
      this.#session.status = 2;
      return;
    }
    for (const pipeline of pipelines) {
      if (pipeline.when === "success" && this.#session.status !== 0) continue;
      if (pipeline.when === "failure" && this.#session.status === 0) continue;
      const job = new Job(this.#session, line, pipeline);
      this.#job = job;
      this.#session.status = await job.run();
      this.#job = undefined;
      this.#session.offer = job.offer();
      this.#session.page.filesChanged();
      // Ctrl-C ends the line, not one command of it.
      if (job.interrupted) break;
    }
  }

  /** Takes keys: for the program in front, or for the line. */
  input(data: string): void {
    if (this.#editor.active) {
      this.#editor.input(data);
      return;
    }
    const job = this.#job;
    if (job && data.includes("\u0003")) job.interrupt();
    if (job?.terminal) job.terminal.input(data);
    else if (data !== "\u0003") this.#ahead = (this.#ahead + data).slice(-4_096);
    else if (job) this.#session.screen.write("^C\r\n");
  }

  resize(columns: number, rows: number): void {
    this.#job?.terminal?.resize(columns, rows);
    this.#editor.redraw();
  }

  /** Runs a line as if it were typed, when the prompt is there. Says whether it was. */
  submit(line: string): boolean {
    if (!this.#editor.active) return false;
    this.#editor.fill(line, true);
    return true;
  }

  /** Writes something above the prompt. */
  notice(text: string): void {
    this.#editor.above(text);
  }

  async #prompt(): Promise<string | undefined> {
    const session = this.#session;
    if (session.screen.column > 0) session.screen.write("\r\n");
    const place = printable(shortened(session.directory, session.variable("HOME") ?? ""));
    const failed = session.status !== 0;
    const code = failed ? `${session.status} ` : "";
    const drawn =
      `${failed ? `\u001b[31m${code}${PLAIN}` : ""}\u001b[36m${place}${PLAIN} ` +
      `${failed ? "\u001b[31m" : "\u001b[32m"}$${PLAIN} `;
    const { offer } = session;
    if (offer !== undefined) {
      const hint = wrapped(
        "Press Tab or → to take the line below, which grants it, then Enter.",
        session.screen.columns,
      );
      session.screen.write(`${DIM}${hint.replaceAll("\n", "\r\n")}${PLAIN}\r\n`);
    }
    const reading = this.#editor.read({ drawn, width: textWidth(`${code}${place} $ `) }, offer);
    const ahead = this.#ahead;
    this.#ahead = "";
    if (ahead !== "") this.#editor.input(ahead);
    const entered = await reading;
    session.offer = undefined;
    if (entered.kind === "line") return entered.text;
    session.status = entered.kind === "interrupted" ? 130 : 0;
    return entered.kind === "end" ? "exit" : undefined;
  }

  #complete(before: string): ReturnType<typeof complete> {
    const session = this.#session;
    return complete(before, {
      ...session.surroundings,
      options: Object.keys(OPTIONS),
      variables: () => session.variableNames,
      commands: async () => {
        const directories = session.path.map((each) => resolvePath(session.directory, each));
        const found = await Promise.all(
          directories.map((each) => programsIn(session.holm.files, each)),
        );
        return [...Object.keys(builtins), "holm", ...found.flat()];
      },
    });
  }
}

function isWhole(text: string): boolean {
  try {
    parse(text);
    return true;
  } catch (error) {
    return !(error instanceof SyntaxProblem && error.incomplete);
  }
}
