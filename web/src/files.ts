// The files of the system, as the page reaches them.

import type { KernelLink } from "./kernel/link.js";
import type { DirectoryEntry, FileInfo, Files } from "./types.js";

export class SystemFiles implements Files {
  readonly #link: KernelLink;

  constructor(link: KernelLink) {
    this.#link = link;
  }

  async read(path: string): Promise<Uint8Array> {
    return (await this.#link.files({ do: "read", path })).bytes ?? new Uint8Array(0);
  }

  async readText(path: string): Promise<string> {
    return new TextDecoder().decode(await this.read(path));
  }

  async write(path: string, data: string | BufferSource | Blob): Promise<void> {
    let bytes: Uint8Array;
    if (typeof data === "string") {
      bytes = new TextEncoder().encode(data);
    } else if (data instanceof Blob) {
      bytes = new Uint8Array(await data.arrayBuffer());
    } else if (ArrayBuffer.isView(data)) {
      bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    } else {
      bytes = new Uint8Array(data);
    }
    await this.#link.files({ do: "write", path, data: bytes });
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    return (await this.#link.files({ do: "list", path })).ok as DirectoryEntry[];
  }

  async stat(path: string): Promise<FileInfo> {
    return (await this.#link.files({ do: "stat", path })).ok as FileInfo;
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#link.files({ do: "make-directory", path });
  }

  async makeLink(path: string, target: string): Promise<void> {
    await this.#link.files({ do: "make-link", path, target });
  }

  async readLink(path: string): Promise<string> {
    return (await this.#link.files({ do: "read-link", path })).ok as string;
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#link.files({ do: "rename", path: from, to });
  }

  async remove(path: string): Promise<void> {
    await this.#link.files({ do: "remove", path });
  }

  async sync(): Promise<void> {
    await this.#link.order({ do: "sync" });
  }
}
