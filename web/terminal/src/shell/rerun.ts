// The line that runs a program again with what it was refused.

import { splitPaths } from "./options.js";
import type { Command } from "./syntax.js";

/** `line` with `remedies` as options of `command`, which is a part of it. */
export function rerunLine(line: string, command: Command, remedies: readonly string[]): string {
  const [first, second] = command.words;
  if (!first) return line;
  const texts = command.words.map((word) => line.slice(word.start, word.end));
  if (texts[0] !== "holm" || texts[1] !== "run" || !second) {
    return `${line.slice(0, first.start)}holm run ${remedies.join(" ")} ${line.slice(first.start)}`;
  }
  let kept = line.slice(second.end);
  const places = remedies.map(seenAt);
  for (let at = 2; at < command.words.length && texts[at]?.startsWith("-"); at += 1) {
    const option = texts[at] ?? "";
    const value = option === "--dir" ? texts[at + 1] : undefined;
    const whole = value === undefined ? option : `${option} ${value}`;
    const place = seenAt(whole.replace("--dir=", "--dir "));
    if (place !== undefined && places.includes(place)) kept = kept.replace(` ${whole}`, "");
    if (value !== undefined) at += 1;
  }
  return `${line.slice(0, second.end)} ${remedies.join(" ")}${kept}`;
}

function seenAt(option: string): string | undefined {
  const value = /^--dir '?(.*?)'?$/s.exec(option)?.[1];
  if (value === undefined) return undefined;
  const { host, guest } = splitPaths(value);
  const seen = guest ?? host;
  return seen === "." ? "/" : seen;
}
