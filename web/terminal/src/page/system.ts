// Boots the system: the kernel, `/tmp` in memory, `/home` on a disk of the browser, `/bin`.

import { Holm, type Holm as System } from "@holm/web";

/** Where `/home` is kept, in words. */
export interface StorageState {
  kept: boolean;
  words: string;
  /** What went wrong, when it is not kept. */
  problem?: unknown;
}

/** A system with its `/home`. */
export interface Booted {
  holm: System;
  storage: StorageState;
}

const HOME_MEMORY = "512MiB";

/** Boots; rejects with the system's own words when this browser cannot run it. */
export async function boot(): Promise<Booted> {
  const holm = await Holm.boot({
    mounts: { "/tmp": { memory: "256MiB" } },
    // As many as a pipeline usually has.
    workers: { idle: 4 },
  });
  return { holm, storage: await mountHome(holm) };
}

async function mountHome(holm: System): Promise<StorageState> {
  try {
    await holm.mount("/home", { opfs: "home" });
    // The browser may else clear it when space is short; asked for where no question is shown.
    void navigator.storage?.persist?.().catch(() => false);
    return { kept: true, words: "a disk in this browser's storage: what is there stays" };
  } catch (problem) {
    await holm.mount("/home", { memory: HOME_MEMORY });
    return { kept: false, words: "memory: gone when the page is closed", problem };
  }
}

/** Mounts the programs that come with the page at `/bin`. */
export async function mountPrograms(holm: System): Promise<void> {
  const response = await fetch(new URL("programs.tar.gz", document.baseURI));
  if (!response.ok)
    throw new Error(`the programs of /bin cannot be had: the server answers ${response.status}`);
  await holm.mount("/bin", { archive: await response.blob() });
}

/** How long changes are gathered before they are put on the disk. */
const SYNC_AFTER_MS = 1_000;

/** Puts what has changed on the disk, a moment later, and when the page goes out of sight. */
export class Syncer {
  readonly #holm: System;
  readonly #failed: (error: unknown) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(holm: System, failed: (error: unknown) => void) {
    this.#holm = holm;
    this.#failed = failed;
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") this.#now();
    });
  }

  /** Files may have changed. */
  soon(): void {
    this.#timer ??= setTimeout(() => this.#now(), SYNC_AFTER_MS);
  }

  #now(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#holm.files.sync().catch(this.#failed);
  }
}
