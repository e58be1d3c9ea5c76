// Images of disks for the kernel: files of the origin private file system, or of Node.
//
// A disk has one writer. In a browser a lock of the origin keeps other tabs out; in Node the
// lock is flock(2), which the native Holm takes too.

import { isNode, nodeModule } from "../platform.js";

/** What a disk could not be opened for, as the page is told. */
export class DiskRefusal extends Error {
  readonly kind = "storage";
}

/** An open image. Offsets and lengths are in bytes. */
interface Image {
  read(target: Uint8Array, offset: number): number;
  write(source: Uint8Array, offset: number): number;
  resize(length: number): void;
  size(): number;
  flush(): void;
  close(): void;
}

/** A file of the origin private file system, open for one worker alone. */
interface SyncAccessHandle {
  read(target: Uint8Array, options: { at: number }): number;
  write(source: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

const FAILED = -1;
const NO_SPACE = -2;
/** Folder of the images in the origin private file system, and what their names end in. */
export const FOLDER = "holm-disks";

/** The images that a worker has open. */
export class Images {
  readonly #open = new Map<number, Image>();
  #next = 1;

  /** What the kernel imports. */
  imports(memory: () => WebAssembly.Memory): WebAssembly.ModuleImports {
    const view = (at: number, length: number) => new Uint8Array(memory().buffer, at, length);
    const attempt = (device: number, act: (image: Image) => number) => {
      const image = this.#open.get(device);
      if (image === undefined) {
        return FAILED;
      }
      try {
        return act(image);
      } catch (error) {
        const { name, code } = error as { name?: string; code?: string };
        return name === "QuotaExceededError" || code === "ENOSPC" || code === "EDQUOT"
          ? NO_SPACE
          : FAILED;
      }
    };
    return {
      disk_read: (device: number, offset: number, at: number, length: number) =>
        attempt(device, (image) => image.read(view(at, length), offset)),
      disk_write: (device: number, offset: number, at: number, length: number) =>
        attempt(device, (image) => image.write(view(at, length), offset)),
      disk_resize: (device: number, length: number) =>
        attempt(device, (image) => {
          image.resize(length);
          return 0;
        }),
      disk_size: (device: number) => attempt(device, (image) => image.size()),
      disk_flush: (device: number) =>
        attempt(device, (image) => {
          image.flush();
          return 0;
        }),
      disk_close: (device: number) => {
        attempt(device, (image) => {
          image.close();
          return 0;
        });
        this.#open.delete(device);
      },
    };
  }

  /** Lets go of every image: others may open them. */
  close(): void {
    for (const image of this.#open.values()) {
      image.close();
    }
    this.#open.clear();
  }

  /** Opens an image; answers its number. */
  async open(from: { opfs: string } | { file: string }, readOnly: boolean): Promise<number> {
    const image =
      "opfs" in from ? await openPrivate(from.opfs) : await openFile(from.file, readOnly);
    const number = this.#next;
    this.#next += 1;
    this.#open.set(number, image);
    return number;
  }
}

/** Takes the lock of a disk; answers how to give it back, or `undefined` when another has it. */
export async function lockDisk(name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(`${FOLDER}/${name}`, { ifAvailable: true }, (lock) => {
        if (lock === null) {
          resolve(undefined);
          return undefined;
        }
        return new Promise<void>((release) => resolve(() => release()));
      })
      .catch(reject);
  });
}

/** The folder of the images. */
export async function diskFolder(): Promise<FileSystemDirectoryHandle> {
  if (typeof navigator === "undefined" || navigator.storage?.getDirectory === undefined) {
    throw new DiskRefusal(
      "this browser has no private file system for the page (OPFS), or refuses it here: it needs a secure origin (https or localhost), and some browsers refuse it in private windows; mount memory instead",
    );
  }
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle(FOLDER, { create: true });
  } catch (error) {
    throw new DiskRefusal(
      `the browser refuses the page its private file system (${String(error)}); in a private window or with storage blocked, mount memory instead`,
    );
  }
}

