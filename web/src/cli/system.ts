// The system that a command runs its program in: a kernel's worker and one for the program,
// started while the command line is read.

import { KernelLink } from "../kernel/link.js";
import { kernelModule } from "../kernel/load.js";
import { GuestPool, type GuestWorker } from "../pool.js";
import type { KernelStart } from "../protocol.js";

/** A system that is starting. */
export class System {
  /** The worker for the program. */
  readonly worker: Promise<GuestWorker>;
  readonly link: Promise<KernelLink>;
  #start: (seed: bigint | undefined) => void = () => {};

  constructor() {
    const bell = new SharedArrayBuffer(8);
    const module = kernelModule();
    const seeded = new Promise<bigint | undefined>((resolve) => {
      this.#start = resolve;
    });
    const start = Promise.all([module, seeded]).then(
      ([kernel, seed]): KernelStart => ({ kernel, bell, ...(seed === undefined ? {} : { seed }) }),
    );
    this.link = KernelLink.start(new URL("./kernel-worker.js", import.meta.url), start);
    const pool = new GuestPool(
      new URL("./guest-worker.js", import.meta.url),
      bell,
      {
        attach: (...given) => void this.link.then((link) => link.attach(...given)),
        detach: (number) => void this.link.then((link) => link.detach(number)),
      },
      { idle: 1, most: 1 },
    );
    this.worker = pool.take();
    // What goes wrong is told to whoever asks for it.
    this.link.catch(() => {});
    this.worker.catch(() => {});
  }

  /** Boots the kernel; with a seed, runs are repeatable. */
  boot(seed: bigint | undefined): Promise<KernelLink> {
    this.#start(seed);
    return this.link;
  }
}
