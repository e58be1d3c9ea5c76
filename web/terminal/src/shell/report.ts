// How a program ended, in words.

import type { Exit } from "@holm/web";
import { formatCount, formatSize } from "./format.js";
import { printable } from "./width.js";

const RED = "\u001b[31m";
const DIM = "\u001b[2m";
const PLAIN = "\u001b[0m";

/** What the shell says after a program, line by line, with colours. */
export function reportOf(
  exit: Exit,
  asked: { quiet: boolean; stats: boolean },
): string[] {
  const lines: string[] = [];
  if (exit.trap) {
    lines.push(`${RED}holm: the program trapped:${PLAIN} ${printable(exit.trap.message)}`);
    for (const frame of exit.trap.frames.slice(0, 12)) lines.push(`${DIM}  at ${printable(frame)}${PLAIN}`);
  } else if (exit.signal !== undefined && exit.signal !== "SIGPIPE") {
    lines.push(`${DIM}holm: ended by ${printable(exit.signal)}${PLAIN}`);
  }
  if (!asked.quiet) {
    for (const refusal of exit.refusals) lines.push(`${RED}holm:${PLAIN} ${printable(refusal)}`);
  }
  if (asked.stats) {
    const { usage } = exit;
    lines.push(
      `${DIM}holm: ${formatCount(usage.calls)} system calls, ${formatSize(usage.bytesIn)} read, ` +
        `${formatSize(usage.bytesOut)} written, at most ${formatSize(usage.memoryPeak)} of memory${PLAIN}`,
    );
  }
  return lines;
}

/** An error of the system or of the page as lines: what is wrong, and what helps. */
export function problemLines(error: unknown): string[] {
  if (!(error instanceof Error)) return [printable(String(error))];
  const help: unknown = "help" in error ? error.help : undefined;
  const lines = error.message.split("\n").map(printable);
  if (typeof help === "string" && help !== "") lines.push(`help: ${printable(help)}`);
  return lines;
}
