// The kernel's worker: takes calls of guests and orders of the page, and never waits.
//
// In an isolated page guests ask through shared memory. While any of them is busy the worker
// looks at their channels by itself, for a little while after the last call; then it says in
// the bell that it sleeps, and the next call comes with a message. Between slices of work it
// goes through its event loop, so that the page, timers and downloads are heard.

import { REQUEST_MAX } from "../generated/p1.js";
import { hostDirectoryImports } from "../node/directory.js";
import { writeOut } from "../node/output.js";
import { standardStreamImports } from "../node/standard.js";
import { workerScope } from "../platform.js";
import {
  AWAKE,
  BELL,
  type FromKernel,
  type KernelEvent,
  MAIL,
  type ToKernel,
} from "../protocol.js";
import { Images } from "./disks.js";
import { SystemFiles } from "./files.js";
import { type MessageGuest, SharedGuest } from "./guests.js";
import { CALLED, GONE, KernelModule, READY } from "./module.js";
import { fetchRange } from "./ranges.js";

/** Milliseconds of looking at the channels after the last call. */
const SPIN_MS = 0.05;
/** Looks between two looks at the clock. */
const SPINS = 64;
/** Milliseconds of work between two visits to the event loop. */
const SLICE_MS = 2;
/** The longest time-out of a timer. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

const scope = await workerScope<ToKernel, FromKernel>();
const hostImports = await hostDirectoryImports();
const standardImports = await standardStreamImports((stream) => {
  kernel?.order({ do: "ready", stream });
  work();
});
const images = new Images();
const workers = new Map<number, SharedGuest | MessageGuest>();
/** Which worker runs which task. */
const tasks = new Map<number, number>();
let shared: SharedGuest[] = [];
let kernel: KernelModule | undefined;
let files: SystemFiles | undefined;
let bell: Int32Array | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let slicing = false;
/** When the channels are not looked at any more: a little after the last call, not after a message. */
let spinsUntil = 0;
/** The descriptor that traces are written to, in a command. */
let traceTo: number | undefined;

/** A message to itself: a visit to the event loop without the clamp of a timer. */
const self = new MessageChannel();
self.port1.onmessage = () => {
  slicing = false;
  work();
};

scope.listen((message) => {
  try {
    receive(message);
  } catch (error) {
    fail(error);
  }
});

function receive(message: ToKernel): void {
  if ("start" in message) {
    const { start } = message;
    kernel = new KernelModule(
      start.kernel,
      (event, bytes) => {
        if (event.on === "fetch") {
          void bring(event);
        } else if (event.on === "trace" && traceTo !== undefined) {
          writeOut(traceTo, bytes);
        } else {
          scope.post({ event, bytes }, bytes.length > 0 ? [bytes.buffer as ArrayBuffer] : []);
        }
      },
      start.seed,
      (memory) => ({
        ...hostImports(memory),
        ...standardImports(memory),
        ...images.imports(memory),
      }),
    );
    files = new SystemFiles(kernel);
    bell = start.bell === undefined ? undefined : new Int32Array(start.bell);
    scope.post({ started: true, origin: performance.timeOrigin });
    return;
  }
  if ("attach" in message) {
    attach(message.attach, message.port, message.channel);
    return;
  }
  if ("detach" in message) {
    detaching.add(message.detach);
    detach(message.detach);
    return;
  }
  if (kernel === undefined || files === undefined) {
    return;
  }
  if ("stop" in message) {
    const answer = kernel.order({ do: "sync" });
    images.close();
    kernel = undefined;
    scope.post(
      "ok" in answer
        ? { answer: message.stop, ok: null }
        : { answer: message.stop, error: answer.error },
    );
    return;
  }
  if ("files" in message) {
    void files
      .carryOut(message.files)
      .then(
        ({ ok, bytes }) =>
          scope.post(
            bytes === undefined ? { answer: message.id, ok } : { answer: message.id, ok, bytes },
            bytes === undefined ? [] : [bytes.buffer],
          ),
        (error: { kind?: string; message: string }) =>
          scope.post({
            answer: message.id,
            error: { kind: error.kind ?? "failed", message: error.message },
          }),
      )
      .then(work)
      .catch(fail);
  } else if ("order" in message) {
    const disk = wantedDisk(message.order);
    if (disk !== undefined && disk.device === undefined) {
      openDisk(message, disk);
      return;
    }
    // What was mounted is let go of only once nobody looks at it any more.
    const unmounts = (message.order as { do: string }).do === "unmount";
    if (unmounts) {
      void files.settled().then(() => carryOut(message));
    } else {
      carryOut(message);
    }
  }
  work();
}

