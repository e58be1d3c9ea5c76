// The system calls of traced programs: the last of them, as lines.

import type { Process } from "@holm/web";
import type { TraceSwitch } from "../shell/session.js";

/** Lines that are kept. */
export const LINES_MOST = 5_000;
/** Lines over that before the oldest are let go: not one by one. */
const SLACK = 1_000;

/** What programs did, and whether the next are watched. */
export class TraceLog implements TraceSwitch {
  #wanted: TraceSwitch["wanted"] = "off";
  #lines: string[] = [];
  /** How many lines there were in all. */
  total = 0;
  readonly #listeners = new Set<() => void>();
  #scheduled = false;

  get wanted(): TraceSwitch["wanted"] {
    return this.#wanted;
  }

  set wanted(value: TraceSwitch["wanted"]) {
    this.#wanted = value;
    this.#changed();
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  clear(): void {
    this.#lines = [];
    this.total = 0;
    this.#changed();
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  follow(process: Process): void {
    this.add(`── ${process.name} (process ${process.pid}) ──`);
    void (async () => {
      const reader = process.trace.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.add(value);
      }
    })().catch(() => undefined);
  }

  /** Adds what may be several lines. */
  add(text: string): void {
    for (const line of text.split("\n")) {
      if (line === "") continue;
      this.#lines.push(line);
      this.total += 1;
    }
    if (this.#lines.length > LINES_MOST + SLACK) this.#lines = this.#lines.slice(-LINES_MOST);
    this.#changed();
  }

  /** Tells at most once a frame. */
  #changed(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      for (const listener of this.#listeners) listener();
    });
  }
}
