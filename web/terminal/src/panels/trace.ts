// The Trace panel: each system call as a line, drawn only where it is in view.

import { button, element } from "../page/dom.js";
import { printable } from "../shell/width.js";
import type { Panel } from "./panel.js";
import type { TraceLog } from "./trace-log.js";

const ROW_HEIGHT = 20;
const ROWS_OVER = 8;
const LINE = /^(\[\d+\] )?([a-z_0-9]+)(\(.*\))( = .*?)( <[^<>]*>)?$/s;

export function tracePanel(log: TraceLog): Panel {
  return new TracePanel(log);
}

class TracePanel implements Panel {
  readonly name = "trace";
  readonly title = "Trace";
  readonly icon = "trace";
  readonly body: HTMLElement;
  readonly #log: TraceLog;
  readonly #rows: HTMLElement;
  readonly #spacer: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #count: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #switch: HTMLSelectElement;
  readonly #pause: HTMLButtonElement;
  #filter = "";
  #paused = false;
  #visible = false;
  #shown: readonly string[] = [];
  #atEnd = true;

  constructor(log: TraceLog) {
    this.#log = log;
    this.#switch = element(
      "select",
      {
        attributes: { "aria-label": "Which programs are traced" },
        on: { change: () => this.#choose() },
      },
      element("option", { text: "No program", attributes: { value: "off" } }),
      element("option", { text: "The next program", attributes: { value: "next" } }),
      element("option", { text: "Every new program", attributes: { value: "on" } }),
    );
    const filter = element("input", {
      attributes: {
        type: "search",
        placeholder: "Filter",
        "aria-label": "Filter the trace",
        spellcheck: "false",
      },
      on: {
        input: () => {
          this.#filter = filter.value.toLowerCase();
          this.#refresh(true);
        },
      },
    });
    this.#pause = button("Pause", () => this.#togglePause(), {
      icon: "pause",
      iconOnly: true,
      class: "icon-button",
    });
    this.#pause.setAttribute("aria-pressed", "false");
    const clear = button("Clear the trace", () => this.#log.clear(), {
      icon: "trash",
      iconOnly: true,
      class: "icon-button",
    });
    this.#count = element("p", { class: "quiet" });
    this.#empty = element(
      "div",
      { class: "empty" },
      element("p", { text: "Every system call of a program, as it happens." }),
      element("p", {
        class: "quiet",
        text: "Choose above which programs are traced, then run one: hello",
      }),
    );
    this.#rows = element("div", { class: "trace-rows" });
    this.#spacer = element("div", { class: "trace-spacer" }, this.#rows);
    this.#scroller = element(
      "div",
      {
        class: "trace-scroller",
        attributes: {
          tabindex: "0",
          role: "log",
          "aria-live": "off",
          "aria-label": "System calls",
        },
        on: { scroll: () => this.#scrolled() },
      },
      this.#spacer,
    );
    this.body = element(
      "div",
      { class: "trace" },
      element(
        "div",
        { class: "tools" },
        element("label", { class: "tool-label", text: "Trace" }),
        this.#switch,
      ),
      element("div", { class: "tools" }, filter, this.#pause, clear),
      this.#empty,
      this.#scroller,
      this.#count,
    );
    log.onChange(() => this.#refresh(false));
    new ResizeObserver(() => this.#draw()).observe(this.#scroller);
  }

  shown(): void {
    this.#visible = true;
    this.#refresh(true);
  }

  hidden(): void {
    this.#visible = false;
  }

  #choose(): void {
    const { value } = this.#switch;
    if (value === "off" || value === "next" || value === "on") this.#log.wanted = value;
  }

  #togglePause(): void {
    this.#paused = !this.#paused;
    this.#pause.setAttribute("aria-pressed", String(this.#paused));
    const label = this.#paused ? "Go on" : "Pause";
    this.#pause.title = label;
    this.#pause.setAttribute("aria-label", label);
    this.#refresh(true);
  }

  #refresh(always: boolean): void {
    if (!this.#visible) return;
    this.#switch.value = this.#log.wanted;
    if (this.#paused && !always) return;
    const { lines } = this.#log;
    this.#shown =
      this.#filter === ""
        ? lines.slice()
        : lines.filter((line) => line.toLowerCase().includes(this.#filter));
    const none = lines.length === 0;
    this.#empty.hidden = !none;
    this.#scroller.hidden = none;
    const older = this.#log.total - lines.length;
    this.#count.textContent = none
      ? ""
      : `${this.#shown.length.toLocaleString()} of ${this.#log.total.toLocaleString()} lines` +
        `${older > 0 ? `, ${older.toLocaleString()} older let go` : ""}${this.#paused ? ", paused" : ""}`;
    this.#spacer.style.height = `${this.#shown.length * ROW_HEIGHT}px`;
    if (this.#atEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#draw();
  }

  #scrolled(): void {
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    this.#atEnd = scrollTop + clientHeight >= scrollHeight - ROW_HEIGHT;
    this.#draw();
  }

  #draw(): void {
    if (!this.#visible) return;
    const { scrollTop, clientHeight } = this.#scroller;
    const first = Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - ROWS_OVER);
    const count = Math.ceil(clientHeight / ROW_HEIGHT) + 2 * ROWS_OVER;
    const lines = this.#shown.slice(first, first + count);
    this.#rows.style.transform = `translateY(${first * ROW_HEIGHT}px)`;
    while (this.#rows.childElementCount > lines.length) this.#rows.lastElementChild?.remove();
    for (const [at, line] of lines.entries()) {
      let row = this.#rows.children[at] as HTMLElement | undefined;
      if (!row) {
        row = element("div", { class: "trace-row" });
        this.#rows.append(row);
      }
      if (row.dataset.line === line) continue;
      row.dataset.line = line;
      row.replaceChildren(...drawn(line));
    }
  }
}

function drawn(line: string): (Node | string)[] {
  const [, pid, call, args, result, time] = LINE.exec(line) ?? [];
  if (call === undefined || args === undefined || result === undefined) {
    return [
      element("span", {
        class: line.startsWith("──") ? "t-mark" : "t-args",
        text: printable(line),
      }),
    ];
  }
  const failed = /^ = (-1\b|E?[A-Z]{2,})/.test(result);
  return [
    pid ? element("span", { class: "t-dim", text: pid }) : "",
    element("span", { class: "t-call", text: call }),
    element("span", { class: "t-args", text: printable(args) }),
    element("span", { class: failed ? "t-failed" : "t-result", text: printable(result) }),
    time ? element("span", { class: "t-dim", text: time }) : "",
  ];
}
