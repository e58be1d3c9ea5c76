// From words to arguments: variables, `~` and the patterns `*` and `?`.

import type { Files } from "@holm/web";
import { join, resolvePath } from "./paths.js";
import type { Word } from "./syntax.js";

/** What words are expanded with. */
export interface Surroundings {
  variable(name: string): string | undefined;
  home: string;
  directory: string;
  files: Pick<Files, "list">;
}

/** Most names that one pattern may stand for. */
const MATCHES_MOST = 10_000;

/** A word's value without patterns: what a file name or an assignment takes. */
export function textOf(word: Word, from: Surroundings): string {
  return word.parts
    .map((part, index) => {
      if (part.kind === "variable") return from.variable(part.name) ?? "";
      return index === 0 && !part.quoted
        ? withHome(part.text, from.home, word.parts.length)
        : part.text;
    })
    .join("");
}

/** The arguments that words stand for. */
export async function expand(words: readonly Word[], from: Surroundings): Promise<string[]> {
  const values: string[] = [];
  for (const word of words) {
    const value = textOf(word, from);
    const unquoted = word.parts.every((part) => part.kind === "variable" && !part.quoted);
    if (value === "" && unquoted) continue;
    const pattern = patternOf(word, from);
    const matches = pattern === undefined ? [] : await matching(pattern, from);
    if (matches.length > 0) values.push(...matches);
    else values.push(value);
  }
  return values;
}

function withHome(text: string, home: string, parts: number): string {
  if (text === "~" && parts === 1) return home;
  return text.startsWith("~/") ? home + text.slice(1) : text;
}

/** The word with its quoted `*` and `?` escaped, when it has one that is not quoted. */
function patternOf(word: Word, from: Surroundings): string | undefined {
  let found = false;
  const pattern = word.parts.map((part, index) => {
    if (part.kind === "variable") return escaped(from.variable(part.name) ?? "");
    if (part.quoted) return escaped(part.text);
    found ||= /[*?]/.test(part.text);
    return index === 0 ? withHome(part.text, from.home, word.parts.length) : part.text;
  });
  return found ? pattern.join("") : undefined;
}

function escaped(text: string): string {
  return text.replace(/[*?\\]/g, String.raw`\$&`);
}

async function matching(pattern: string, from: Surroundings): Promise<string[]> {
  const absolute = pattern.startsWith("/");
  let found: string[] = [absolute ? "/" : ""];
  let certain = true;
  for (const name of pattern.split("/").filter((each) => each !== "")) {
    const expression = expressionOf(name);
    const next: string[] = [];
    for (const directory of found) {
      if (typeof expression === "string" && certain) {
        next.push(directory === "" ? expression : join(directory, expression));
        continue;
      }
      const entries = await from.files.list(resolvePath(from.directory, directory)).catch(() => []);
      for (const entry of entries) {
        if (!fits(entry.name, expression)) continue;
        next.push(directory === "" ? entry.name : join(directory, entry.name));
        if (next.length >= MATCHES_MOST) break;
      }
    }
    // What stands after a pattern has to be there; what stands before is taken as written.
    certain &&= typeof expression === "string";
    found = next;
  }
  return found.sort();
}

function fits(name: string, expression: RegExp | string): boolean {
  if (typeof expression === "string") return name === expression;
  // Names with a dot in front are hidden from patterns that do not begin with one.
  if (name.startsWith(".") && !expression.source.startsWith(String.raw`^\.`)) return false;
  return expression.test(name);
}

/** A name of a pattern as an expression, or as the text that it is. */
function expressionOf(name: string): RegExp | string {
  let source = "";
  let text = "";
  let special = false;
  for (let at = 0; at < name.length; at += 1) {
    let character = name.charAt(at);
    if (character === "*" || character === "?") {
      special = true;
      // One star of several is enough, and keeps the matching quick.
      if (!(character === "*" && source.endsWith(".*"))) source += character === "*" ? ".*" : ".";
      continue;
    }
    if (character === "\\") {
      at += 1;
      character = name.charAt(at);
    }
    text += character;
    source += character.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  }
  return special ? new RegExp(`^${source}$`, "su") : text;
}
