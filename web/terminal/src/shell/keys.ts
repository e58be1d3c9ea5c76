// What a terminal sends for keys, taken apart into keys and text.

/** A key as the line editor knows it, or text that was typed or pasted. */
export type Key = { kind: "key"; name: string } | { kind: "text"; text: string; pasted: boolean };

const PASTE_START = "\u001b[200~";
const PASTE_END = "\u001b[201~";

const SEQUENCES: Record<string, string> = {
  "[A": "up",
  "[B": "down",
  "[C": "right",
  "[D": "left",
  "[H": "home",
  "[F": "end",
  OA: "up",
  OB: "down",
  OC: "right",
  OD: "left",
  OH: "home",
  OF: "end",
  "[1~": "home",
  "[4~": "end",
  "[3~": "delete",
  "[1;5C": "word-right",
  "[1;5D": "word-left",
  "[1;3C": "word-right",
  "[1;3D": "word-left",
  "[3;5~": "delete-word-right",
  "[Z": "back-tab",
  b: "word-left",
  f: "word-right",
  d: "delete-word-right",
  "\u007f": "delete-word",
};

const CONTROLS: Record<string, string> = {
  "\u0001": "home",
  "\u0002": "left",
  "\u0003": "interrupt",
  "\u0004": "end-of-input",
  "\u0005": "end",
  "\u0006": "right",
  "\u0007": "cancel",
  "\b": "backspace",
  "\t": "tab",
  "\n": "enter",
  "\u000b": "delete-to-end",
  "\u000c": "clear",
  "\r": "enter",
  "\u000e": "down",
  "\u0010": "up",
  "\u0012": "search",
  "\u0014": "transpose",
  "\u0015": "delete-to-start",
  "\u0017": "delete-word",
  "\u0019": "yank",
  "\u007f": "backspace",
};

/** Decodes what a terminal sends; keeps a paste that comes in pieces until it is whole. */
export class KeyDecoder {
  #paste: string | undefined;

  decode(data: string): Key[] {
    const keys: Key[] = [];
    let rest = data;
    while (rest !== "") {
      if (this.#paste !== undefined) {
        const end = rest.indexOf(PASTE_END);
        this.#paste += end < 0 ? rest : rest.slice(0, end);
        rest = end < 0 ? "" : rest.slice(end + PASTE_END.length);
        if (end >= 0) {
          keys.push({ kind: "text", text: cleaned(this.#paste), pasted: true });
          this.#paste = undefined;
        }
      } else if (rest.startsWith(PASTE_START)) {
        this.#paste = "";
        rest = rest.slice(PASTE_START.length);
      } else if (rest.startsWith("\u001b")) {
        const length = sequenceLength(rest);
        const name = length === 1 ? "escape" : SEQUENCES[rest.slice(1, length)];
        if (name) keys.push({ kind: "key", name });
        rest = rest.slice(length);
      } else {
        const control = CONTROLS[rest.charAt(0)];
        if (control) {
          keys.push({ kind: "key", name: control });
          rest = rest.slice(1);
        } else {
          const text = /^[^\u0000-\u001f\u007f]+/.exec(rest)?.[0] ?? "";
          if (text !== "") keys.push({ kind: "text", text, pasted: false });
          rest = rest.slice(Math.max(text.length, 1));
        }
      }
    }
    return keys;
  }
}

/** How long the escape sequence is that a text begins with. */
function sequenceLength(text: string): number {
  const introducer = text.charAt(1);
  if (introducer === "[") {
    const match = /^\u001b\[[0-?]*[ -/]*[@-~]/.exec(text);
    return match?.[0].length ?? text.length;
  }
  if (introducer === "O") return Math.min(3, text.length);
  // Answers of the terminal to a program that has ended: strings up to their terminator.
  if (/[P\]_^X]/.test(introducer)) {
    const match = /(?:\u001b\\|\u0007)/.exec(text.slice(2));
    return match ? 2 + match.index + match[0].length : text.length;
  }
  return Math.min(2, text.length);
}

function cleaned(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replaceAll("\r", "\n")
    .replaceAll("\t", "    ")
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, "");
}
