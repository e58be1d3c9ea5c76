// Messages between the page, the kernel's worker and the guests' workers.

import type { Exit, Trap, Usage } from "./types.js";

/** What a kernel worker is started with. */
export interface KernelStart {
  kernel: WebAssembly.Module;
  seed?: bigint;
  /** Bell of the shared-memory transport; absent, guests send messages. */
  bell?: SharedArrayBuffer;
}

/** The page to the kernel's worker. */
export type ToKernel =
  | { start: KernelStart }
  /** A worker for guests, which will send its calls through `port`. */
  | { attach: number; port: MessagePort; channel?: SharedArrayBuffer }
  | { detach: number }
  /** An order; `worker` will run the process of a `spawn`. */
  | { order: object; id: number; bytes?: Uint8Array; worker?: number }
  /** A look at the files. */
  | { files: FilesRequest; id: number }
  /** Writes disks back and lets go of their images: the end. */
  | { stop: number }
  | { wire: number; worker: number };

/** The kernel's worker to the page. */
export type FromKernel =
  | { started: true; origin: number }
  | { answer: number; ok: unknown; bytes?: Uint8Array }
  | { answer: number; error: { kind: string; message: string } }
  | { event: KernelEvent; bytes: Uint8Array }
  | { failed: string };

/** What the kernel tells; see crates/host-web/src/event.rs. */
export type KernelEvent =
  | { on: "output" | "closed" | "taken" | "broken"; stream: number }
  | { on: "trace"; pid: number }
  | { on: "mounted"; ticket: number; error: string | null }
  | { on: "fetch"; ticket: number; url: string; offset: number; length: number }
  | ({ on: "ended"; pid: number; task: number; computing: boolean; usage: Usage } & Pick<
      Exit,
      "code" | "signal" | "refusals"
    > & { report?: EndReport });

/** What a command line says of the end of a process; see crates/host-web/src/event.rs. */
export interface EndReport {
  note: string | null;
  refusals: string[];
  stats: string[];
  learned: object | null;
}

/** What a command line gives a process; see `CommandSpawn` in crates/host-web/src/control.rs. */
export interface CommandSpawn {
  mounts: { path: string; guest: string; access: string; source: string }[];
  coarseClock: boolean;
  memoryBytes: number | null;
  cpuNs: number | null;
  wallNs: number | null;
  descriptors: number | null;
  stats: boolean;
  startNs: number;
  code: string;
  learn: boolean;
}

/** A look at the files, or a change of them. */
export type FilesRequest =
  | {
      do: "read" | "list" | "stat" | "make-directory" | "read-link" | "remove";
      path: string;
    }
  | { do: "write"; path: string; data: Uint8Array }
  | { do: "make-link"; path: string; target: string }
  | { do: "rename"; path: string; to: string };

/** A spawned process, as the kernel answers. */
export interface Spawned {
  pid: number;
  task: number;
  streams: [number | null, number | null, number | null];
  memoryBytes: number | null;
  local: { arguments: string[]; environment: string[] } | null;
}

/** The page to a guest's worker. */
export type ToGuest =
  | { connect: MessagePort; channel?: SharedArrayBuffer; bell?: SharedArrayBuffer }
  | {
      run: WebAssembly.Module;
      task: number;
      /** Made for a program that imports its memory. */
      memory?: WebAssembly.MemoryDescriptor & { module: string; name: string };
      invoke?: { name: string; arguments: string[]; parameters: string[] };
      local?: { arguments: string[]; environment: string[]; origin: number };
    };

/** A function of the guest that was running when it trapped. */
export interface TrapPlace {
  /** Its index in the module. */
  index: number;
  /** Bytes from the start of the module's file. */
  offset: number;
  /** Its name, as the engine tells it. */
  name: string | undefined;
}

/** How a guest was left. */
export type GuestEnd =
  | { end: "returned"; results: string[] }
  | { end: "left" }
  | {
      end: "trapped";
      trap: Trap;
      kind: string | undefined;
      during: "instantiation" | "initialisation" | "entry";
      places: TrapPlace[];
    }
  | { end: "failed"; kind: string; message: string };

/** A guest's worker to the page. */
export type FromGuest = { ready: true } | { done: GuestEnd };

/** Words of a channel in shared memory, before its bytes. */
export const CHANNEL_HEADER = 64;
/** Index of a channel's state. */
export const STATE = 0;
/** Index of the length of what the channel carries. */
export const LENGTH = 1;
/** Index of the task that calls. */
export const TASK = 2;
/** Index of whether more of a reply is to come. */
export const MORE = 3;

/** States of a channel. */
export const IDLE = 0;
/** The guest asked and spins. */
export const ASKED = 1;
/** The guest asked and sleeps until it is notified. */
export const ASKED_ASLEEP = 2;
/** The kernel has answered, or a part of it. */
export const ANSWERED = 3;

/** Index, in the bell, of whether the kernel sleeps. */
export const BELL = 0;
/** Index, in the bell, of how many messages were sent: the kernel stops spinning to hear them. */
export const MAIL = 1;

/** The kernel looks at the channels by itself. */
export const AWAKE = 1;
