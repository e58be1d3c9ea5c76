// The terminal page: puts the system, the shell, the terminal and the panels together.

import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "./style/page.css";
import "./style/terminal.css";
import "./style/panels.css";
import "./style/help.css";
import "./style/narrow.css";
import { Adder, watchDrops } from "./page/add-files.js";
import { Appearance } from "./page/appearance.js";
import { button, element } from "./page/dom.js";
import { keep } from "./page/keep.js";
import { KeyBar } from "./page/key-bar.js";
import { Layout } from "./page/layout.js";
import { Notices } from "./page/notices.js";
import { type Booted, boot, mountPrograms, Syncer } from "./page/system.js";
import { startFromLink, welcome } from "./page/welcome.js";
import { FilesPanel } from "./panels/files.js";
import { HelpPanel } from "./panels/help.js";
import { ProcessesPanel } from "./panels/processes.js";
import { tracePanel } from "./panels/trace.js";
import { TraceLog } from "./panels/trace-log.js";
import { History } from "./shell/history.js";
import { problemLines } from "./shell/report.js";
import { Session } from "./shell/session.js";
import { Shell } from "./shell/shell.js";
import { quote } from "./shell/syntax.js";
import { TerminalView } from "./terminal/view.js";

/** How long the first lines wait for the terminal's font. */
const FONT_MOST_MS = 250;

/** An element of the page's HTML. */
function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found;
}

// First of all: the kernel loads while the page is being built.
const booting = boot();
const appearance = new Appearance();
const page = byId("page");
const main = byId("main");
const notices = new Notices(byId("notices"));
let shell: Shell | undefined;

const layout: Layout = new Layout(
  {
    page,
    bar: byId("bar"),
    nav: byId("panels-nav"),
    tools: byId("tools"),
    main,
    panel: byId("panel"),
  },
  appearance,
  () => view.focus(),
);
const keyBar = new KeyBar({
  send: (data) => {
    shell?.input(data);
    view.scrollToBottom();
  },
  paste: () => void view.paste(),
});
const view: TerminalView = new TerminalView(byId("terminal"), appearance, {
  input: (data) => shell?.input(keyBar.apply(data)),
  resize: (columns, rows) => shell?.resize(columns, rows),
  leave: (backwards) => layout.leave(main, backwards),
});
main.append(keyBar.root);
// Without the font the terminal stays as it is, in the system's.
const fontReady = document.fonts.load('14px "JetBrains Mono Variable"').then(
  () => view.fontLoaded(),
  () => undefined,
);

booting.then(start, explain);

/** Wires everything to a system that runs. */
function start({ holm, storage }: Booted): void {
  const failed = (error: unknown): void => {
    notices.show(problemLines(error).join(". "), { stays: true });
  };
  const programsReady = mountPrograms(holm).catch(failed);
  const log = new TraceLog();
  const syncer = new Syncer(holm, failed);
  const session = new Session(
    holm,
    view,
    {
      programsReady,
      trace: log,
      showPanel: (name) => layout.show(name),
      showFile: async (path) => {
        layout.show("files");
        await files.reveal(path);
      },
      filesChanged: () => {
        files.changed();
        syncer.soon();
      },
    },
    new History(keep),
  );
  const started = new Shell(session);
  shell = started;
  const runLine = (line: string): void => {
    if (started.submit(line)) view.focus();
    else notices.show("Another program has the terminal: end it first, with Ctrl-C.");
  };
  const run = (path: string): void => runLine(quote(path));
  const adder = new Adder(session, notices, run, failed);
  const files: FilesPanel = new FilesPanel(holm, {
    runProgram: run,
    addFiles: (folder) => adder.pick(folder),
    failed,
  });
  for (const panel of [
    files,
    new ProcessesPanel(session),
    tracePanel(log),
    new HelpPanel(holm, storage, appearance, runLine),
  ]) {
    layout.add(panel);
  }
  byId("tools").prepend(
    button("Add files", () => adder.pick(false), {
      icon: "add",
      iconOnly: true,
      class: "icon-button",
    }),
  );
  watchDrops(page, (items) => void adder.drop(items));
  layout.restore();
  view.fit();
  void programsReady.then(() => files.changed());
  view.focus();
  void (async () => {
    // The first lines are broken where the terminal ends: its size should be the last.
    await Promise.race([fontReady, new Promise((resolve) => setTimeout(resolve, FONT_MOST_MS))]);
    await welcome(session, storage);
    startFromLink(session, new URLSearchParams(location.search));
    page.classList.add("is-ready");
    performance.mark("holm-prompt");
    await started.run();
  })();
}

/** Says why there is no system, in place of the terminal. */
function explain(error: unknown): void {
  const [what = "", ...help] = problemLines(error).map(sentence);
  page.classList.add("is-failed");
  main.replaceChildren(
    element(
      "div",
      { class: "failure", attributes: { role: "alert" } },
      element("h2", { text: "Holm does not run here" }),
      element("p", { class: "lead", text: what }),
      ...help.map((line) => element("p", { text: line })),
      element("p", {
        class: "quiet",
        text:
          "Programs in a page have to wait for their kernel. Browsers let them in two ways: by shared " +
          "memory, which the page's server must allow, or by JSPI, which newer browsers have.",
      }),
      button("Try again", () => location.reload(), { icon: "refresh", class: "button primary" }),
    ),
  );
}

/** A line of a message as a sentence of a page. */
function sentence(line: string): string {
  const text = line.replace(/^help: /, "");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;
}
