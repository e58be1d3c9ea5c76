// How a program ended, in words.

import type { Exit } from "@holm/web";
import { formatCount, formatSize } from "./format.js";
import { printable } from "./width.js";

const RED = "\u001b[31m";
const DIM = "\u001b[90m";
const PLAIN = "\u001b[0m";

/** Functions of a trap that are shown, innermost first. */
const FRAMES_MOST = 6;

/** What the shell says after a program, line by line, with colours. */
export function reportOf(exit: Exit, asked: { quiet: boolean; stats: boolean }): string[] {
  const lines: string[] = [];
  if (exit.trap) {
    lines.push(`${RED}holm: the program trapped:${PLAIN} ${printable(exit.trap.message)}`);
    const { frames } = exit.trap;
    for (const frame of frames.slice(0, FRAMES_MOST))
      lines.push(`${DIM}  at ${printable(frame)}${PLAIN}`);
    if (frames.length > FRAMES_MOST)
      lines.push(`${DIM}  and ${frames.length - FRAMES_MOST} more${PLAIN}`);
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
