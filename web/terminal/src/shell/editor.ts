// The line editor: draws the prompt and the line being typed, and answers when it is entered.

import type { Completion } from "./complete.js";
import type { History } from "./history.js";
import { type Key, KeyDecoder } from "./keys.js";
import { Line } from "./line.js";
import { characters, textWidth, widthOf } from "./width.js";

/** What the editor draws on. */
export interface Screen {
  write(text: string): void;
  readonly columns: number;
  readonly rows: number;
}

/** What the editor asks about the line. */
export interface Helpers {
  history: History;
  /** What could stand at the cursor, for the text before it. */
  complete(before: string): Promise<Completion>;
  /** Whether the text is a whole command, or goes on in the next line. */
  isWhole(text: string): boolean;
}

/** How a line ended. */
export type Entered = { kind: "line"; text: string } | { kind: "interrupted" } | { kind: "end" };

const DIM = "\u001b[90m";
const PLAIN = "\u001b[0m";
const BRACKETED_ON = "\u001b[?2004h";
const BRACKETED_OFF = "\u001b[?2004l";
/** Candidates that are listed without asking. */
const LISTED_MOST = 120;

interface Prompt {
  /** With colours. */
  drawn: string;
  width: number;
}

export class Editor {
  readonly #screen: Screen;
  readonly #helpers: Helpers;
  readonly #decoder = new KeyDecoder();
  readonly #line = new Line();
  #prompt: Prompt = { drawn: "", width: 0 };
  #entered: ((entered: Entered) => void) | undefined;
  /** A whole line that is offered while nothing is typed. */
  #offer: string | undefined;
  #search: { text: string; at: number; found: string } | undefined;
  /** The row of the cursor below the first row of the prompt, as last drawn. */
  #row = 0;
  #lastKey = "";
  #pending: Promise<void> = Promise.resolve();

  constructor(screen: Screen, helpers: Helpers) {
    this.#screen = screen;
    this.#helpers = helpers;
  }

  get active(): boolean {
    return this.#entered !== undefined;
  }

  /** Shows a prompt and answers with what is entered. `offer` is a line that → takes over. */
  read(prompt: Prompt, offer?: string): Promise<Entered> {
    this.#prompt = prompt;
    this.#offer = offer;
    this.#line.set("");
    this.#row = 0;
    this.#search = undefined;
    this.#helpers.history.rewind();
    this.#screen.write(BRACKETED_ON);
    this.#draw();
    return new Promise((resolve) => {
      this.#entered = resolve;
    });
  }

