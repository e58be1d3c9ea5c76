// The lines typed before, kept from visit to visit.

/** Where text is kept; the browser's storage, which may refuse. */
export interface Keep {
  get(name: string): string | undefined;
  set(name: string, value: string): void;
}

const NAME = "history";
const MOST = 500;
/** Longest line that is remembered: a pasted file does not push the others out. */
const LINE_MOST = 4_096;

/** What was typed, oldest first, with a place in it that the arrow keys move. */
export class History {
  readonly #keep: Keep;
  #lines: string[];
  #at = 0;
  #draft = "";

  constructor(keep: Keep) {
    this.#keep = keep;
    this.#lines = linesOf(keep.get(NAME));
    this.#at = this.#lines.length;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  add(line: string): void {
    const trimmed = line.trim();
    // A space in front keeps a line out, as in other shells.
    if (trimmed !== "" && !line.startsWith(" ") && trimmed.length <= LINE_MOST) {
      this.#lines = this.#lines.filter((each) => each !== trimmed);
      this.#lines.push(trimmed);
      this.#lines = this.#lines.slice(-MOST);
      this.#keep.set(NAME, JSON.stringify(this.#lines));
    }
    this.rewind();
  }

  clear(): void {
    this.#lines = [];
    this.#keep.set(NAME, "[]");
    this.rewind();
  }

  /** Goes back to the line being typed. */
  rewind(): void {
    this.#at = this.#lines.length;
    this.#draft = "";
  }

  /** The line before the one shown, that begins as `draft` did. */
  older(shown: string): string | undefined {
    if (this.#at === this.#lines.length) this.#draft = shown;
    return this.#step(-1);
  }

  newer(): string | undefined {
    return this.#step(1);
  }

  /** The newest line that holds a text, before the place `from`. */
  search(text: string, from = this.#lines.length): { line: string; at: number } | undefined {
    for (let at = Math.min(from, this.#lines.length) - 1; at >= 0; at -= 1) {
      const line = this.#lines[at];
      if (line?.includes(text)) return { line, at };
    }
    return undefined;
  }

  /** The newest line that begins with a text and goes on. */
  suggestion(text: string): string | undefined {
    if (text === "") return undefined;
    return this.#lines.findLast((each) => each.startsWith(text) && each !== text);
  }

  #step(by: number): string | undefined {
    for (let at = this.#at + by; at >= 0 && at <= this.#lines.length; at += by) {
      const line = at === this.#lines.length ? this.#draft : this.#lines[at];
      if (at === this.#lines.length || line?.startsWith(this.#draft)) {
        this.#at = at;
        return line;
      }
    }
    return undefined;
  }
}

function linesOf(text: string | undefined): string[] {
  try {
    const value: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(value)
      ? value.filter((each) => typeof each === "string").slice(-MOST)
      : [];
  } catch {
    return [];
  }
}
