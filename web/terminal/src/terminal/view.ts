// The terminal on the page: xterm.js, its size, its clipboard and its accessibility.

import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { type Appearance, reducedMotion } from "../page/appearance.js";
import type { TerminalScreen } from "../shell/session.js";
import { DARK, LIGHT } from "./themes.js";

const FONT =
  '"JetBrains Mono Variable", ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace';

/** What the terminal tells the page. */
export interface Listeners {
  input(data: string): void;
  resize(columns: number, rows: number): void;
  /** Somebody wants the keyboard elsewhere: F6, or Shift-F6 for the other way. */
  leave(backwards: boolean): void;
}

/** The terminal's place on the page. */
export class TerminalView implements TerminalScreen {
  readonly #xterm: Terminal;
  readonly #fit = new FitAddon();
  readonly #listeners: Listeners;

  constructor(container: HTMLElement, appearance: Appearance, listeners: Listeners) {
    this.#listeners = listeners;
    this.#xterm = new Terminal({
      fontFamily: FONT,
      fontSize: window.innerWidth < 480 ? 13 : 14,
      lineHeight: 1.25,
      cursorBlink: !reducedMotion(),
      cursorStyle: "bar",
      cursorWidth: 2,
      cursorInactiveStyle: "outline",
      minimumContrastRatio: 4.5,
      scrollback: 5_000,
      // The width of the scrollbar, too.
      overviewRuler: { width: 10 },
      screenReaderMode: appearance.screenReader,
      theme: appearance.dark ? DARK : LIGHT,
      macOptionIsMeta: true,
      altClickMovesCursor: false,
      // Links of programs lead nowhere by themselves: what they show is what is asked about.
      linkHandler: { activate: (_event, address) => confirmLink(address) },
    });
    this.#xterm.loadAddon(this.#fit);
    this.#xterm.attachCustomKeyEventHandler((event) => this.#key(event));
    this.#xterm.open(container);
    this.#xterm.onData((data) => listeners.input(data));
    this.#xterm.onBinary((data) => listeners.input(data));
    this.#xterm.onResize(({ cols, rows }) => listeners.resize(cols, rows));
    const input = this.#xterm.textarea;
    input?.setAttribute("aria-label", "Terminal input. F6 leaves the terminal.");
    input?.setAttribute("aria-describedby", "terminal-help");
    input?.setAttribute("autocapitalize", "off");
    input?.setAttribute("enterkeyhint", "send");
    new ResizeObserver(() => this.fit()).observe(container);
    this.fit();
    appearance.onChange(() => {
      this.#xterm.options.theme = appearance.dark ? DARK : LIGHT;
      this.#xterm.options.screenReaderMode = appearance.screenReader;
    });
  }

  get columns(): number {
    return this.#xterm.cols;
  }

  get rows(): number {
    return this.#xterm.rows;
  }

  get column(): number {
    return this.#xterm.buffer.active.cursorX;
  }

  write(text: string): void {
    this.#xterm.write(text);
  }

  draw(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#xterm.write(data, resolve));
  }

  focus(): void {
    this.#xterm.focus();
  }

  fit(): void {
    this.#fit.fit();
  }

  /** Measures the letters anew, once the font is there. */
  fontLoaded(): void {
    const { fontFamily } = this.#xterm.options;
    this.#xterm.options.fontFamily = "monospace";
    if (fontFamily !== undefined) this.#xterm.options.fontFamily = fontFamily;
    this.fit();
  }

  scrollToBottom(): void {
    this.#xterm.scrollToBottom();
  }

  /** The text on the screen and above it; tests and screen readers use it. */
  get text(): string {
    const buffer = this.#xterm.buffer.active;
    const lines: string[] = [];
    for (let at = 0; at < buffer.length; at += 1) {
      const line = buffer.getLine(at);
      if (!line) continue;
      if (line.isWrapped && lines.length > 0)
        lines.push((lines.pop() ?? "") + line.translateToString(true));
      else lines.push(line.translateToString(true));
    }
    return lines.join("\n").trimEnd();
  }

  async copySelection(): Promise<void> {
    const text = this.#xterm.getSelection();
    if (text === "") return;
    await navigator.clipboard?.writeText(text).catch(() => undefined);
    this.#xterm.clearSelection();
  }

  async paste(): Promise<void> {
    const text = await navigator.clipboard?.readText?.().catch(() => "");
    if (text) this.#xterm.paste(text);
    this.focus();
  }

  /** Decides about keys before xterm.js does; `false` leaves them to the page. */
  #key(event: KeyboardEvent): boolean {
    if (event.type !== "keydown") return true;
    if (event.key === "F6" && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      this.#listeners.leave(event.shiftKey);
      return false;
    }
    const key = event.key.toLowerCase();
    if (!event.ctrlKey || event.altKey || event.metaKey) return true;
    if (key === "c" && (event.shiftKey || this.#xterm.hasSelection())) {
      event.preventDefault();
      void this.copySelection();
      return false;
    }
    // The browser pastes; xterm.js would send a control character.
    return key !== "v";
  }
}

function confirmLink(address: string): void {
  const url = URL.parse?.(address);
  if (url?.protocol !== "https:" && url?.protocol !== "http:") return;
  if (window.confirm(`A program shows a link to ${url.href}\n\nOpen it in a new tab?`)) {
    window.open(url.href, "_blank", "noopener,noreferrer");
  }
}
