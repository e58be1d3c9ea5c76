// What the package takes and gives: the types of its public interface.

/** A size in bytes, or as text with a unit: `"64MiB"`. */
export type Size = number | string;

/** Where the files of a mount come from. */
export type MountSource =
  /** A file system in memory that holds up to this much. */
  | { memory: Size }
  /** A disk of this name in the origin private file system; made when there is none. */
  | { opfs: string; size?: Size }
  /**
   * The files of an archive (tar, tar.gz, tar.zst, zip), to be read. A URL is fetched by range
   * where its server and format allow it (`lazy: false` fetches it whole).
   */
  | { archive: string | URL | Blob | BufferSource; lazy?: boolean }
  /** The files of another source; changes stay in memory and are gone at the end. */
  | { copyOf: MountSource; memory?: Size }
  /** Node: a directory of the host. */
  | { directory: string; access?: "ro" | "rw" }
  /** Node: a disk image of the host, as `holm disk` makes it. */
  | { disk: string; access?: "ro" | "rw" };

/** How guests reach the kernel. */
export type Transport = "shared" | "message";

/** What a system is made with. */
export interface BootOptions {
  /** Files of the system, by absolute path. A process sees those that it is granted. */
  mounts?: Record<string, MountSource>;
  /**
   * `shared` is shared memory and needs a cross-origin isolated page; `message` is JSPI over
   * message ports and needs a browser that has it. `auto` takes the first that is there.
   */
  transport?: Transport | "auto";
  /** Makes runs repeatable: a virtual clock, randomness from this seed, sorted directories. */
  seed?: number | bigint;
  /**
   * Most memory of a program that is granted no other limit. 512 MiB on phones and tablets with
   * Safari's engine, which ends tabs that take more; 4 GiB elsewhere.
   */
  memory?: Size;
  /** Workers for guests: how many are kept for the next guest, and how many there may be. */
  workers?: { idle?: number; most?: number };
  /** Where the package's own files are, when a bundler moved them. */
  assets?: Assets;
  /** Called as downloads of lazily or wholly fetched archives go on. */
  onProgress?: (progress: Progress) => void;
}

/** The package's own files. */
export interface Assets {
  /** The kernel's module. */
  kernel?: string | URL | WebAssembly.Module;
  /** The kernel worker's script. */
  kernelWorker?: string | URL;
  /** The guest worker's script. */
  guestWorker?: string | URL;
}

/** How far a download is. */
export interface Progress {
  /** What is downloaded. */
  url: string;
  /** Bytes so far. */
  received: number;
  /** Bytes in all, where the server says so. */
  total?: number;
}

/** What can be run: bytes, a compiled module, or where to get one. */
export type Program =
  | WebAssembly.Module
  | BufferSource
  | Blob
  | Response
  | URL
  | string
  | Promise<Response | WebAssembly.Module>;

/** Where a standard stream of a process leads: to the page, nowhere, or between processes. */
export type Stdio = "pipe" | "null" | Terminal | Pipe;

/**
 * A pipe between two processes, within the kernel: the `stdout` or `stderr` of one and the
 * `stdin` of another.
 */
export interface Pipe {
  /** Lets go of the ends that no process was given. */
  close(): void;
}

/** How a process is started. */
export interface SpawnOptions {
  /** Its name, argument 0. */
  name?: string;
  /** Its arguments, without its name. */
  args?: readonly string[];
  /** Its environment. */
  env?: Readonly<Record<string, string>>;
  /**
   * What it is granted, as options of `holm run`: `"--dir /data:ro"`, `"--tmp 64MiB"`,
   * `"--memory 256MiB"`, `"--clock coarse"`. HOST paths are paths of the system.
   */
  grants?: readonly string[];
  /** Standard streams; `pipe` unless said otherwise, or all three the same terminal. */
  stdin?: Stdio;
  stdout?: Stdio;
  stderr?: Stdio;
  terminal?: Terminal;
  /** Calls this export instead of `_start`, with `args` as its arguments. */
  invoke?: string;
  /** Lets `Process.trace` see each system call. */
  trace?: "text" | "json";
  /** Ends the process when it aborts. */
  signal?: AbortSignal;
}

/** The signals that end a process. */
export type SignalName = "SIGHUP" | "SIGINT" | "SIGQUIT" | "SIGKILL" | "SIGTERM";

/** How a process ended. */
export interface Exit {
  /** Exit code as a shell shows it: the program's own, 128 + N after signal N, 134 after a trap. */
  code: number;
  /** The signal that ended it. */
  signal?: string;
  /** What it trapped on. */
  trap?: Trap;
  /** What was refused to it, and which grant would allow it, in sentences. */
  refusals: string[];
  /** What an invoked function returned, as text. */
  results: string[];
  /** What was used. */
  usage: Usage;
}

/** A guest's end by a trap. */
export interface Trap {
  /** Which: the same words in every engine. */
  message: string;
  /** The engine's own words. */
  detail: string;
  /** The guest's functions, innermost first, as far as the engine tells. */
  frames: string[];
}

