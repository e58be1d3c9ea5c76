// How a name in an open directory becomes a path that Node takes: Node has no `openat`.

import { Errno, Refusal } from "./errno.js";

/** `node:fs`, which is had only where there is Node. */
export type Fs = typeof import("node:fs");

/** Linux: a descriptor to walk through, which Node has no name for. */
const O_PATH = 0x20_0000;

const BIGINT = { bigint: true } as const;
const BIGINT_OR_NONE = { bigint: true, throwIfNoEntry: false } as const;

/** What takes part in every opening: no link is followed, and nothing waits. */
function always(fs: Fs): number {
  const { O_NOCTTY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  return O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
}

export type Path = string | Buffer;

/** Names in open directories. A directory is its descriptor. */
export interface Names {
  /** Opens a directory by a path of the host; links are followed. */
  openRoot(path: string): number;
  /** A path that leads to the directory itself. */
  self(directory: number): string;
  /** A path that leads to `name` in the directory. */
  at(directory: number, name: Path): Path;
  /** Opens `name` in the directory with flags of `open(2)`. */
  open(directory: number, name: Path, flags: number): number;
  /** Opens `name`, which must be a directory, to walk through it. */
  enter(directory: number, name: Path): number;
  /** Another descriptor of an open file, which appends. */
  openAppend(file: number): number;
  /** Sets the times of what is open. */
  setTimes(handle: number, accessed: number, modified: number): void;
  /** A name was renamed, and directories below it with it. */
  renamed(from: Path, to: Path): void;
  close(handle: number): void;
}

/**
 * Linux: `/proc/PID/fd/N/name`. The kernel goes from the descriptor, not from any path, so
 * that the directory is the one that was opened whatever became of its name: what `openat`
 * does, without a race. The last name is not followed by `O_NOFOLLOW`, and by the calls that
 * never do.
 */
export class ProcNames implements Names {
  /**
   * Our own directory there, by the number that this `/proc` knows us by: going through the
   * link `self` each time would cost a seventh more.
   */
  readonly #descriptors: string;
  readonly #fs: Fs;
  readonly #always: number;

  constructor(fs: Fs) {
    this.#fs = fs;
    this.#always = always(fs);
    this.#descriptors = `/proc/${fs.readlinkSync("/proc/self")}/fd/`;
  }

  openRoot(path: string): number {
    const { constants: C } = this.#fs;
    const directory = this.#fs.openSync(path, O_PATH | C.O_DIRECTORY);
    try {
      this.#fs.accessSync(`${this.self(directory)}/.`, C.X_OK);
    } catch (error) {
      this.#fs.closeSync(directory);
      throw error;
    }
    return directory;
  }

  self(directory: number): string {
    return this.#descriptors + directory;
  }

  at(directory: number, name: Path): Path {
    return typeof name === "string"
      ? `${this.#descriptors}${directory}/${name}`
      : Buffer.concat([Buffer.from(`${this.#descriptors}${directory}/`), name]);
  }

  open(directory: number, name: Path, flags: number): number {
    return this.#fs.openSync(this.at(directory, name), flags | this.#always);
  }

  enter(directory: number, name: Path): number {
    const { constants: C } = this.#fs;
    return this.#fs.openSync(this.at(directory, name), O_PATH | C.O_DIRECTORY | C.O_NOFOLLOW);
  }

  openAppend(file: number): number {
    const { constants: C } = this.#fs;
    return this.#fs.openSync(this.self(file), C.O_WRONLY | C.O_APPEND | C.O_NONBLOCK | C.O_NOCTTY);
  }

  setTimes(handle: number, accessed: number, modified: number): void {
    this.#fs.utimesSync(this.self(handle), accessed, modified);
  }

  renamed(): void {}

  close(handle: number): void {
    this.#fs.closeSync(handle);
  }
}

interface Place {
  path: string;
  readonly dev: bigint;
  readonly ino: bigint;
}

/** How often a name is opened again when it or its directory changed meanwhile. */
const SWAPS_MAX = 16;

/**
 * Hosts without `/proc` (macOS): real paths. Before each use a directory's path is checked to
 * lead to the directory that was opened (its descriptor stays open, so that its number is not
 * given to another); after opening, the path and what was opened are compared again.
 *
 * What this cannot do: a process of the host that swaps a directory for a link in the
 * microseconds between the check and the call has a change (making, removing, renaming,
 * linking, times) happen elsewhere, and one that swaps it back in time after an opening has
 * the wrong file opened. Guests cannot, for none of their calls runs at the same time. A
 * directory that the host moves away is `ESTALE` until it is back.
 */
export class PathNames implements Names {
  readonly #places = new Map<number, Place>();
  readonly #fs: Fs;
  readonly #always: number;

  constructor(fs: Fs) {
    this.#fs = fs;
    this.#always = always(fs);
  }

  openRoot(path: string): number {
    const { constants: C } = this.#fs;
    const real = this.#fs.realpathSync.native(path);
    const directory = this.#fs.openSync(real, C.O_RDONLY | C.O_DIRECTORY | C.O_NOFOLLOW);
    try {
      this.#fs.accessSync(real, C.X_OK);
      this.#remember(directory, real);
      this.#check(directory);
    } catch (error) {
      this.close(directory);
      throw error;
    }
    return directory;
  }

  self(directory: number): string {
    return this.#check(directory).path;
  }

  at(directory: number, name: Path): Path {
    const { path } = this.#check(directory);
    return typeof name === "string"
      ? `${path}/${name}`
      : Buffer.concat([Buffer.from(`${path}/`), name]);
  }

  open(directory: number, name: Path, flags: number): number {
    for (let attempt = 0; attempt < SWAPS_MAX; attempt++) {
      const path = this.at(directory, name);
      const opened = this.#fs.openSync(path, flags | this.#always);
      try {
        const found = this.#fs.lstatSync(path, BIGINT_OR_NONE);
        this.#check(directory);
        const stat = this.#fs.fstatSync(opened, BIGINT);
        if (found?.dev === stat.dev && found.ino === stat.ino) {
          if (stat.isDirectory()) {
            this.#places.set(opened, { path: path.toString(), dev: stat.dev, ino: stat.ino });
          }
          return opened;
        }
      } catch (error) {
        this.close(opened);
        throw error;
      }
      this.close(opened);
    }
    throw new Refusal(Errno.busy);
  }

  enter(directory: number, name: Path): number {
    const { constants: C } = this.#fs;
    return this.open(directory, name, C.O_RDONLY | C.O_DIRECTORY);
  }

  openAppend(): number {
    throw new Refusal(Errno.notSupported);
  }

  setTimes(handle: number, accessed: number, modified: number): void {
    this.#fs.futimesSync(handle, accessed, modified);
  }

  renamed(from: Path, to: Path): void {
    const [old, now] = [from.toString(), to.toString()];
    for (const place of this.#places.values()) {
      if (place.path === old || place.path.startsWith(`${old}/`)) {
        place.path = now + place.path.slice(old.length);
      }
    }
  }

  close(handle: number): void {
    this.#places.delete(handle);
    this.#fs.closeSync(handle);
  }

  #remember(directory: number, path: string): void {
    const { dev, ino } = this.#fs.fstatSync(directory, BIGINT);
    this.#places.set(directory, { path, dev, ino });
  }

  #check(directory: number): Place {
    const place = this.#places.get(directory);
    if (place === undefined) {
      throw new Refusal(Errno.invalid);
    }
    const found = this.#fs.lstatSync(place.path, BIGINT_OR_NONE);
    if (found?.dev !== place.dev || found.ino !== place.ino) {
      const { nlink } = this.#fs.fstatSync(directory, BIGINT);
      throw new Refusal(found === undefined || nlink === 0n ? Errno.noEntry : Errno.stale);
    }
    return place;
  }
}
