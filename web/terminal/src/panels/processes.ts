// The Processes panel: what runs, what it is granted and what it uses, twice a second.

import type { Holm, ProcessInfo } from "@holm/web";
import { button, element } from "../page/dom.js";
import { formatCount, formatSeconds, formatSize } from "../shell/format.js";
import type { Session } from "../shell/session.js";
import { printable } from "../shell/width.js";
import type { Panel } from "./panel.js";

const EVERY_MS = 500;

interface Card {
  root: HTMLElement;
  state: HTMLElement;
  values: Map<string, HTMLElement>;
}

export class ProcessesPanel implements Panel {
  readonly name = "processes";
  readonly title = "Processes";
  readonly icon = "processes";
  readonly body: HTMLElement;
  readonly #session: Session;
  readonly #list: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #grants: HTMLElement;
  readonly #cards = new Map<number, Card>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #asking = false;

  constructor(session: Session) {
    this.#session = session;
    this.#list = element("ul", {
      class: "cards",
      attributes: { "aria-label": "Running programs" },
    });
    this.#empty = element(
      "div",
      { class: "empty" },
      element("p", { text: "Nothing is running." }),
      element("p", {
        class: "quiet",
        text: "A program that runs shows here with its grants, memory and calls.",
      }),
    );
    this.#grants = element("div", { class: "granted" });
    this.body = element("div", { class: "processes" }, this.#empty, this.#list, this.#grants);
    session.grants.onChange(() => this.#drawGrants());
    document.addEventListener("visibilitychange", () => this.#schedule());
    this.#drawGrants();
  }

  #visible = false;

  shown(): void {
    this.#visible = true;
    this.#schedule();
  }

  hidden(): void {
    this.#visible = false;
    this.#schedule();
  }

  #schedule(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (!this.#visible || document.visibilityState !== "visible") return;
    void this.#refresh();
    this.#timer = setInterval(() => void this.#refresh(), EVERY_MS);
  }

  async #refresh(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      this.#draw(await this.#holm.processes());
    } catch {
      this.#draw([]);
    } finally {
      this.#asking = false;
    }
  }

  get #holm(): Holm {
    return this.#session.holm;
  }

  #draw(processes: readonly ProcessInfo[]): void {
    const running = processes.filter((each) => each.state !== "ended");
    this.#empty.hidden = running.length > 0;
    this.#list.hidden = running.length === 0;
    const pids = new Set(running.map((each) => each.pid));
    for (const [pid, card] of this.#cards) {
      if (pids.has(pid)) continue;
      card.root.remove();
      this.#cards.delete(pid);
    }
    for (const each of running) {
      let card = this.#cards.get(each.pid);
      if (!card) {
        card = this.#card(each);
        this.#cards.set(each.pid, card);
        this.#list.append(card.root);
      }
      this.#fill(card, each);
    }
  }

  #card(process: ProcessInfo): Card {
    const state = element("span", { class: "state" });
    const values = new Map<string, HTMLElement>();
    const figures = element("dl", { class: "figures" });
    for (const name of ["Memory", "Calls", "Read", "Written", "Open files", "Age"]) {
      const value = element("dd");
      values.set(name, value);
      figures.append(element("div", {}, element("dt", { text: name }), value));
    }
    const command = printable([process.name, ...process.args].join(" "));
    const kill = button("End", () => this.#session.processes.get(process.pid)?.kill("SIGKILL"), {
      icon: "stop",
      class: "button danger",
      label: `End ${process.name}, process ${process.pid}`,
    });
    const grants = element("ul", { class: "chips", attributes: { "aria-label": "Grants" } });
    const given = process.grants.length > 0 ? process.grants : ["only the terminal"];
    for (const grant of given) {
      grants.append(
        element("li", {
          class: process.grants.length > 0 ? "chip" : "chip none",
          text: printable(grant),
        }),
      );
    }
    const root = element(
      "li",
      { class: "card" },
      element(
        "div",
        { class: "card-head" },
        element("span", { class: "pid", text: String(process.pid) }),
        element("code", { class: "command", text: command, title: command }),
        kill,
      ),
      state,
      figures,
      grants,
    );
    return { root, state, values };
  }

  #fill(card: Card, process: ProcessInfo): void {
    const { usage } = process;
    const set = (name: string, text: string): void => {
      const value = card.values.get(name);
      if (value && value.textContent !== text) value.textContent = text;
    };
    card.state.dataset.state = process.state;
    const waits = process.waitsIn === undefined ? "waits" : `waits in ${process.waitsIn}`;
    const state = process.state === "waiting" ? waits : "computes";
    if (card.state.textContent !== state) card.state.textContent = state;
    set("Memory", formatSize(usage.memory));
    set("Calls", formatCount(usage.calls));
    set("Read", formatSize(usage.bytesIn));
    set("Written", formatSize(usage.bytesOut));
    set("Open files", String(usage.descriptors));
    set("Age", formatSeconds(process.age));
  }

  #drawGrants(): void {
    const { grants } = this.#session;
    const chips = grants.all().map(({ grant, program }) => {
      const words = program === undefined ? grant : `${program}: ${grant}`;
      return element(
        "li",
        { class: "chip" },
        element("span", { text: words }),
        button(`Take back ${words}`, () => grants.remove(grant, program), {
          icon: "close",
          iconOnly: true,
          class: "chip-close",
        }),
      );
    });
    const nothing = element("p", {
      class: "quiet",
      text: "Nothing but the terminal. grant --dir /home:ro lets every later program read /home.",
    });
    this.#grants.replaceChildren(
      element("h3", { text: "Granted to later programs" }),
      chips.length > 0 ? element("ul", { class: "chips" }, ...chips) : nothing,
    );
  }
}