/** Carries an order out, and answers it. */
function carryOut(message: Extract<ToKernel, { order: object }>): void {
  if (kernel === undefined) {
    return;
  }
  traceTo = (message.order as { traceTo?: number }).traceTo ?? traceTo;
  try {
    const answer = kernel.order(message.order, message.bytes);
    if ("error" in answer) {
      scope.post({ answer: message.id, error: answer.error });
    } else {
      const task = (answer.ok as { task?: number } | null)?.task;
      if (task !== undefined && message.worker !== undefined) {
        tasks.set(task, message.worker);
        const worker = workers.get(message.worker);
        if (worker !== undefined && !(worker instanceof SharedGuest)) {
          worker.task = task;
        }
      }
      const { do: kind, task: over } = message.order as { do: string; task?: number };
      if (kind === "end" && over !== undefined) {
        forget(over);
      }
      if (kind === "mount") {
        void files?.settled();
      }
      scope.post({ answer: message.id, ok: answer.ok });
    }
    work();
  } catch (error) {
    fail(error);
  }
}

/** Workers that are gone, or will be once the end of their last guest was heard. */
const detaching = new Set<number>();

/** Lets go of a worker that is to be detached, unless its guest's end is still to be heard. */
function detach(number: number): void {
  if (!detaching.has(number) || [...tasks.values()].includes(number)) {
    return;
  }
  detaching.delete(number);
  const worker = workers.get(number);
  worker?.port.close();
  workers.delete(number);
  shared = shared.filter((one) => one !== worker);
}

/** A task is over: its worker may be let go of. */
function forget(task: number): void {
  const worker = tasks.get(task);
  tasks.delete(task);
  if (worker !== undefined) {
    detach(worker);
  }
}

/** The disk that an order wants to mount. */
interface WantedDisk {
  opfs?: string;
  file?: string;
  readOnly: boolean;
  /** The number of its image, once it is open. */
  device?: number;
}

function wantedDisk(order: object): WantedDisk | undefined {
  let source = (order as { source?: { copy?: { of: object }; disk?: WantedDisk } }).source;
  while (source?.copy !== undefined) {
    source = source.copy.of as typeof source;
  }
  return source?.disk;
}

/** Opens the image of a disk, and carries the order out then. */
function openDisk(message: Extract<ToKernel, { order: object }>, disk: WantedDisk): void {
  const from = disk.opfs === undefined ? { file: disk.file ?? "" } : { opfs: disk.opfs };
  images.open(from, disk.readOnly).then(
    (device) => {
      disk.device = device;
      try {
        receive(message);
      } catch (error) {
        fail(error);
      }
    },
    (error: Error) =>
      scope.post({ answer: message.id, error: { kind: "storage", message: error.message } }),
  );
}

function attach(number: number, port: MessagePort, channel: SharedArrayBuffer | undefined): void {
  if (channel === undefined) {
    workers.set(number, { port, task: 0 });
  } else {
    const guest = new SharedGuest(number, port, channel);
    workers.set(number, guest);
    shared.push(guest);
  }
  port.onmessage = (event: MessageEvent) => {
    try {
      hear(number, event.data);
    } catch (error) {
      fail(error);
    }
  };
}

/** What a guest's worker says: a call, the end of its guest, or that there is one to look for. */
function hear(number: number, data: unknown): void {
  if (kernel === undefined) {
    return;
  }
  if (data instanceof Uint8Array) {
    const worker = workers.get(number);
    if (worker !== undefined && !(worker instanceof SharedGuest)) {
      ask(kernel, worker, data);
    }
  } else if (typeof data === "object" && data !== null) {
    const { task, ended } = data as { task: number; ended: keyof typeof ENDS };
    kernel.order({ do: "end", task, how: ENDS[ended] ?? "lost" });
    forget(task);
    work();
  } else {
    work();
  }
}

/** How a guest was left, as the kernel calls it. */
const ENDS = { returned: "returned", left: "returned", trapped: "trapped", failed: "lost" };

/** Makes the call that came as a message. */
function ask(kernel: KernelModule, worker: MessageGuest, request: Uint8Array): void {
  const { task } = worker;
  if (request.length > REQUEST_MAX) {
    kernel.order({ do: "end", task, how: "lost" });
    worker.port.postMessage(LEFT);
    return;
  }
  kernel.bytes.set(request, kernel.request);
  const called = kernel.call(task, request.length);
  switch (called & ~READY) {
    case CALLED:
      reply(kernel, worker);
      break;
    case GONE:
      worker.port.postMessage(LEFT);
      break;
    default:
      break;
  }
  // Most calls answer at once, and change nothing that a timer waits for.
  if (called !== CALLED) {
    work();
  }
}

