// The Help panel: what Holm is, how this page reaches its kernel, keys, and settings.

import type { Holm } from "@holm/web";
import type { Appearance, Theme } from "../page/appearance.js";
import { element } from "../page/dom.js";
import type { StorageState } from "../page/system.js";
import type { Panel } from "./panel.js";

const KEYS: readonly (readonly [string, string])[] = [
  ["F6", "leave the terminal: to the panel, the bar on top, and back"],
  ["Tab", "complete; in an empty line, take what is offered"],
  ["↑ ↓", "earlier lines; with text, those that begin so"],
  ["Ctrl R", "search the earlier lines"],
  ["Ctrl C", "stop a program; with a selection, copy"],
  ["Ctrl D", "end of input"],
  ["Ctrl L", "empty the screen"],
  ["Ctrl A, E", "start and end of the line"],
  ["Ctrl W, U, K", "delete a word, to the start, to the end"],
  ["Ctrl V", "paste"],
  ["Esc", "in a panel: close it"],
];

export class HelpPanel implements Panel {
  readonly name = "help";
  readonly title = "Help";
  readonly icon = "help";
  readonly body: HTMLElement;

  /** `run` types a line into the terminal, and enters it. */
  constructor(
    holm: Holm,
    storage: StorageState,
    appearance: Appearance,
    run: (line: string) => void,
  ) {
    this.body = element(
      "div",
      { class: "help" },
      element("p", {
        class: "lead",
        text:
          "Holm is a small operating system for WebAssembly. Each program gets a system of its own: " +
          "processes, files, pipes, clocks and limits, and a name for each thing it may do.",
      }),
      element("p", {
        text:
          "It starts with nothing but this terminal. When it is refused something, Holm says what, and " +
          "offers the line that grants it. The kernel runs in a worker of this page; nothing that you " +
          "type or drop here leaves your computer.",
      }),
      section("Try", examples(run)),
      section("This page", facts(holm, storage)),
      section("Keys", keys()),
      section("Settings", settings(appearance)),
    );
  }

  shown(): void {
    // Nothing in it changes by itself.
  }

  hidden(): void {
    // Nothing to stop.
  }
}

function section(title: string, content: HTMLElement): HTMLElement {
  return element("section", {}, element("h3", { text: title }), content);
}

function examples(run: (line: string) => void): HTMLElement {
  const rows: readonly (readonly [string, string])[] = [
    ["hello", "a program of /bin"],
    ["cat welcome.txt", "is refused, and says what would allow it"],
    ["holm run --dir /home:ro cat /home/welcome.txt", "with that grant"],
    ["trace next; hello", "its system calls, in the Trace panel"],
    ["compute | cat > result.txt", "pipes and files"],
    ["trap stack", "a crash, and where it happened"],
  ];
  return element(
    "ul",
    { class: "examples" },
    ...rows.map(([line, words]) =>
      element(
        "li",
        {},
        element(
          "button",
          { attributes: { type: "button" }, on: { click: () => run(line) } },
          element("code", { text: line }),
          element("span", { class: "quiet", text: words }),
        ),
      ),
    ),
  );
}

function facts(holm: Holm, storage: StorageState): HTMLElement {
  const shared = holm.transport === "shared";
  return list([
    ["Holm", __HOLM_VERSION__],
    ["Engine", engine()],
    [
      "Transport",
      shared
        ? "shared memory: this page is cross-origin isolated, so programs wait for the kernel without a message"
        : "messages (JSPI): this page is not cross-origin isolated, so no shared memory; the server would have to send the headers Cross-Origin-Opener-Policy and Cross-Origin-Embedder-Policy",
    ],
    ["/home", storage.words],
    ["/tmp", "memory: gone when the page is closed"],
  ]);
}

function keys(): HTMLElement {
  return list(KEYS.map(([key, words]) => [element("kbd", { text: key }), words]));
}

function list(rows: readonly (readonly [string | HTMLElement, string])[]): HTMLElement {
  const made = element("dl", { class: "facts" });
  for (const [name, words] of rows) {
    made.append(element("div", {}, element("dt", {}, name), element("dd", { text: words })));
  }
  return made;
}

function settings(appearance: Appearance): HTMLElement {
  const theme = element(
    "select",
    { attributes: { id: "theme-choice" } },
    ...(["system", "light", "dark"] as const).map((each) =>
      element("option", {
        text: each === "system" ? "As the system" : each === "light" ? "Light" : "Dark",
        attributes: { value: each },
      }),
    ),
  );
  theme.value = appearance.theme;
  theme.addEventListener("change", () => appearance.setTheme(theme.value as Theme));
  appearance.onChange(() => {
    theme.value = appearance.theme;
  });
  const reader = element("input", { attributes: { type: "checkbox", id: "screen-reader" } });
  reader.checked = appearance.screenReader;
  reader.addEventListener("change", () => appearance.setScreenReader(reader.checked));
  return element(
    "div",
    { class: "settings" },
    element("label", { text: "Colours", attributes: { for: "theme-choice" } }),
    theme,
    element("label", {
      text: "Read the terminal out (screen readers)",
      attributes: { for: "screen-reader" },
    }),
    reader,
  );
}

/** The browser's name and version, as it tells them. */
export function engine(): string {
  const agent = navigator.userAgent;
  const known: readonly (readonly [RegExp, string])[] = [
    [/Firefox\/(\d+)/, "Firefox (SpiderMonkey)"],
    [/Edg\/(\d+)/, "Edge (V8)"],
    [/Chrom(?:e|ium)\/(\d+)/, "Chromium (V8)"],
    [/Version\/([\d.]+).*Safari/, "Safari (JavaScriptCore)"],
  ];
  for (const [pattern, name] of known) {
    const found = pattern.exec(agent)?.[1];
    if (found !== undefined) return `${name} ${found}`;
  }
  return "this browser's";
}
