// The first lines in the terminal, and what a link to this page asks to run.

import { problemLines } from "../shell/report.js";
import { HOME, type Session } from "../shell/session.js";
import { parse, quote } from "../shell/syntax.js";
import { printable, wrapped } from "../shell/width.js";
import { keep } from "./keep.js";
import type { StorageState } from "./system.js";

const DIM = "\u001b[90m";
const BOLD = "\u001b[1m";
const PLAIN = "\u001b[0m";
const LETTER =
  "Welcome to Holm.\n\n" +
  "If a program showed you this, you let it: programs start with nothing but the\n" +
  "terminal, and read your files when you say so. ps shows who has been granted\n" +
  "what, and trace next every call that the next program makes.\n";

/** Greets, and says where files are kept. */
export async function welcome(session: Session, storage: StorageState): Promise<void> {
  const { screen } = session;
  const wide = screen.columns >= 64;
  const lines = [
    `${BOLD}Holm${PLAIN} ${DIM}${__HOLM_VERSION__}${PLAIN}  ${wide ? "a small operating system for WebAssembly, in this tab" : "a small OS for WebAssembly"}`,
    `${DIM}Programs start with nothing but this terminal; you grant the rest.${PLAIN}`,
    "",
    `Try ${BOLD}hello${PLAIN}, ${BOLD}cat welcome.txt${PLAIN}, ${BOLD}trace next${PLAIN}, ${BOLD}help${PLAIN}${wide ? ", or drop a .wasm file here" : ""}.`,
    "",
  ];
  if (!storage.kept) {
    const reasons = problemLines(storage.problem).join(" ");
    lines.push(
      `\u001b[33mWhat you put into /home is gone when this page is closed:${PLAIN} ${reasons}`,
      "",
    );
  }
  await screen.draw(`${wrapped(lines.join("\n"), screen.columns).replaceAll("\n", "\r\n")}\r\n`);
  await firstVisit(session);
}

/** Puts a file there to try things with; once, so that whoever deletes it is rid of it. */
async function firstVisit(session: Session): Promise<void> {
  const path = `${HOME}/welcome.txt`;
  const { files } = session.holm;
  try {
    const known = keep.get("welcomed") === "yes";
    const entries = await files.list(HOME);
    if (entries.length > 0 || known) return;
    await files.write(path, LETTER);
    keep.set("welcomed", "yes");
  } catch {
    // A full disk, or a damaged one: the shell says so when it matters.
  }
}

/** Runs what the address of the page names: `?run=URL&args=…`. */
export function startFromLink(session: Session, query: URLSearchParams): void {
  const run = query.get("run");
  if (run === null) return;
  const args = argumentsOf(query.get("args") ?? "");
  session.screen.write(
    `${DIM}This link runs ${printable(run)} with nothing granted to it.${PLAIN}\r\n`,
  );
  session.queue.push(["open", "--from-link", run, ...args].map(quote).join(" "));
}

/** Words as the shell takes them apart, without variables and patterns of this system. */
function argumentsOf(text: string): string[] {
  try {
    const [pipeline] = parse(text.replace(/[\u0000-\u001f]/g, " "));
    const words = pipeline?.commands[0]?.words ?? [];
    return words.map((word) =>
      word.parts.map((part) => (part.kind === "text" ? part.text : `$${part.name}`)).join(""),
    );
  } catch {
    return text.split(/\s+/).filter((word) => word !== "");
  }
}