/** What a process used. */
export interface Usage {
  /** System calls that reached the kernel. */
  calls: number;
  /** Bytes read from and written to descriptors. */
  bytesIn: number;
  bytesOut: number;
  /** Bytes of memory now, and the most there were. */
  memory: number;
  memoryPeak: number;
  /** Open descriptors. */
  descriptors: number;
}

/** A process as the system lists it. */
export interface ProcessInfo {
  pid: number;
  parent?: number;
  name: string;
  args: string[];
  /** `running` computes, `waiting` waits in a system call. */
  state: "running" | "waiting" | "ended";
  /** In which call it waits. */
  waitsIn?: string;
  /** Its grants, as options of `holm run`. */
  grants: string[];
  usage: Usage;
  /** Seconds since it started. */
  age: number;
}

/** A running program. */
export interface Process {
  readonly pid: number;
  readonly name: string;
  /** What it reads as standard input; close it for the end of the input. */
  readonly stdin: WritableStream<Uint8Array>;
  /** What it writes. Unread output blocks the process, as a pipe does. */
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Lines of its trace, when it was started with `trace`. */
  readonly trace: ReadableStream<string>;
  /** Settles when it has ended; never rejects. */
  readonly exited: Promise<Exit>;
  /** Ends it: waiting or computing. */
  kill(signal?: SignalName): void;
}

/** A finished run with what it wrote. */
export interface Output extends Exit {
  stdout: string;
  stderr: string;
}

/** A terminal of the system: what a page draws, and types into. */
export interface Terminal {
  /** Bytes to draw. */
  readonly output: ReadableStream<Uint8Array>;
  /** What somebody typed. Line editing, echo and Ctrl-C are the kernel's. */
  input(data: string | Uint8Array): void;
  resize(columns: number, rows: number): void;
  /** `line` edits lines and echoes; `raw` passes each key on. */
  setMode(mode: "line" | "raw"): void;
  close(): void;
}

/** What kind of file something is. */
export type FileKind = "file" | "directory" | "symlink" | "device" | "other";

/** An entry of a directory. */
export interface DirectoryEntry {
  name: string;
  kind: FileKind;
}

/** What is known of a file. */
export interface FileInfo {
  kind: FileKind;
  size: number;
  /** Milliseconds since 1970. */
  modified: number;
}

/** The files of the system, seen from outside. */
export interface Files {
  read(path: string): Promise<Uint8Array>;
  readText(path: string): Promise<string>;
  /** Writes a file whole; makes it when there is none. */
  write(path: string, data: string | BufferSource | Blob): Promise<void>;
  list(path: string): Promise<DirectoryEntry[]>;
  stat(path: string): Promise<FileInfo>;
  /** Makes a directory and those that lead to it. */
  makeDirectory(path: string): Promise<void>;
  /** Makes a symbolic link at `path`. Where it leads is kept as it is written here. */
  makeLink(path: string, target: string): Promise<void>;
  /** Where a symbolic link leads. */
  readLink(path: string): Promise<string>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory with what is in it. */
  remove(path: string): Promise<void>;
  /** Waits until everything written is on stable storage. */
  sync(): Promise<void>;
}

/** A disk of the page. */
export interface DiskInfo {
  name: string;
  /** Bytes that its image takes. */
  size: number;
}

/** The disks of the page's origin, as images: the same format that `holm disk` uses. */
export interface Disks {
  list(): Promise<DiskInfo[]>;
  /** The image of a disk that is not mounted, to be saved as a file. */
  export(name: string): Promise<File>;
  /** Makes a disk of an image, replacing the disk of that name. */
  import(name: string, image: Blob): Promise<void>;
  remove(name: string): Promise<void>;
}

/** A mounted source. */
export interface MountInfo {
  path: string;
  /** In words: `memory`, a disk's name, an archive's address. */
  source: string;
  access: "ro" | "rw";
  /** Bytes in use and in all, of a disk. */
  used?: number;
  size?: number;
}

/** A running system: one kernel in a worker of its own, guests in others. */
export interface Holm {
  readonly transport: Transport;
  readonly files: Files;
  /** Starts a program. */
  spawn(program: Program, options?: SpawnOptions): Promise<Process>;
  /** Runs a program to its end and collects what it writes. */
  run(
    program: Program,
    options?: SpawnOptions & { input?: string | BufferSource },
  ): Promise<Output>;
  /** Compiles a program once, to be started often. */
  compile(program: Program): Promise<WebAssembly.Module>;
  terminal(columns: number, rows: number): Promise<Terminal>;
  /** A pipe, to be given to the two processes that it connects. */
  pipe(): Promise<Pipe>;
  processes(): Promise<ProcessInfo[]>;
  mounts(): Promise<MountInfo[]>;
  mount(path: string, source: MountSource): Promise<void>;
  unmount(path: string): Promise<void>;
  /** Ends every process, writes disks back and stops the workers. */
  shutdown(): Promise<void>;
}
