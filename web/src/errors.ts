// Errors that this package throws: a kind for programs, a sentence for people.

/** What kind of failure an error is. */
export type ErrorKind =
  /** The engine lacks what is needed; `help` says what to do. */
  | "unsupported"
  /** The program is not one that can be run. */
  | "program"
  /** The program asks for imports that nobody provides. */
  | "imports"
  /** A grant cannot be read or given. */
  | "grant"
  /** Something cannot be mounted. */
  | "mount"
  /** A file operation failed; `errno` says how. */
  | "file"
  /** Storage is refused, full, in use or damaged. */
  | "storage"
  /** A download failed. */
  | "download"
  /** There is not enough memory. */
  | "memory"
  /** The system was shut down, or its kernel has failed. */
  | "gone"
  /** Anything else. */
  | "failed";

/** An error of this package. */
export class HolmError extends Error {
  override readonly name = "HolmError";
  readonly kind: ErrorKind;
  /** What to do about it. */
  readonly help?: string;
  /** The POSIX name of a file error. */
  readonly errno?: string;

  constructor(
    kind: ErrorKind,
    message: string,
    more: { help?: string; errno?: string; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.kind = kind;
    if (more.help !== undefined) {
      this.help = more.help;
    }
    if (more.errno !== undefined) {
      this.errno = more.errno;
    }
  }
}
