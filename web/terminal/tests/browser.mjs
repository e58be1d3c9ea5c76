// The page in a browser, as the tests use it: opens it, types into it and reads its terminal.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch } from "puppeteer-core";
import { serve } from "../../tests/server.js";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Where CPython is, when it is there: `cargo xtask guests --programs` gets it. */
export const PYTHON = [
  process.env.HOLM_PYTHON,
  folder("../../../target/programs/python/python.wasm"),
].find((path) => path && existsSync(path));

/** Serves the built page, isolated or not. */
export function servePage(isolated) {
  const built = folder("../dist");
  if (!existsSync(built)) throw new Error("the page is not built: npm run build");
  const folders = { "/": built };
  if (PYTHON) folders["/programs/"] = PYTHON.replace(/[^/]*$/, "");
  return serve({ folders, isolated });
}

/** Starts Chromium. */
export function startBrowser() {
  return launch({
    executablePath: process.env.HOLM_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    headless: true,
  });
}

/** Opens the page in a visit of its own, with storage of its own. */
export async function openPage(
  browser,
  address,
  { width = 1360, height = 840, scheme = "dark", mobile = false } = {},
) {
  const visit = await browser.createBrowserContext();
  return openTab(visit, address, { width, height, scheme, mobile });
}

async function openTab(visit, address, { width, height, scheme, mobile }) {
  const tab = await visit.newPage();
  const problems = [];
  tab.on("console", (message) => {
    if (["error", "warn"].includes(message.type()))
      problems.push(`${message.type()}: ${message.text()}`);
  });
  tab.on("pageerror", (error) => problems.push(`uncaught: ${error.message}`));
  tab.on("requestfailed", (request) => problems.push(`not loaded: ${request.url()}`));
  await tab.setViewport({
    width,
    height,
    isMobile: mobile,
    hasTouch: mobile,
    deviceScaleFactor: mobile ? 2 : 1,
  });
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await tab.goto(address, { waitUntil: "load" });
  const page = new TerminalPage(tab, problems, visit, { width, height, scheme, mobile });
  await page.until(
    "the page is ready",
    async () => (await tab.$("#page.is-ready, #page.is-failed")) !== null,
  );
  return page;
}

export class TerminalPage {
  constructor(tab, problems, visit, view) {
    this.view = view;
    this.tab = tab;
    this.problems = problems;
    this.visit = visit;
  }

  /** Another tab of the same visit, with the same storage. */
  another(address) {
    return openTab(this.visit, address, this.view);
  }

  /** The lines on the screen, without spaces at their ends. */
  screen() {
    return this.tab.evaluate(() =>
      Array.from(document.querySelectorAll(".xterm-rows > div"), (row) =>
        row.textContent.replaceAll("\u00a0", " ").trimEnd(),
      )
        .join("\n")
        .trimEnd(),
    );
  }

  async until(what, check, within = 20_000) {
    const end = Date.now() + within;
    while (!(await check())) {
      if (Date.now() > end)
        throw new Error(
          `${what}: not within ${within / 1000} s. The screen:\n${await this.screen()}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  /** Waits for text on the screen. */
  see(pattern, within) {
    return this.until(`to see ${pattern}`, async () => pattern.test(await this.screen()), within);
  }

  async type(text) {
    await this.tab.focus(".xterm-helper-textarea");
    await this.tab.keyboard.type(text);
  }

  async press(...keys) {
    for (const key of keys) await this.tab.keyboard.down(key);
    for (const key of keys.toReversed()) await this.tab.keyboard.up(key);
  }

  /** Empties the screen, runs a line, and answers with what it wrote before the next prompt. */
  async run(text, within = 20_000) {
    await this.tab.focus(".xterm-helper-textarea");
    await this.press("Control", "l");
    await this.until("an empty screen", async () =>
      /^(\d+ )?\S+ \$( .*)?$/.test(await this.screen()),
    );
    await this.tab.keyboard.type(text);
    await this.press("Enter");
    const prompt = /\n((?:\d+ )?\S+ \$)(?: .*)?$/;
    await this.until(`the end of ${text}`, async () => prompt.test(await this.screen()), within);
    const [, ...lines] = (await this.screen()).split("\n");
    lines.pop();
    return lines.join("\n");
  }

  shot(name) {
    return this.tab.screenshot({ path: name });
  }

  close() {
    return this.visit.close();
  }
}
