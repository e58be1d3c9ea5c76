// What the shell knows between lines, and what the page gives it.

import type { Holm, Process, Terminal } from "@holm/web";
import type { Screen } from "./editor.js";
import type { Surroundings } from "./expand.js";
import { GrantBook } from "./grants.js";
import type { History } from "./history.js";

/** The places of the page that the shell reaches. */
export interface Page {
  /** Shows a panel. */
  showPanel(name: string): boolean;
  /** Shows a file in the Files panel. */
  showFile(path: string): Promise<void>;
  /** Tells the panels that files changed. */
  filesChanged(): void;
  /** The programs that come with the page; settles when they can be run. */
  programsReady: Promise<void>;
  trace: TraceSwitch;
}

/** Whether the next programs are traced, and where their lines go. */
export interface TraceSwitch {
  wanted: "off" | "next" | "on";
  follow(process: Process): void;
}

/** The screen, drawn by bytes too. */
export interface TerminalScreen extends Screen {
  /** Where the cursor stands, from 0. */
  readonly column: number;
  /** Settles when it is drawn: programs are slowed down to that. */
  draw(data: string | Uint8Array): Promise<void>;
}

export const HOME = "/home";

/** What the shell keeps between lines. */
export class Session {
  readonly holm: Holm;
  readonly screen: TerminalScreen;
  readonly page: Page;
  readonly history: History;
  readonly grants = new GrantBook();
  readonly exported = new Set(["TERM"]);
  /** Every process that was started here, by its number. */
  readonly processes = new Map<number, Process>();
  directory = HOME;
  previous = HOME;
  status = 0;
  /** Lines to be run next, as if they were typed. */
  readonly queue: string[] = [];
  /** A line that is offered at the next prompt. */
  offer: string | undefined;
  readonly #variables = new Map([
    ["HOME", HOME],
    ["PATH", "/bin:/home:."],
    ["TERM", "xterm-256color"],
    ["USER", "you"],
  ]);
  readonly #compiled = new Map<string, Promise<WebAssembly.Module>>();

  constructor(holm: Holm, screen: TerminalScreen, page: Page, history: History) {
    this.holm = holm;
    this.history = history;
    this.screen = screen;
    this.page = page;
  }

  variable = (name: string): string | undefined => {
    if (name === "?") return String(this.status);
    if (name === "PWD") return this.directory;
    return this.#variables.get(name);
  };

  setVariable(name: string, value: string): void {
    this.#variables.set(name, value);
  }

  unsetVariable(name: string): void {
    this.#variables.delete(name);
    this.exported.delete(name);
  }

  get variableNames(): string[] {
    return ["PWD", ...this.#variables.keys()].sort();
  }

  /** The environment that programs get: what was exported, and nothing else. */
  get environment(): Record<string, string> {
    const names = [...this.exported].filter((name) => this.variable(name) !== undefined).sort();
    return Object.fromEntries(names.map((name) => [name, this.variable(name) ?? ""]));
  }

  get path(): string[] {
    return (this.variable("PATH") ?? "").split(":").filter((each) => each !== "");
  }

  get surroundings(): Surroundings {
    return {
      variable: this.variable,
      home: this.variable("HOME") ?? HOME,
      directory: this.directory,
      files: this.holm.files,
    };
  }

  async isFile(path: string): Promise<boolean> {
    return this.holm.files.stat(path).then(
      (info) => info.kind !== "directory",
      () => false,
    );
  }

  isDirectory = async (path: string): Promise<boolean> =>
    this.holm.files.stat(path).then(
      (info) => info.kind === "directory",
      () => false,
    );

  /** A program's module, compiled when the file is new or has changed. */
  async module(path: string): Promise<WebAssembly.Module> {
    const { size, modified } = await this.holm.files.stat(path);
    const key = `${path}\0${size}\0${modified}`;
    let module = this.#compiled.get(key);
    if (!module) {
      module = this.holm.files.read(path).then((bytes) => this.holm.compile(bytes.slice()));
      module.catch(() => this.#compiled.delete(key));
      this.#compiled.set(key, module);
      const oldest = this.#compiled.keys().next().value;
      if (this.#compiled.size > COMPILED_MOST && oldest !== undefined)
        this.#compiled.delete(oldest);
    }
    return module;
  }
}

/** Compiled programs that are kept: each takes memory beside its file. */
const COMPILED_MOST = 12;

/** What keys go to while commands run. */
export interface Foreground {
  /** The terminal of the programs, when one has it. */
  terminal?: Terminal;
  interrupt(): void;
}