/** A disk's name is a file's name. */
export function checkDiskName(name: string): void {
  if (!/^[^/\\\0]{1,100}$/.test(name) || name === "." || name === "..") {
    throw new DiskRefusal(
      `${JSON.stringify(name)} is no name for a disk: use up to 100 characters, none of them a slash`,
    );
  }
}

async function openPrivate(name: string): Promise<Image> {
  checkDiskName(name);
  const folder = await diskFolder();
  const release = await lockDisk(name);
  if (release === undefined) {
    throw new DiskRefusal(
      `the disk ${JSON.stringify(name)} is in use, in another tab or in this one: close it there, or use a disk of another name`,
    );
  }
  try {
    const file = await folder.getFileHandle(name, { create: true });
    const handle = await (
      file as unknown as { createSyncAccessHandle(): Promise<SyncAccessHandle> }
    ).createSyncAccessHandle();
    return {
      read: (target, at) => handle.read(target, { at }),
      write: (source, at) => handle.write(source, { at }),
      resize: (length) => handle.truncate(length),
      size: () => handle.getSize(),
      flush: () => handle.flush(),
      close: () => {
        handle.close();
        release();
      },
    };
  } catch (error) {
    release();
    const quota = (error as { name?: string }).name === "QuotaExceededError";
    throw new DiskRefusal(
      quota
        ? "there is no room for a disk: the browser's storage for this page is full"
        : `the disk ${JSON.stringify(name)} cannot be opened: ${String(error)}`,
    );
  }
}

async function openFile(path: string, readOnly: boolean): Promise<Image> {
  if (!isNode) {
    throw new DiskRefusal("a page has no files of the host; use a disk of the page: { opfs }");
  }
  const fs = await nodeModule<typeof import("node:fs")>("fs");
  let fd: number;
  try {
    fd = fs.openSync(path, readOnly ? "r" : "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EISDIR") {
      throw new DiskRefusal(`${path} is no regular file, and a disk image is one`);
    }
    throw new DiskRefusal(`${path}: ${(error as Error).message}`);
  }
  if (!fs.fstatSync(fd).isFile()) {
    fs.closeSync(fd);
    throw new DiskRefusal(`${path} is no regular file, and a disk image is one`);
  }
  const unlock = await lockFile(fd, path, readOnly);
  return {
    read: (target, at) => fs.readSync(fd, target, 0, target.length, at),
    write: (source, at) => fs.writeSync(fd, source, 0, source.length, at),
    resize: (length) => fs.ftruncateSync(fd, length),
    size: () => fs.fstatSync(fd).size,
    flush: () => fs.fdatasyncSync(fd),
    close: () => {
      fs.closeSync(fd);
      unlock();
    },
  };
}

/**
 * Takes flock(2) on an open file. Node cannot, so flock(1) does: the lock belongs to the open
 * file, which it shares with its helper, and stays until both have closed it.
 */
async function lockFile(fd: number, path: string, shared: boolean): Promise<() => void> {
  const { spawnSync } = await nodeModule<typeof import("node:child_process")>("child_process");
  const mode = shared ? "--shared" : "--exclusive";
  const locked = spawnSync("flock", [mode, "--nonblock", "3"], {
    stdio: ["ignore", "ignore", "ignore", fd],
  });
  if (locked.error !== undefined) {
    if (shared) {
      return () => {};
    }
    throw new DiskRefusal(
      `${path}: a disk that is written must be locked, and there is no flock command here; install util-linux, or open the disk read-only`,
    );
  }
  if (locked.status !== 0) {
    throw new DiskRefusal(
      shared
        ? `${path} is in use: it is being written to. Wait until that is done`
        : `${path} is in use: a disk has one writer at a time. Wait until it is done`,
    );
  }
  return () => {};
}
