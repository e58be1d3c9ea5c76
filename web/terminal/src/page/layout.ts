// The page's frame: the bar, the terminal's place, and panels beside it or as a sheet.

import type { Panel } from "../panels/panel.js";
import type { Appearance } from "./appearance.js";
import { button, element, icon } from "./dom.js";
import { keep } from "./keep.js";

const WIDE = matchMedia("(min-width: 1000px)");

/** The elements that stand in the page's HTML. */
export interface Frame {
  page: HTMLElement;
  bar: HTMLElement;
  nav: HTMLElement;
  tools: HTMLElement;
  main: HTMLElement;
  panel: HTMLElement;
}

export class Layout {
  readonly #frame: Frame;
  readonly #panels = new Map<string, { panel: Panel; tab: HTMLButtonElement }>();
  readonly #title: HTMLElement;
  readonly #content: HTMLElement;
  readonly #focusTerminal: () => void;
  #open: Panel | undefined;

  constructor(frame: Frame, appearance: Appearance, focusTerminal: () => void) {
    this.#frame = frame;
    this.#focusTerminal = focusTerminal;
    this.#title = element("h2", { attributes: { id: "panel-title", tabindex: "-1" } });
    this.#content = element("div", { class: "panel-content" });
    frame.panel.append(
      element(
        "header",
        {},
        this.#title,
        button("Close the panel", () => this.close(), {
          icon: "close",
          iconOnly: true,
          class: "icon-button",
        }),
      ),
      this.#content,
    );
    frame.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) this.close();
    });
    frame.page.addEventListener("keydown", (event) => {
      if (event.key !== "F6" || event.defaultPrevented) return;
      event.preventDefault();
      this.leave(event.target instanceof Node ? event.target : null, event.shiftKey);
    });
    frame.tools.append(themeSwitch(appearance));
    this.#followKeyboard();
  }

  add(panel: Panel): void {
    const tab = element(
      "button",
      {
        class: "tab",
        attributes: { type: "button", "aria-expanded": "false", "aria-controls": "panel" },
        on: { click: () => (this.#open === panel ? this.close() : this.show(panel.name, true)) },
      },
      icon(panel.icon),
      element("span", { text: panel.title }),
    );
    this.#frame.nav.append(tab);
    this.#panels.set(panel.name, { panel, tab });
  }

  /** Opens the panel of the last visit, or on a wide page the first one. */
  restore(): void {
    const last = keep.get("panel");
    if (WIDE.matches && last !== "none") this.show(last ?? "files");
  }

  /** Shows a panel. Says whether there is one of this name. */
  show(name: string, focus = false): boolean {
    const found = this.#panels.get(name);
    if (!found) return false;
    if (this.#open !== found.panel) {
      this.#open?.hidden();
      this.#open = found.panel;
      this.#title.textContent = found.panel.title;
      this.#content.replaceChildren(found.panel.body);
      this.#content.scrollTop = 0;
      this.#frame.panel.hidden = false;
      this.#frame.page.classList.add("has-panel");
      this.#mark();
      found.panel.shown();
      keep.set("panel", name);
    }
    if (focus) this.#title.focus();
    return true;
  }

  close(): void {
    this.#open?.hidden();
    this.#open = undefined;
    this.#frame.panel.hidden = true;
    this.#frame.page.classList.remove("has-panel");
    this.#mark();
    keep.set("panel", "none");
    this.#focusTerminal();
  }

  /** Moves the focus to the next part of the page: terminal, panel, bar. */
  leave(from: Node | null, backwards: boolean): void {
    const { bar, main, panel, nav } = this.#frame;
    const parts = [main, ...(this.#open ? [panel] : []), bar];
    const at = parts.findIndex((part) => part.contains(from));
    const next = parts[(at + (backwards ? parts.length - 1 : 1)) % parts.length];
    if (next === main) this.#focusTerminal();
    else if (next === panel) this.#title.focus();
    else nav.querySelector("button")?.focus();
  }

  #mark(): void {
    for (const { panel, tab } of this.#panels.values()) {
      tab.setAttribute("aria-expanded", String(panel === this.#open));
    }
  }

  /** Keeps the page above a phone's keyboard, where the browser does not do so itself. */
  #followKeyboard(): void {
    const viewport = window.visualViewport;
    if (!viewport) return;
    const follow = (): void => {
      const { style } = document.documentElement;
      style.setProperty("--height", `${Math.round(viewport.height)}px`);
      const covered = window.screen.height - viewport.height > window.screen.height * 0.35;
      this.#frame.page.classList.toggle(
        "is-typing",
        covered && matchMedia("(pointer: coarse)").matches,
      );
    };
    viewport.addEventListener("resize", follow);
    follow();
  }
}

function themeSwitch(appearance: Appearance): HTMLButtonElement {
  const made = button(
    "Switch to light or dark",
    () => appearance.setTheme(appearance.dark ? "light" : "dark"),
    {
      iconOnly: true,
      class: "icon-button",
    },
  );
  const draw = (): void => {
    const words = appearance.dark ? "Light colours" : "Dark colours";
    made.replaceChildren(icon(appearance.dark ? "sun" : "moon"));
    made.setAttribute("aria-label", words);
    made.title = words;
  };
  appearance.onChange(draw);
  draw();
  return made;
}
