// How many columns of a terminal text takes.

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{1fa70}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const ZERO = /^(?:\p{Mn}|\p{Me}|[\u200b-\u200f])+$/u;

/** The characters of a text as people see them: what a key moves over and deletes. */
export function characters(text: string): string[] {
  if (/^[\x20-\x7e\n]*$/.test(text)) return text.split("");
  return Array.from(segmenter.segment(text), (each) => each.segment);
}

/** The columns that one such character takes. */
export function widthOf(character: string): number {
  if (character.length === 1 && character >= " " && character <= "~") return 1;
  if (ZERO.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** The columns that a line takes. */
export function textWidth(text: string): number {
  return characters(text).reduce((sum, each) => sum + widthOf(each), 0);
}

/** Text of files and programs as a message may show it: nothing in it moves the cursor. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (each) => {
    const code = each.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

const CODE = /\u001b\[[0-9;]*m/g;

/** Text with colours in lines that fit, broken between words; further lines begin with `indent`. */
export function wrapped(text: string, columns: number, indent = ""): string {
  return text
    .split("\n")
    .map((line) => wrappedLine(line, columns, indent))
    .join("\n");
}

function wrappedLine(line: string, columns: number, indent: string): string {
  const rows: string[] = [];
  let row = "";
  let width = 0;
  for (const word of line.split(/(?<=\S)(?= )/)) {
    const length = textWidth(word.replace(CODE, ""));
    if (width > 0 && width + length >= columns) {
      rows.push(row);
      row = indent + word.trimStart();
      width = indent.length + textWidth(word.trimStart().replace(CODE, ""));
    } else {
      row += word;
      width += length;
    }
  }
  return [...rows, row].join("\n");
}
