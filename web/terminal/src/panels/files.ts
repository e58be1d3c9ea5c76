// The Files panel: the system's files as a tree, and what can be done with the one selected.

import type { Holm, MountInfo } from "@holm/web";
import { ask } from "../page/dialogs.js";
import { button, element, icon } from "../page/dom.js";
import { formatDate, formatSize } from "../shell/format.js";
import { baseName, join, parentOf } from "../shell/paths.js";
import { printable } from "../shell/width.js";
import type { Panel } from "./panel.js";
import { type Node, Tree } from "./tree.js";
import { saveFile, viewFile } from "./viewer.js";

/** What the panel asks of the page. */
export interface FilesPage {
  runProgram(path: string): void;
  addFiles(folder: boolean): void;
  failed(error: unknown): void;
}

/** How long changes are gathered before the tree is read again. */
const SETTLE_MS = 150;
/** Entries that one folder shows. */
const SHOWN_MOST = 2_000;

export class FilesPanel implements Panel {
  readonly name = "files";
  readonly title = "Files";
  readonly icon = "files";
  readonly body: HTMLElement;
  readonly #holm: Holm;
  readonly #page: FilesPage;
  readonly #tree: Tree;
  readonly #actions: HTMLElement;
  #mounts = new Map<string, MountInfo>();
  #visible = false;
  #settling: ReturnType<typeof setTimeout> | undefined;

  constructor(holm: Holm, page: FilesPage) {
    this.#holm = holm;
    this.#page = page;
    this.#tree = new Tree({
      label: "Files of the system",
      children: (path) => this.#children(path),
      selected: (node) => void this.#select(node),
      opened: (node) => void this.#view(node.path),
    });
    this.#tree.expand("/home");
    this.#actions = element("div", { class: "file-actions" });
    this.body = element(
      "div",
      { class: "files" },
      element(
        "div",
        { class: "tools" },
        button("Add files", () => page.addFiles(false), { icon: "add" }),
        button("Add a folder", () => page.addFiles(true), {
          icon: "folder",
          class: "button folder-pick",
        }),
        element("span", { class: "stretch" }),
        button("Read again", () => void this.#refresh(), {
          icon: "refresh",
          iconOnly: true,
          class: "icon-button",
        }),
      ),
      this.#tree.root,
      this.#actions,
    );
    this.#describe(undefined);
  }

  shown(): void {
    this.#visible = true;
    void this.#refresh();
  }

  hidden(): void {
    this.#visible = false;
  }

  /** Files may have changed. */
  changed(): void {
    if (!this.#visible || this.#settling !== undefined) return;
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      void this.#refresh();
    }, SETTLE_MS);
  }

  /** Shows where a file is, and what is in it. */
  async reveal(path: string): Promise<void> {
    for (let at = parentOf(path); at !== "/"; at = parentOf(at)) this.#tree.expand(at);
    await this.#refresh();
    this.#tree.select(path);
    await this.#view(path);
  }

  async #refresh(): Promise<void> {
    if (!this.#visible) return;
    const mounts = await this.#holm.mounts().catch(() => []);
    this.#mounts = new Map(mounts.map((each) => [each.path, each]));
    await this.#tree.refresh();
  }

  async #children(path: string): Promise<Node[]> {
    const entries = await this.#holm.files.list(path).catch(() => []);
    return entries
      .map((entry): Node => {
        const below = join(path, entry.name);
        const folder = entry.kind === "directory";
        const mount = this.#mounts.get(below);
        const drawing = folder ? "folder" : entry.name.endsWith(".wasm") ? "program" : "file";
        return {
          path: below,
          label: printable(entry.name),
          icon: drawing,
          folder,
          ...(mount
            ? { badge: `${sourceOf(mount)}${mount.access === "ro" ? ", read-only" : ""}` }
            : {}),
        };
      })
      .sort((a, b) => Number(b.folder) - Number(a.folder) || (a.label < b.label ? -1 : 1))
      .slice(0, SHOWN_MOST);
  }

  async #select(node: Node | undefined): Promise<void> {
    this.#describe(node);
    if (!node || node.folder) return;
    const info = await this.#holm.files.stat(node.path).catch(() => undefined);
    if (info && this.#tree.selected?.path === node.path) {
      this.#describe(
        node,
        `${formatSize(info.size)}${info.modified > 0 ? `, ${formatDate(info.modified)}` : ""}`,
      );
    }
  }

  #describe(node: Node | undefined, about = ""): void {
    if (!node) {
      this.#actions.replaceChildren(
        element("p", {
          class: "quiet",
          text: "Drop a .wasm, an archive or a folder anywhere on this page, or add files above.",
        }),
      );
      return;
    }
    const { path, folder } = node;
    const name = baseName(path);
    const isMount = this.#mounts.has(path);
    const writable = this.#writable(path);
    this.#actions.replaceChildren(
      element(
        "div",
        { class: "file-name" },
        icon(node.icon),
        element("code", { text: printable(path), title: printable(path) }),
        element("span", { class: "quiet", text: about }),
      ),
      element(
        "div",
        { class: "tools" },
        !folder &&
          name.endsWith(".wasm") &&
          button("Run", () => this.#page.runProgram(path), {
            icon: "run",
            class: "button primary",
          }),
        !folder && button("View", () => void this.#view(path), { icon: "view" }),
        !folder && button("Download", () => void this.#download(path), { icon: "download" }),
        writable &&
          !isMount &&
          path !== "/" &&
          button("Delete", () => void this.#delete(node), {
            icon: "trash",
            class: "button danger",
          }),
        folder && !writable && element("p", { class: "quiet", text: "Read-only" }),
      ),
    );
  }

  #writable(path: string): boolean {
    for (let at = path; at !== "/"; at = parentOf(at)) {
      const mount = this.#mounts.get(at);
      if (mount) return mount.access === "rw";
    }
    return this.#mounts.get("/")?.access === "rw";
  }

  async #view(path: string): Promise<void> {
    await viewFile(this.#holm, path).catch((error: unknown) => this.#page.failed(error));
  }

  async #download(path: string): Promise<void> {
    try {
      saveFile(baseName(path), await this.#holm.files.read(path));
    } catch (error) {
      this.#page.failed(error);
    }
  }

  async #delete(node: Node): Promise<void> {
    const sure = await ask(
      `Delete ${printable(baseName(node.path))}?`,
      node.folder
        ? "The folder and all that is in it are gone for good."
        : "The file is gone for good.",
      "Delete",
    );
    if (!sure) return;
    try {
      await this.#holm.files.remove(node.path);
      this.#tree.select(undefined);
      await this.#refresh();
      this.#tree.focus();
    } catch (error) {
      this.#page.failed(error);
    }
  }
}

/** What a mount's files come from; a bare name is that of a disk. */
function sourceOf({ source }: MountInfo): string {
  const words = ["memory", "archive"].includes(source) || /[/ ]/.test(source);
  return printable(words ? source : `disk ${source}`);
}
