// Files given to the system: dropped on the page, or picked. Folders come whole.

import { isModule } from "../shell/builtins/open.js";
import { formatSize } from "../shell/format.js";
import { archiveStem, baseName, isArchive, join, parentOf, safeName } from "../shell/paths.js";
import { HOME, type Session } from "../shell/session.js";
import type { Notices } from "./notices.js";

/** A file with its path below what was given. */
interface Given {
  path: string;
  file: File;
}

/** Most files that one drop may bring. */
const FILES_MOST = 20_000;

/** What came, and what it became. */
export class Adder {
  readonly #session: Session;
  readonly #notices: Notices;
  readonly #run: (path: string) => void;
  readonly #failed: (error: unknown) => void;

  constructor(
    session: Session,
    notices: Notices,
    run: (path: string) => void,
    failed: (error: unknown) => void,
  ) {
    this.#session = session;
    this.#notices = notices;
    this.#run = run;
    this.#failed = failed;
  }

  /** Lets somebody pick files, or a folder. */
  pick(folder: boolean): void {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.webkitdirectory = folder;
    input.addEventListener("change", () => {
      const files = Array.from(input.files ?? [], (file) => ({
        path: file.webkitRelativePath || file.name,
        file,
      }));
      void this.add(files);
    });
    input.click();
  }

  /** Takes what was dropped. */
  async drop(items: DataTransferItemList): Promise<void> {
    // The list is emptied as soon as the event is over, so that all entries are taken at once.
    const entries: FileSystemEntry[] = [];
    const given: Given[] = [];
    for (const item of Array.from(items)) {
      const entry = item.webkitGetAsEntry?.();
      const file = entry ? undefined : item.getAsFile();
      if (entry) entries.push(entry);
      else if (file) given.push({ path: file.name, file });
    }
    try {
      for (const entry of entries) await gather(entry, "", given);
    } catch (error) {
      this.#failed(error);
    }
    await this.add(given);
  }

  async add(given: readonly Given[]): Promise<void> {
    if (given.length === 0) return;
    const notice = this.#notices.show("Adding files…", { stays: true });
    try {
      const plain: Given[] = [];
      for (const each of given) {
        if (!each.path.includes("/") && isArchive(each.file.name)) await this.#mount(each.file);
        else plain.push(each);
      }
      const renamed = new Map<string, string>();
      const total = plain.reduce((sum, each) => sum + each.file.size, 0);
      let done = 0;
      let written = "";
      for (const [at, { path, file }] of plain.entries()) {
        notice.update(
          `Adding ${at + 1} of ${plain.length}: ${formatSize(done)} of ${formatSize(total)}`,
        );
        written = await this.#place(path, renamed);
        await this.#session.holm.files.makeDirectory(parentOf(written));
        await this.#session.holm.files.write(written, file);
        done += file.size;
      }
      this.#session.page.filesChanged();
      notice.close();
      await this.#tell(plain, written, [...renamed.values()]);
    } catch (error) {
      notice.close();
      this.#failed(error);
    }
  }

  async #tell(plain: readonly Given[], written: string, tops: readonly string[]): Promise<void> {
    const [first] = plain;
    if (!first) return;
    const isProgram =
      plain.length === 1 && isModule(new Uint8Array(await first.file.slice(0, 4).arrayBuffer()));
    if (isProgram) {
      this.#notices.show(`${baseName(written)} is in /home.`, {
        action: { text: "Run it", run: () => this.#run(written) },
        stays: true,
      });
    } else {
      const what = plain.length === 1 ? `${baseName(written)} is` : `${plain.length} files are`;
      const where = tops.length === 1 && plain.length > 1 ? (tops[0] ?? HOME) : HOME;
      this.#notices.show(`${what} now in ${where}.`);
    }
  }

  /** Where a given path goes: names that are taken get a number, and nothing is written over. */
  async #place(path: string, renamed: Map<string, string>): Promise<string> {
    const [top = "file", ...below] = path
      .split("/")
      .filter((name) => name !== "" && name !== "." && name !== "..");
    const key = below.length === 0 ? path : top;
    let place = renamed.get(key);
    if (place === undefined || below.length === 0) {
      place = await this.#free(below.length === 0 ? safeName(top) : top);
      renamed.set(key, place);
    }
    return [place, ...below].join("/");
  }

  async #free(name: string): Promise<string> {
    const dot = name.lastIndexOf(".");
    const stem = dot > 0 ? name.slice(0, dot) : name;
    const ending = dot > 0 ? name.slice(dot) : "";
    for (let count = 1; ; count += 1) {
      const place = join(HOME, count === 1 ? name : `${stem}-${count}${ending}`);
      const taken = await this.#session.holm.files.stat(place).then(
        () => true,
        () => false,
      );
      if (!taken) return place;
    }
  }

  async #mount(file: File): Promise<void> {
    const taken = new Set((await this.#session.holm.mounts()).map((each) => each.path));
    const stem = archiveStem(file.name);
    let place = join("/mnt", stem);
    for (let count = 2; taken.has(place); count += 1) place = join("/mnt", `${stem}-${count}`);
    await this.#session.holm.mount(place, { archive: file });
    this.#notices.show(`The files of ${file.name} are at ${place}, read-only.`);
    this.#session.page.filesChanged();
  }
}

/** Collects the files below an entry. */
async function gather(entry: FileSystemEntry, prefix: string, into: Given[]): Promise<void> {
  const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
  if (into.length >= FILES_MOST)
    throw new Error(
      `more than ${FILES_MOST.toLocaleString()} files: put them into an archive and drop that`,
    );
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    into.push({ path, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (batch.length === 0) return;
    for (const each of batch) await gather(each, path, into);
  }
}

/** Makes the whole page a place to drop files on. */
export function watchDrops(page: HTMLElement, onDrop: (items: DataTransferItemList) => void): void {
  let depth = 0;
  const mark = (change: number): void => {
    depth = Math.max(0, depth + change);
    page.classList.toggle("is-dropping", depth > 0);
  };
  const brings = (event: DragEvent): boolean =>
    event.dataTransfer?.types.includes("Files") === true;
  page.addEventListener("dragenter", (event) => {
    if (brings(event)) mark(1);
  });
  page.addEventListener("dragleave", (event) => {
    if (brings(event)) mark(-1);
  });
  page.addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
  });
  page.addEventListener("drop", (event) => {
    if (!brings(event) || !event.dataTransfer) return;
    event.preventDefault();
    mark(-depth);
    onDrop(event.dataTransfer.items);
  });
}
