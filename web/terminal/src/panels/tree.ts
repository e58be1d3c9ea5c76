// A tree that opens as it is asked, for pointers, keys and screen readers alike.

import { element, type IconName, icon } from "../page/dom.js";

/** A line of the tree. */
export interface Node {
  path: string;
  label: string;
  icon: IconName;
  folder: boolean;
  badge?: string;
}

interface Wiring {
  label: string;
  children(path: string): Promise<Node[]>;
  selected(node: Node | undefined): void;
  opened(node: Node): void;
}

export class Tree {
  readonly root: HTMLElement;
  readonly #wiring: Wiring;
  readonly #expanded = new Set<string>();
  #nodes: { node: Node; level: number; row: HTMLElement }[] = [];
  #selected: string | undefined;
  #round = 0;
  #drawn: Promise<void> = Promise.resolve();
  #typed = "";
  #typedAt = 0;

  constructor(wiring: Wiring) {
    this.#wiring = wiring;
    this.root = element("div", {
      class: "tree",
      attributes: { role: "tree", "aria-label": wiring.label },
      on: { keydown: (event) => this.#key(event) },
    });
  }

  get selected(): Node | undefined {
    return this.#nodes.find((each) => each.node.path === this.#selected)?.node;
  }

  expand(path: string): void {
    this.#expanded.add(path);
  }

  focus(): void {
    (this.root.querySelector<HTMLElement>('[tabindex="0"]') ?? this.root).focus();
  }

  select(path: string | undefined): void {
    this.#selected = path;
    this.#mark(false);
    this.#wiring.selected(this.selected);
  }

  /** Reads the open folders again. When it is over they are drawn, by this round or a later one. */
  refresh(): Promise<void> {
    this.#round += 1;
    this.#drawn = this.#read(this.#round);
    return this.#drawn;
  }

  async #read(round: number): Promise<void> {
    const found: { node: Node; level: number }[] = [];
    const gather = async (path: string, level: number): Promise<void> => {
      for (const node of await this.#wiring.children(path)) {
        found.push({ node, level });
        if (node.folder && this.#expanded.has(node.path)) await gather(node.path, level + 1);
      }
    };
    await gather("/", 1);
    // Whoever waits for this round goes on to select what only the later one has drawn.
    if (round === this.#round) this.#draw(found);
    else await this.#drawn;
  }

  #draw(found: readonly { node: Node; level: number }[]): void {
    const focused = this.root.contains(document.activeElement);
    const old = new Map(this.#nodes.map((each) => [each.node.path, each.row]));
    this.#nodes = found.map(({ node, level }) => {
      const row = old.get(node.path) ?? this.#row(node);
      row.style.setProperty("--level", String(level));
      row.setAttribute("aria-level", String(level));
      if (node.folder) row.setAttribute("aria-expanded", String(this.#expanded.has(node.path)));
      return { node, level, row };
    });
    const rows = this.#nodes.map((each) => each.row);
    const same =
      rows.length === this.root.childElementCount &&
      rows.every((row, at) => row === this.root.children[at]);
    if (!same) this.root.replaceChildren(...rows);
    if (this.#selected !== undefined && !this.selected) {
      this.#selected = undefined;
      this.#wiring.selected(undefined);
    }
    this.#mark(focused && !same);
  }

  #row(node: Node): HTMLElement {
    return element(
      "div",
      {
        class: `tree-row${node.folder ? " is-folder" : ""}`,
        attributes: { role: "treeitem", tabindex: "-1", "aria-selected": "false" },
        on: {
          click: () => {
            this.select(node.path);
            this.#mark(true);
            if (node.folder) void this.#toggle(node.path);
          },
          dblclick: () => {
            if (!node.folder) this.#wiring.opened(node);
          },
        },
      },
      node.folder ? icon("chevron") : element("span", { class: "icon" }),
      icon(node.icon),
      element("span", { class: "tree-name", text: node.label }),
      node.badge !== undefined && element("span", { class: "badge", text: node.badge }),
    );
  }

  #mark(focus: boolean): void {
    const at = Math.max(
      0,
      this.#nodes.findIndex((each) => each.node.path === this.#selected),
    );
    for (const [index, { node, row }] of this.#nodes.entries()) {
      row.tabIndex = index === at ? 0 : -1;
      row.setAttribute("aria-selected", String(node.path === this.#selected));
    }
    if (focus) this.#nodes[at]?.row.focus();
  }

  async #toggle(path: string, open = !this.#expanded.has(path)): Promise<void> {
    if (open) this.#expanded.add(path);
    else this.#expanded.delete(path);
    await this.refresh();
  }

  #key(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.#nodes.findIndex((each) => each.row === document.activeElement);
    const current = this.#nodes[at];
    if (!current) return;
    const { node, level } = current;
    const open = this.#expanded.has(node.path);
    const go = (index: number): void => {
      const next = this.#nodes[index];
      if (!next) return;
      this.select(next.node.path);
      next.row.focus();
    };
    switch (event.key) {
      case "ArrowDown":
        go(at + 1);
        break;
      case "ArrowUp":
        go(at - 1);
        break;
      case "Home":
        go(0);
        break;
      case "End":
        go(this.#nodes.length - 1);
        break;
      case "ArrowRight":
        if (node.folder && !open) void this.#toggle(node.path, true);
        else if (node.folder) go(at + 1);
        break;
      case "ArrowLeft":
        if (node.folder && open) void this.#toggle(node.path, false);
        else go(this.#nodes.findLastIndex((each, index) => index < at && each.level === level - 1));
        break;
      case "Enter":
      case " ":
        this.select(node.path);
        if (node.folder) void this.#toggle(node.path);
        else this.#wiring.opened(node);
        break;
      default:
        if (!this.#find(event.key, at, go)) return;
    }
    event.preventDefault();
  }

  /** Goes to the next line that begins with what is typed. */
  #find(key: string, from: number, go: (index: number) => void): boolean {
    if (key.length !== 1) return false;
    const now = performance.now();
    this.#typed = now - this.#typedAt > 700 ? key : this.#typed + key;
    this.#typedAt = now;
    const wanted = this.#typed.toLowerCase();
    const order = this.#nodes.map(
      (_, index) => (from + (wanted.length > 1 ? 0 : 1) + index) % this.#nodes.length,
    );
    const hit = order.find((index) =>
      this.#nodes[index]?.node.label.toLowerCase().startsWith(wanted),
    );
    if (hit !== undefined) go(hit);
    return true;
  }
}
