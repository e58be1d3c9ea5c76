// The shell's language: from a line to commands, with where each part stands in the line.

/** A piece of a word: text as it stands, or the value of a variable. */
export type Part =
  | { kind: "text"; text: string; quoted: boolean }
  | { kind: "variable"; name: string; quoted: boolean };

/** A word of a command before its variables have values. */
export interface Word {
  parts: Part[];
  start: number;
  end: number;
}

/** Where a stream of a command leads instead. */
export interface Redirect {
  stream: 0 | 1 | 2;
  kind: "read" | "write" | "append" | "stdout";
  /** The file; absent for `2>&1`. */
  target?: Word;
}

/** A program or builtin with its words. */
export interface Command {
  assignments: { name: string; value: Word }[];
  words: Word[];
  redirects: Redirect[];
  start: number;
  end: number;
}

/** Commands joined by `|`, and when they are run. */
export interface Pipeline {
  when: "always" | "success" | "failure";
  commands: Command[];
}

/** A line that is not of this language. */
export class SyntaxProblem extends Error {
  /** Whether more text could mend it: an open quote, or nothing after `|`. */
  readonly incomplete: boolean;

  constructor(message: string, incomplete = false) {
    super(message);
    this.name = "SyntaxProblem";
    this.incomplete = incomplete;
  }
}

type Token =
  | { kind: "word"; word: Word }
  | { kind: "operator"; text: string; start: number; end: number };

const OPERATORS = [
  "2>&1",
  "2>>",
  "2>",
  "&>",
  "&&",
  "||",
  ">>",
  "1>",
  "|",
  ";",
  "<",
  ">",
  "&",
  "\n",
];
const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;
const ENDS_WORD = /[\s|;<>&]/;

/** Takes a line apart. Throws `SyntaxProblem`. */
export function parse(line: string): Pipeline[] {
  const tokens = tokenize(line);
  const pipelines: Pipeline[] = [];
  let commands: Command[] = [];
  let command: Command | undefined;
  let when: Pipeline["when"] = "always";

  const endCommand = (before: string): void => {
    if (!command) throw new SyntaxProblem(`there is no command before ${before}`);
    commands.push(command);
    command = undefined;
  };
  const endPipeline = (): void => {
    if (commands.length > 0) pipelines.push({ when, commands });
    commands = [];
  };

  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (!token) break;
    if (token.kind === "word") {
      command ??= newCommand(token.word.start);
      command.end = token.word.end;
      const assignment = command.words.length === 0 ? assignmentOf(token.word) : undefined;
      if (assignment) command.assignments.push(assignment);
      else command.words.push(token.word);
      continue;
    }
    switch (token.text) {
      case ";":
      case "\n":
        if (command) endCommand(token.text);
        else if (commands.length > 0 && token.text === "\n") continue;
        else if (token.text === ";") throw new SyntaxProblem("there is no command before ;");
        endPipeline();
        when = "always";
        break;
      case "|":
        endCommand("|");
        break;
      case "&&":
      case "||":
        endCommand(token.text);
        endPipeline();
        when = token.text === "&&" ? "success" : "failure";
        break;
      case "&":
        throw new SyntaxProblem(
          "programs in the background (&) are not part of this shell: open a second tab, or join programs with |",
        );
      default: {
        command ??= newCommand(token.start);
        at += redirect(command, token, tokens[at + 1]);
        break;
      }
    }
  }
  if (command) {
    endCommand("the end");
    endPipeline();
  } else if (commands.length > 0 || when !== "always") {
    throw new SyntaxProblem("the line ends where a command should follow", true);
  }
  return pipelines;
}

function newCommand(start: number): Command {
  return { assignments: [], words: [], redirects: [], start, end: start };
}

/** Adds a redirection, and says how many tokens after the operator it took. */
function redirect(
  command: Command,
  operator: { text: string; end: number },
  next: Token | undefined,
): number {
  if (operator.text === "2>&1") {
    command.redirects.push({ stream: 2, kind: "stdout" });
    command.end = operator.end;
    return 0;
  }
  if (next?.kind !== "word") {
    throw new SyntaxProblem(
      `${operator.text} wants the name of a file after it`,
      next === undefined,
    );
  }
  const target = next.word;
  command.end = target.end;
  switch (operator.text) {
    case "<":
      command.redirects.push({ stream: 0, kind: "read", target });
      break;
    case "&>":
      command.redirects.push({ stream: 1, kind: "write", target }, { stream: 2, kind: "stdout" });
      break;
    default:
      command.redirects.push({
        stream: operator.text.startsWith("2") ? 2 : 1,
        kind: operator.text.endsWith(">>") ? "append" : "write",
        target,
      });
  }
  return 1;
}

