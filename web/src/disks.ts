// The disks of a page: listed, taken out as files and brought in, so that a disk can move
// between the browser and `holm`.

import { HolmError } from "./errors.js";
import { checkDiskName, DiskRefusal, diskFolder, lockDisk } from "./kernel/disks.js";
import type { DiskInfo, Disks } from "./types.js";

/** Does something with a disk that no system has mounted. */
async function alone<T>(name: string, act: (folder: FileSystemDirectoryHandle) => Promise<T>) {
  try {
    checkDiskName(name);
    const folder = await diskFolder();
    const release = await lockDisk(name);
    if (release === undefined) {
      throw new DiskRefusal(
        `the disk ${JSON.stringify(name)} is mounted, in another tab or in this one: unmount it first`,
      );
    }
    try {
      return await act(folder);
    } finally {
      release();
    }
  } catch (error) {
    throw refusal(error, name);
  }
}

function refusal(error: unknown, name: string): HolmError {
  if (error instanceof DiskRefusal) {
    return new HolmError("storage", error.message);
  }
  if ((error as { name?: string }).name === "NotFoundError") {
    return new HolmError("storage", `there is no disk ${JSON.stringify(name)}`, { cause: error });
  }
  if ((error as { name?: string }).name === "QuotaExceededError") {
    return new HolmError("storage", "the browser's storage for this page is full", {
      cause: error,
    });
  }
  return new HolmError("storage", String(error), { cause: error });
}

/** The disks of this origin. */
export const disks: Disks = {
  async list(): Promise<DiskInfo[]> {
    try {
      const found: DiskInfo[] = [];
      const folder = await diskFolder();
      const entries = folder as unknown as AsyncIterable<[string, FileSystemFileHandle]>;
      for await (const [name, handle] of entries) {
        found.push({ name, size: (await handle.getFile()).size });
      }
      return found.sort((one, other) => (one.name < other.name ? -1 : 1));
    } catch (error) {
      throw refusal(error, "");
    }
  },

  async export(name: string): Promise<File> {
    return alone(name, async (folder) => {
      const file = await (await folder.getFileHandle(name)).getFile();
      return new File([await file.arrayBuffer()], `${name}.holm`);
    });
  },

  async import(name: string, image: Blob): Promise<void> {
    await alone(name, async (folder) => {
      const head = new Uint8Array(await image.slice(0, 16).arrayBuffer());
      if (!new TextDecoder().decode(head).startsWith("Holm disk image")) {
        throw new DiskRefusal("it is no Holm disk: `holm disk create` makes one");
      }
      const handle = await folder.getFileHandle(name, { create: true });
      const writable = await handle.createWritable();
      await writable.write(image);
      await writable.close();
    });
  },

  async remove(name: string): Promise<void> {
    await alone(name, (folder) => folder.removeEntry(name));
  },
};
