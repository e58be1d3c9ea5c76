// A line being edited: its text, the cursor, and what keys do to it.

import { characters } from "./width.js";

/** The text of a line and the place in it where the next character goes. */
export class Line {
  #before: string[] = [];
  #after: string[] = [];
  #killed = "";

  get text(): string {
    return this.#before.join("") + this.#after.join("");
  }

  /** The text up to the cursor. */
  get before(): string {
    return this.#before.join("");
  }

  get atEnd(): boolean {
    return this.#after.length === 0;
  }

  set(text: string, cursor = text.length): void {
    this.#before = characters(text.slice(0, cursor));
    this.#after = characters(text.slice(cursor));
  }

  insert(text: string): void {
    // Joined anew: a combining mark belongs to the character before it.
    this.#before = characters(this.before + text);
  }

  /** Obeys an editing key. Says whether there is such a key. */
  obey(key: string): boolean {
    switch (key) {
      case "left":
        this.#move(-1);
        return true;
      case "right":
        this.#move(1);
        return true;
      case "home":
        this.#move(-this.#before.length);
        return true;
      case "end":
        this.#move(this.#after.length);
        return true;
      case "word-left":
        this.#move(-this.#wordLeft());
        return true;
      case "word-right":
        this.#move(this.#wordRight());
        return true;
      case "backspace":
        this.#before.pop();
        return true;
      case "delete":
        this.#after.shift();
        return true;
      case "delete-word":
        this.#kill(this.#before.splice(this.#before.length - this.#wordLeft()));
        return true;
      case "delete-word-right":
        this.#kill(this.#after.splice(0, this.#wordRight()));
        return true;
      case "delete-to-start":
        this.#kill(this.#before.splice(0));
        return true;
      case "delete-to-end":
        this.#kill(this.#after.splice(0));
        return true;
      case "yank":
        this.insert(this.#killed);
        return true;
      case "transpose":
        this.#transpose();
        return true;
      default:
        return false;
    }
  }

  #move(by: number): void {
    if (by < 0) this.#after.unshift(...this.#before.splice(Math.max(this.#before.length + by, 0)));
    else this.#before.push(...this.#after.splice(0, by));
  }

  #kill(removed: string[]): void {
    if (removed.length > 0) this.#killed = removed.join("");
  }

  #wordLeft(): number {
    let at = this.#before.length;
    while (at > 0 && isSpace(this.#before[at - 1])) at -= 1;
    while (at > 0 && !isSpace(this.#before[at - 1])) at -= 1;
    return this.#before.length - at;
  }

  #wordRight(): number {
    let at = 0;
    while (at < this.#after.length && isSpace(this.#after[at])) at += 1;
    while (at < this.#after.length && !isSpace(this.#after[at])) at += 1;
    return at;
  }

  #transpose(): void {
    if (this.#after.length > 0) this.#move(1);
    const [first, second] = this.#before.slice(-2);
    if (first === undefined || second === undefined) return;
    this.#before.splice(-2, 2, second, first);
  }
}

function isSpace(character: string | undefined): boolean {
  return character === undefined || /^\s$/.test(character);
}