function assignmentOf(word: Word): { name: string; value: Word } | undefined {
  const first = word.parts[0];
  if (first?.kind !== "text" || first.quoted) return undefined;
  const name = NAME.exec(first.text)?.[0];
  if (!name || first.text[name.length] !== "=") return undefined;
  const rest = first.text.slice(name.length + 1);
  const parts: Part[] =
    rest === "" ? word.parts.slice(1) : [{ ...first, text: rest }, ...word.parts.slice(1)];
  return { name, value: { parts, start: word.start + name.length + 1, end: word.end } };
}

function tokenize(line: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < line.length) {
    const character = line.charAt(at);
    if (character !== "\n" && /\s/.test(character)) {
      at += 1;
      continue;
    }
    if (character === "#") {
      const end = line.indexOf("\n", at);
      at = end < 0 ? line.length : end;
      continue;
    }
    const operator = OPERATORS.find((each) => line.startsWith(each, at));
    if (operator) {
      tokens.push({ kind: "operator", text: operator, start: at, end: at + operator.length });
      at += operator.length;
      continue;
    }
    const word = readWord(line, at);
    tokens.push({ kind: "word", word });
    at = word.end;
  }
  return tokens;
}

/** Reads the word that begins at `start`. With `open`, quotes may stay open at the end. */
export function readWord(line: string, start: number, open = false): Word {
  const parts: Part[] = [];
  let at = start;
  let quote: "" | "'" | '"' = "";
  const text = (piece: string, quoted: boolean): void => {
    const last = parts.at(-1);
    if (last?.kind === "text" && last.quoted === quoted) last.text += piece;
    else parts.push({ kind: "text", text: piece, quoted });
  };
  while (at < line.length) {
    const character = line.charAt(at);
    if (quote === "'") {
      if (character === "'") quote = "";
      else text(character, true);
      at += 1;
    } else if (character === '"') {
      quote = quote ? "" : '"';
      if (quote) text("", true);
      at += 1;
    } else if (character === "\\") {
      const next = line.charAt(at + 1);
      if (next === "" && !open) throw new SyntaxProblem("the line ends after a \\", true);
      if (quote && !'"\\$`'.includes(next)) text("\\", true);
      if (next !== "\n") text(next, true);
      at += 2;
    } else if (character === "$") {
      const found = variableAt(line, at);
      if (found) parts.push({ kind: "variable", name: found.name, quoted: quote !== "" });
      else text("$", quote !== "");
      at = found?.end ?? at + 1;
    } else if (quote) {
      text(character, true);
      at += 1;
    } else if (character === "'") {
      quote = "'";
      text("", true);
      at += 1;
    } else if (character === "`") {
      throw new SyntaxProblem("a command inside a command (`…`) is not part of this shell");
    } else if (ENDS_WORD.test(character)) {
      break;
    } else {
      text(character, false);
      at += 1;
    }
  }
  if (quote && !open) throw new SyntaxProblem(`a quote (${quote}) is not closed`, true);
  return { parts, start, end: Math.min(at, line.length) };
}

function variableAt(line: string, dollar: number): { name: string; end: number } | undefined {
  const rest = line.slice(dollar + 1);
  if (rest.startsWith("(")) {
    throw new SyntaxProblem("a command inside a command ($(…)) is not part of this shell");
  }
  if (rest.startsWith("?")) return { name: "?", end: dollar + 2 };
  if (rest.startsWith("{")) {
    const name = NAME.exec(rest.slice(1))?.[0];
    if (!name || rest[name.length + 1] !== "}") {
      throw new SyntaxProblem("${ wants a name and }", !rest.includes("}"));
    }
    return { name, end: dollar + name.length + 3 };
  }
  const name = NAME.exec(rest)?.[0];
  return name ? { name, end: dollar + 1 + name.length } : undefined;
}

/** Text as one word of the language. */
export function quote(text: string): string {
  if (text !== "" && /^[A-Za-z0-9_@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
