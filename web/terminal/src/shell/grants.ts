// What programs are granted: nothing at first, then what the person adds; and what to offer
// when a program was refused something.

import { mergeGrants, splitPaths } from "./options.js";
import { quote } from "./syntax.js";

/** Grants for later programs; they end with the page. */
export class GrantBook {
  #everyone: string[] = [];
  readonly #named = new Map<string, string[]>();
  readonly #listeners = new Set<() => void>();

  /** Adds grants for one program, or for every program. */
  add(grants: readonly string[], program?: string): void {
    const merged = mergeGrants([...this.listed(program), ...grants]);
    if (program === undefined) this.#everyone = merged;
    else this.#named.set(program, merged);
    this.#changed();
  }

  /** Takes a grant back, or all of them. Says whether there was one. */
  remove(grant?: string, program?: string): boolean {
    const before = this.listed(program);
    const after = grant === undefined ? [] : before.filter((each) => each !== grant);
    if (program === undefined) this.#everyone = after;
    else if (after.length > 0) this.#named.set(program, after);
    else this.#named.delete(program);
    this.#changed();
    return after.length < before.length;
  }

  clear(): void {
    this.#everyone = [];
    this.#named.clear();
    this.#changed();
  }

  /** What was granted to one program by name, or to everyone. */
  listed(program?: string): readonly string[] {
    return program === undefined ? this.#everyone : (this.#named.get(program) ?? []);
  }

  /** What a program of this name gets. */
  of(program: string): string[] {
    return mergeGrants([...this.#everyone, ...this.listed(program)]);
  }

  /** Every grant with the program it is for. */
  all(): { grant: string; program?: string }[] {
    const everyone = this.#everyone.map((grant) => ({ grant }));
    const named = [...this.#named].flatMap(([program, grants]) =>
      grants.map((grant) => ({ grant, program })),
    );
    return [...everyone, ...named];
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

const OPTION = /(To allow (?:it|more): )(--[a-z-]+(?: (?:'(?:[^']|'\\'')*'|\S+))?)\s*$/;

/** What was refused, in words and as options that would allow it. */
export interface Refused {
  sentences: string[];
  remedies: string[];
}

/** Refusals of the system with folders as this shell names them. */
export async function explained(
  refusals: readonly string[],
  directory: string,
  isDirectory: (path: string) => Promise<boolean>,
): Promise<Refused> {
  const refused: Refused = { sentences: [], remedies: [] };
  for (const refusal of refusals) {
    const option = OPTION.exec(refusal)?.[2];
    const remedy = option === undefined ? undefined : await placed(option, directory, isDirectory);
    refused.sentences.push(
      remedy === undefined
        ? refusal
        : refusal.replace(OPTION, (_all, words: string) => words + remedy),
    );
    if (remedy !== undefined && !refused.remedies.includes(remedy)) refused.remedies.push(remedy);
  }
  return refused;
}

/**
 * A remedy with a folder of this system. The system's sentences know no current folder: they say
 * `HOST_DIR`, or start at the root.
 */
async function placed(
  option: string,
  directory: string,
  isDirectory: (path: string) => Promise<boolean>,
): Promise<string | undefined> {
  const match = /^--dir (?:'(.*)'|(\S+))$/.exec(option);
  const value = match?.[1]?.replaceAll(String.raw`'\''`, "'") ?? match?.[2];
  if (value === undefined) return option;
  const { host, guest, access } = splitPaths(value);
  const seen = guest ?? host;
  const suffix = access === "" ? "" : `:${access}`;
  // `.` is seen as the root anyway.
  if (host === "." && seen === "/") return `--dir .${suffix}`;
  if (host !== "HOST_DIR" && host !== `.${seen}`) return option;
  const below = `${directory === "/" ? "" : directory}${seen}`;
  // The same name is what is meant most often; else the folder below where the person is.
  for (const candidate of [seen, below]) {
    if (!(await isDirectory(candidate))) continue;
    const paths = candidate === seen ? candidate : `${candidate}::${seen}`;
    return `--dir ${quote(`${paths}${suffix}`)}`;
  }
  return undefined;
}
