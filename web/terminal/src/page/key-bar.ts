// Keys that phones do not have, in a row below the terminal.

import { element } from "./dom.js";

const KEYS: readonly (readonly [string, string, string])[] = [
  ["Esc", "Esc", "\u001b"],
  ["Tab", "Tab", "\t"],
  ["←", "Left", "\u001b[D"],
  ["↑", "Up", "\u001b[A"],
  ["↓", "Down", "\u001b[B"],
  ["→", "Right", "\u001b[C"],
  ["|", "| pipe", "|"],
  ["/", "/ slash", "/"],
  ["-", "- dash", "-"],
  ["~", "~ tilde", "~"],
];

/** What the row does. */
export interface KeyBarActions {
  send(data: string): void;
  paste(): void;
}

/** The row of keys; Ctrl holds for the next key, from here or from the keyboard. */
export class KeyBar {
  readonly root: HTMLElement;
  readonly #control: HTMLButtonElement;
  #held = false;

  constructor(actions: KeyBarActions) {
    this.#control = this.#key("Ctrl", "Ctrl, for the next key", () => this.#hold(!this.#held));
    this.#control.setAttribute("aria-pressed", "false");
    const keys = KEYS.map(([text, label, data]) =>
      this.#key(text, label, () => actions.send(this.apply(data))),
    );
    this.root = element(
      "div",
      { class: "key-bar", attributes: { role: "group", "aria-label": "Keys" } },
      keys[0],
      this.#control,
      ...keys.slice(1),
      this.#key("^C", "^C: stop the program", () => actions.send("\u0003")),
      this.#key("Paste", "Paste", () => actions.paste()),
    );
  }

  /** What a key sends while Ctrl is held; lets it go. */
  apply(data: string): string {
    if (!this.#held) return data;
    this.#hold(false);
    const code = data.toUpperCase().charCodeAt(0);
    return data.length === 1 && code >= 0x40 && code <= 0x5f
      ? String.fromCharCode(code & 0x1f)
      : data;
  }

  #hold(held: boolean): void {
    this.#held = held;
    this.#control.setAttribute("aria-pressed", String(held));
  }

  #key(text: string, label: string, press: () => void): HTMLButtonElement {
    return element("button", {
      class: "key",
      text,
      attributes: { type: "button", "aria-label": label },
      on: {
        // The focus stays where it is, so that the phone's keyboard stays too.
        pointerdown: (event) => event.preventDefault(),
        mousedown: (event) => event.preventDefault(),
        click: press,
      },
    });
  }
}
