// A terminal of the system, as the page holds it. The kernel edits lines and echoes.

import type { KernelLink } from "./kernel/link.js";
import { type Source, type StreamLink, source } from "./streams.js";
import type { Terminal } from "./types.js";

/** A terminal of the kernel. */
export class SystemTerminal implements Terminal {
  /** Its number, by which processes are given it. */
  readonly number: number;
  readonly output: ReadableStream<Uint8Array>;
  readonly #link: KernelLink;

  private constructor(link: KernelLink, number: number, output: ReadableStream<Uint8Array>) {
    this.#link = link;
    this.number = number;
    this.output = output;
  }

  /** Makes a terminal; `listen` is given what its output comes to. */
  static async open(
    link: KernelLink,
    streams: StreamLink,
    listen: (stream: number, source: Source) => void,
    columns: number,
    rows: number,
  ): Promise<SystemTerminal> {
    const made = await link.order<{ terminal: number; stream: number }>({
      do: "terminal",
      columns,
      rows,
    });
    const from = source(made.stream, streams);
    listen(made.stream, from);
    return new SystemTerminal(link, made.terminal, from.readable);
  }

  input(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    this.#link.tell({ do: "type", terminal: this.number }, bytes);
  }

  resize(columns: number, rows: number): void {
    this.#link.tell({ do: "resize", terminal: this.number, columns, rows });
  }

  setMode(mode: "line" | "raw"): void {
    this.#link.tell({ do: "mode", terminal: this.number, raw: mode === "raw" });
  }

  close(): void {
    this.#link.tell({ do: "hang-up", terminal: this.number });
  }
}