  /** Takes what the terminal sends. Keys after Enter go to `rest`. */
  input(data: string): void {
    const keys = this.#decoder.decode(data);
    this.#pending = this.#pending.then(async () => {
      for (const key of keys) await this.#take(key);
    });
  }

  /** Puts a line there as if it were typed; with `run`, enters it too. */
  fill(text: string, run = false): void {
    if (!this.active) return;
    this.#line.set(text);
    this.#draw();
    if (run) this.#enter();
  }

  /** Writes something above the prompt. */
  above(text: string): void {
    if (!this.active) {
      this.#screen.write(text);
      return;
    }
    this.#screen.write(this.#erased() + text);
    this.#row = 0;
    this.#draw();
  }

  redraw(): void {
    if (this.active) this.#draw();
  }

  async #take(key: Key): Promise<void> {
    if (!this.active) return;
    if (this.#search) {
      if (this.#searching(key)) return;
    }
    if (key.kind === "text") {
      this.#line.insert(key.text);
      this.#lastKey = "";
      this.#draw();
      return;
    }
    const ghost = this.#ghost();
    switch (key.name) {
      case "enter":
        if (this.#line.text.trim() !== "" && !this.#helpers.isWhole(this.#line.text)) {
          this.#line.insert("\n");
        } else {
          this.#enter();
          return;
        }
        break;
      case "interrupt":
        this.#finish("^C", { kind: "interrupted" });
        return;
      case "end-of-input":
        if (this.#line.text === "") {
          this.#finish("", { kind: "end" });
          return;
        }
        this.#line.obey("delete");
        break;
      case "tab":
        await this.#complete(ghost);
        break;
      case "clear":
        this.#screen.write("\u001b[2J\u001b[3J\u001b[H");
        this.#row = 0;
        break;
      case "up":
      case "down": {
        const { history } = this.#helpers;
        const line = key.name === "up" ? history.older(this.#line.text) : history.newer();
        if (line !== undefined) this.#line.set(line);
        break;
      }
      case "search":
        this.#search = { text: "", at: this.#helpers.history.lines.length, found: "" };
        break;
      case "escape":
        this.#offer = undefined;
        break;
      case "right":
      case "end":
        if (ghost !== "" && this.#line.atEnd) this.#line.insert(ghost);
        else this.#line.obey(key.name);
        break;
      default:
        this.#line.obey(key.name);
    }
    this.#lastKey = key.name;
    if (this.active) this.#draw();
  }

  #enter(): void {
    const text = this.#line.text;
    this.#helpers.history.add(text);
    this.#finish("", { kind: "line", text });
  }

  /** Ends the line: the cursor goes below it, and what was typed is handed over. */
  #finish(mark: string, entered: Entered): void {
    this.#offer = undefined;
    this.#search = undefined;
    this.#line.obey("end");
    const below = this.#draw(true);
    // A line that fills its last row has left the cursor below it already.
    this.#screen.write(`${below && mark === "" ? "" : `${mark}\r\n`}${BRACKETED_OFF}`);
    const done = this.#entered;
    this.#entered = undefined;
    done?.(entered);
  }

  /** What is drawn dim after the cursor: the offer, or a line of the history that goes on so. */
  #ghost(): string {
    const text = this.#line.text;
    if (!this.#line.atEnd || text.includes("\n")) return "";
    if (this.#offer?.startsWith(text)) return this.#offer.slice(text.length);
    return this.#helpers.history.suggestion(text)?.slice(text.length) ?? "";
  }

  async #complete(ghost: string): Promise<void> {
    if (this.#line.text === "" && this.#offer !== undefined) {
      this.#line.insert(ghost);
      return;
    }
    const before = this.#line.before;
    const completion = await this.#helpers.complete(before);
    if (!this.active || this.#line.before !== before) return;
    if (completion.insert !== "") this.#line.insert(completion.insert);
    else if (completion.candidates.length > 1 && this.#lastKey === "tab") {
      this.#list(completion.candidates);
    }
  }

  #list(candidates: readonly string[]): void {
    const shown = candidates.slice(0, LISTED_MOST);
    const width = Math.max(...shown.map(textWidth)) + 2;
    const perRow = Math.max(1, Math.floor(this.#screen.columns / width));
    const rows = Math.ceil(shown.length / perRow);
    let text = "";
    for (let row = 0; row < rows; row += 1) {
      const cells = shown.filter((_, index) => index % rows === row);
      text += `${cells
        .map((each) => each + " ".repeat(width - textWidth(each)))
        .join("")
        .trimEnd()}\r\n`;
    }
    if (candidates.length > shown.length)
      text += `… and ${candidates.length - shown.length} more\r\n`;
    const { text: line, before } = this.#line;
    this.#line.obey("end");
    this.#draw(true);
    this.#screen.write(`\r\n${text}`);
    this.#row = 0;
    this.#line.set(line, before.length);
  }

  /** Keys of a search through the history. Says whether the key was one. */
  #searching(key: Key): boolean {
    const search = this.#search;
    if (!search) return false;
    const { history } = this.#helpers;
    const find = (text: string, from: number): void => {
      const hit = history.search(text, from);
      if (hit) this.#search = { text, at: hit.at, found: hit.line };
      else this.#search = { ...search, text };
    };
    if (key.kind === "text") find(search.text + key.text, history.lines.length);
    else if (key.name === "search") find(search.text, search.at);
    else if (key.name === "backspace") find(search.text.slice(0, -1), history.lines.length);
    else {
      this.#search = undefined;
      const cancelled = ["interrupt", "cancel", "escape"].includes(key.name);
      if (!cancelled) this.#line.set(search.found);
      this.#draw();
      return cancelled || key.name === "right" || key.name === "end" || key.name === "tab";
    }
    this.#draw();
    return true;
  }

  #erased(): string {
    return `${this.#row > 0 ? `\u001b[${this.#row}A` : ""}\r\u001b[J`;
  }

  /** Draws the line. Says whether the cursor is in a row below its text. */
  #draw(final = false): boolean {
    const search = this.#search;
    const prompt: Prompt = search
      ? {
          drawn: `${DIM}search${PLAIN} ${search.text}${DIM} → ${PLAIN}`,
          width: textWidth(`search ${search.text} → `),
        }
      : this.#prompt;
    const text = search ? search.found : this.#line.text;
    const before = search ? search.found : this.#line.before;
    const ghost = final || search ? "" : this.#ghost();
    const columns = Math.max(this.#screen.columns, 2);
    const cursor = layout(before, prompt.width, columns);
    const end = layout(text + ghost, prompt.width, columns);
    let out = this.#erased() + prompt.drawn + text.replaceAll("\n", "\r\n");
    if (ghost !== "") out += DIM + ghost + PLAIN;
    // A line that fills its last column leaves the cursor there until something follows.
    const below = end.column === 0 && end.row > 0 && !(text + ghost).endsWith("\n");
    if (below) out += "\r\n";
    if (end.row > cursor.row) out += `\u001b[${end.row - cursor.row}A`;
    out += `\r${cursor.column > 0 ? `\u001b[${cursor.column}C` : ""}`;
    this.#row = cursor.row;
    this.#screen.write(out);
    return below;
  }
}

/** Where the cursor stands after a text that begins in a column. */
export function layout(
  text: string,
  start: number,
  columns: number,
): { row: number; column: number } {
  let row = Math.floor(start / columns);
  let column = start % columns;
  let wrapped = false;
  for (const character of characters(text)) {
    if (character === "\n") {
      // After a full row the line's end is in that row still.
      if (!wrapped) row += 1;
      wrapped = false;
      column = 0;
      continue;
    }
    const width = widthOf(character);
    if (column + width > columns) {
      row += 1;
      column = 0;
    }
    column += width;
    wrapped = column === columns;
    if (wrapped) {
      row += 1;
      column = 0;
    }
  }
  return { row, column };
}
