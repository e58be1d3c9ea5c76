// Tab completion: what could stand where the cursor is.

import type { DirectoryEntry } from "@holm/web";
import { type Surroundings, textOf } from "./expand.js";
import { join, resolvePath } from "./paths.js";
import { readWord, type Word } from "./syntax.js";

/** What a tab adds, and what it could be when it is not certain. */
export interface Completion {
  insert: string;
  candidates: string[];
}

/** What completion knows of the system. */
export interface Known extends Omit<Surroundings, "files"> {
  files: { list(path: string): Promise<DirectoryEntry[]> };
  /** Builtins and programs on the path. */
  commands(): Promise<string[]>;
  /** Names of variables. */
  variables(): string[];
  /** Options of `holm run`, with their dashes. */
  options: readonly string[];
}

const NOTHING: Completion = { insert: "", candidates: [] };
const OPERATOR = /^(2>&1|2>>|2>|&>|&&|\|\||>>|1>|[|;<>&\n])/;

interface Place {
  word: Word;
  /** The words of the command before this one. */
  words: string[];
  /** Whether the word names a file after `<` or `>`. */
  redirected: boolean;
  /** The quote that is open at the end. */
  quote: string;
}

/** Completes the word that a text ends with. */
export async function complete(before: string, known: Known): Promise<Completion> {
  let place: Place;
  try {
    place = placeOf(before, known);
  } catch {
    return NOTHING;
  }
  const last = place.word.parts.at(-1);
  if (last?.kind === "variable" && !last.quoted && /\$\w+$/.test(before)) {
    return among(last.name, known.variables(), place, " ");
  }
  const typed = textOf(place.word, known);
  const [program, ...rest] = place.words;
  const runs = program === "holm" && rest[0] === "run";
  if (typed.startsWith("--") && (runs || program === "grant")) {
    return among(typed, known.options, place, " ");
  }
  const first = place.words.length === 0 && !place.redirected;
  const wantsProgram = first || (runs && !rest.slice(1).some((each) => !each.startsWith("-")));
  if (wantsProgram && !typed.includes("/")) {
    const found = await among(typed, await known.commands(), place, " ");
    if (found.insert !== "" || found.candidates.length > 0) return found;
  }
  return paths(typed, place, known, program === "cd" || program === "mkdir");
}

async function paths(
  typed: string,
  place: Place,
  known: Known,
  folders: boolean,
): Promise<Completion> {
  const slash = typed.lastIndexOf("/");
  const directory = typed.slice(0, slash + 1);
  const base = typed.slice(slash + 1);
  const where = resolvePath(known.directory, directory === "" ? "." : directory);
  const entries = await known.files.list(where).catch(() => []);
  const names = entries
    .filter((each) => !folders || each.kind === "directory" || each.kind === "symlink")
    .filter((each) => base.startsWith(".") || !each.name.startsWith("."))
    .map((each) => (each.kind === "directory" ? `${each.name}/` : each.name));
  return among(base, names, place, " ");
}

function among(typed: string, names: readonly string[], place: Place, after: string): Completion {
  const found = [...new Set(names)].filter((each) => each.startsWith(typed)).sort();
  const only = found[0];
  if (only === undefined) return NOTHING;
  if (found.length === 1) {
    const closed = only.endsWith("/") ? "" : place.quote + after;
    return { insert: escaped(only.slice(typed.length), place.quote) + closed, candidates: found };
  }
  let common = only;
  for (const each of found) {
    while (!each.startsWith(common)) common = common.slice(0, -1);
  }
  return { insert: escaped(common.slice(typed.length), place.quote), candidates: found };
}

function escaped(text: string, quote: string): string {
  if (quote === "'") return text.replaceAll("'", String.raw`'\''`);
  if (quote === '"') return text.replace(/["\\$`]/g, String.raw`\$&`);
  return text.replace(/[\s"'\\$`|;<>&*?#~]/g, String.raw`\$&`);
}

/** Finds the word at the end of a text, and the command that it is in. */
function placeOf(before: string, known: Known): Place {
  let words: string[] = [];
  let redirected = false;
  let at = 0;
  while (at < before.length) {
    const operator = OPERATOR.exec(before.slice(at))?.[0];
    if (operator) {
      redirected = /[<>]$/.test(operator);
      if (!redirected && operator !== "2>&1") words = [];
      at += operator.length;
      continue;
    }
    if (/\s/.test(before.charAt(at))) {
      at += 1;
      continue;
    }
    const word = readWord(before, at, true);
    if (word.end >= before.length)
      return { word, words, redirected, quote: openQuote(before.slice(at)) };
    const value = textOf(word, known);
    if (!redirected && !(words.length === 0 && /^[A-Za-z_]\w*=/.test(value))) words.push(value);
    redirected = false;
    at = word.end;
  }
  const empty: Word = { parts: [], start: before.length, end: before.length };
  return { word: empty, words, redirected, quote: "" };
}

function openQuote(raw: string): string {
  let quote = "";
  for (let at = 0; at < raw.length; at += 1) {
    const character = raw.charAt(at);
    if (character === "\\" && quote !== "'") at += 1;
    else if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (character === quote) quote = "";
  }
  return quote;
}

/** The programs among a directory's files: names without `.wasm`. */
export async function programsIn(files: Known["files"], directory: string): Promise<string[]> {
  const entries = await files.list(directory).catch(() => []);
  return entries
    .filter((each) => each.kind !== "directory" && each.name.endsWith(".wasm"))
    .map((each) => each.name.slice(0, -".wasm".length));
}

/** Looks a program up as the shell does: a path as it is, a name along the path. */
export async function findProgram(
  name: string,
  directory: string,
  path: readonly string[],
  exists: (path: string) => Promise<boolean>,
): Promise<string | undefined> {
  const places = name.includes("/")
    ? [resolvePath(directory, name)]
    : path.map((each) => join(resolvePath(directory, each), name));
  for (const place of places) {
    for (const candidate of [place, `${place}.wasm`]) {
      if (await exists(candidate)) return candidate;
    }
  }
  return undefined;
}