/** Bytes up to which copying costs less than handing a buffer over. */
const COPIED = 16384;

function reply(kernel: KernelModule, worker: MessageGuest): void {
  const at = kernel.outputAt;
  const bytes = kernel.bytes.slice(at, at + kernel.outputLength);
  worker.port.postMessage(bytes, bytes.length > COPIED ? [bytes.buffer] : []);
}

/** Gives a task the reply that the kernel has for it. */
function answer(task: number): void {
  if (kernel === undefined || files?.answers(task) === true) {
    return;
  }
  const worker = workers.get(tasks.get(task) ?? 0);
  if (worker instanceof SharedGuest) {
    worker.answerFrom(kernel);
  } else if (worker !== undefined) {
    reply(kernel, worker);
  }
}

/** Takes the calls of the channels; answers whether there were any. */
function serve(kernel: KernelModule): boolean {
  let served = false;
  for (const guest of shared) {
    if (!guest.asks) {
      continue;
    }
    served = true;
    const { task, length } = guest;
    if (length === 0) {
      guest.answerRest();
      continue;
    }
    if (length > REQUEST_MAX || tasks.get(task) !== guest.number) {
      // No guest's side of ours: it is left alone from here on.
      guest.answer(LEFT, 0, LEFT.length);
      continue;
    }
    guest.bring(kernel, length);
    const called = kernel.call(task, length);
    switch (called & ~READY) {
      case CALLED:
        guest.answerFrom(kernel);
        break;
      case GONE:
        guest.answer(LEFT, 0, LEFT.length);
        break;
      default:
        guest.waits();
        break;
    }
    if ((called & READY) !== 0) {
      turn(kernel);
    }
  }
  return served;
}

/** A reply for a task that is gone: leave. */
const LEFT = new Uint8Array(new Int32Array([1, 0, 0, 16]).buffer);

/** Completes the calls that can be. */
function turn(kernel: KernelModule): void {
  for (let task = kernel.turn(); task !== 0; task = kernel.turn()) {
    answer(task);
  }
}

/** Works until there is nothing to do, or a slice is over. */
function work(): void {
  if (kernel === undefined || slicing) {
    return;
  }
  try {
    turn(kernel);
    if (bell !== undefined && shared.length > 0) {
      Atomics.store(bell, BELL, AWAKE);
      const end = performance.now() + SLICE_MS;
      const mail = Atomics.load(bell, MAIL);
      for (;;) {
        let served = false;
        for (let spin = 0; spin < SPINS; spin += 1) {
          served = serve(kernel) || served;
        }
        const now = performance.now();
        if (served) {
          spinsUntil = now + SPIN_MS;
        }
        if (now > end || Atomics.load(bell, MAIL) !== mail) {
          slicing = true;
          self.port2.postMessage(0);
          return;
        }
        if (now > spinsUntil) {
          Atomics.store(bell, BELL, 0);
          if (!serve(kernel)) {
            break;
          }
          Atomics.store(bell, BELL, AWAKE);
        }
      }
      turn(kernel);
    }
    schedule(kernel);
  } catch (error) {
    fail(error);
  }
}

/** Brings bytes of an archive that the kernel needs. */
async function bring(wanted: Extract<KernelEvent, { on: "fetch" }>): Promise<void> {
  const { ticket } = wanted;
  let order: object;
  let bytes: Uint8Array | undefined;
  try {
    const range = await fetchRange(wanted.url, wanted.offset, wanted.length);
    order = { do: "fetched", ticket, length: range.total, tag: range.tag };
    bytes = range.bytes;
  } catch (error) {
    order = { do: "not-fetched", ticket, why: error instanceof Error ? error.message : "" };
  }
  try {
    kernel?.order(order, bytes);
    work();
  } catch (error) {
    fail(error);
  }
}

/** Wakes up when the kernel has something to do at a time. */
function schedule(kernel: KernelModule): void {
  clearTimeout(timer);
  const wait = kernel.wait();
  if (wait !== Number.POSITIVE_INFINITY) {
    timer = setTimeout(work, Math.min(Math.ceil(wait), TIMEOUT_MAX_MS));
  }
}

/** The kernel has failed: there is nothing left to run. */
function fail(error: unknown): void {
  const reason = kernel?.failure ?? (error instanceof Error ? error.message : String(error));
  kernel = undefined;
  scope.post({ failed: reason });
}
