// The line that runs a program again with what it was refused.

import { splitPaths } from "./options.js";
import type { Command } from "./syntax.js";

/**
 * The pipeline that `command` is a part of, with `remedies` as its options. The rest of the line
 * has run already, and is not run again.
 */
export function rerunLine(
  line: string,
  pipeline: readonly Command[],
  command: Command,
  remedies: readonly string[],
): string {
  const start = pipeline[0]?.start ?? 0;
  const end = pipeline.at(-1)?.end ?? line.length;
  const [first, second] = command.words;
  if (!first) return line.slice(start, end);
  const texts = command.words.map((word) => line.slice(word.start, word.end));
  if (texts[0] !== "holm" || texts[1] !== "run" || !second) {
    const [head, tail] = [line.slice(start, first.start), line.slice(first.start, end)];
    return `${head}holm run ${remedies.join(" ")} ${tail}`;
  }
  let kept = line.slice(second.end, end);
  const places = remedies.map(seenAt);
  for (let at = 2; at < command.words.length && texts[at]?.startsWith("-"); at += 1) {
    const option = texts[at] ?? "";
    const value = option === "--dir" ? texts[at + 1] : undefined;
    const whole = value === undefined ? option : `${option} ${value}`;
    const place = seenAt(whole.replace("--dir=", "--dir "));
    if (place !== undefined && places.includes(place)) kept = kept.replace(` ${whole}`, "");
    if (value !== undefined) at += 1;
  }
  return `${line.slice(start, second.end)} ${remedies.join(" ")}${kept}`;
}

function seenAt(option: string): string | undefined {
  const value = /^--dir '?(.*?)'?$/s.exec(option)?.[1];
  if (value === undefined) return undefined;
  const { host, guest } = splitPaths(value);
  const seen = guest ?? host;
  return seen === "." ? "/" : seen;
}
