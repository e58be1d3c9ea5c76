// Light or dark, motion, and the screen reader's mode: as the system says, or as chosen here.

import { keep } from "./keep.js";

export type Theme = "system" | "light" | "dark";

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const prefersLess = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether somebody asked for less motion. */
export function reducedMotion(): boolean {
  return prefersLess.matches;
}

/** How the page looks. */
export class Appearance {
  #theme: Theme;
  #screenReader: boolean;
  readonly #listeners = new Set<() => void>();

  constructor() {
    const theme = keep.get("theme");
    this.#theme = theme === "light" || theme === "dark" ? theme : "system";
    this.#screenReader = keep.get("screen-reader") === "on";
    prefersDark.addEventListener("change", () => this.#apply());
    this.#apply();
  }

  get theme(): Theme {
    return this.#theme;
  }

  get dark(): boolean {
    return this.#theme === "system" ? prefersDark.matches : this.#theme === "dark";
  }

  get screenReader(): boolean {
    return this.#screenReader;
  }

  setTheme(theme: Theme): void {
    this.#theme = theme;
    keep.set("theme", theme);
    this.#apply();
  }

  setScreenReader(on: boolean): void {
    this.#screenReader = on;
    keep.set("screen-reader", on ? "on" : "off");
    this.#apply();
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #apply(): void {
    document.documentElement.dataset.theme = this.dark ? "dark" : "light";
    const color = this.dark ? "#0e1315" : "#fcfcfa";
    document.querySelector('meta[name="theme-color"]')?.setAttribute("content", color);
    for (const listener of this.#listeners) listener();
  }
}
