// The hosts that cases run in: two browsers, each isolated and not, and three versions of Node.

import { execFile, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { launch } from "puppeteer-core";
import { serve } from "./server.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const cache = fileURLToPath(new URL("../.cache", import.meta.url));

export const HOSTS = [
  { name: "chromium-isolated", engine: "chromium", isolated: true, transport: "shared" },
  { name: "chromium-plain", engine: "chromium", isolated: false, transport: "message" },
  { name: "firefox-isolated", engine: "firefox", isolated: true, transport: "shared" },
  { name: "firefox-plain", engine: "firefox", isolated: false, transport: "message" },
  { name: "node20", engine: "node", version: 20, transport: "shared" },
  { name: "node22", engine: "node", version: 22, transport: "shared" },
  { name: "node26", engine: "node", version: 26, transport: "shared" },
  { name: "node26-message", engine: "node", version: 26, transport: "message" },
];

/** Hosts by name, or all of an engine or version: `chromium`, `node`, `node26`. */
export function chooseHosts(names) {
  const chosen = HOSTS.filter(
    (host) =>
      names.length === 0 ||
      names.some((name) => [host.name, host.engine, `node${host.version}`].includes(name)),
  );
  for (const name of names) {
    if (!HOSTS.some((host) => [host.name, host.engine, `node${host.version}`].includes(name))) {
      const known = HOSTS.map((host) => host.name).join(", ");
      throw new Error(`there is no host ${name}; there are: ${known}`);
    }
  }
  return chosen;
}

/**
 * Runs files of cases in a host.
 *
 * @param {object} host One of HOSTS.
 * @param {object} run
 * @param {string[]} run.files Paths of files of cases.
 * @param {Record<string, string>} run.folders What is served.
 * @param {string | undefined} run.filter
 * @param {(asked: object) => Promise<object>} run.holm Runs the native `holm` for a case.
 * @param {(file: string, outcome: object) => void} run.report
 */
export async function runHost(host, run) {
  if (host.engine === "node") {
    const program = await nodeProgram(host.version);
    const server = await serveCases(host, run, {});
    try {
      for (const file of run.files) {
        await runInNode(host, program, file, { ...run, address: server.address });
      }
    } finally {
      await server.close();
    }
  } else {
    await runInBrowser(host, run);
  }
}

/** The server that cases of a host speak with. */
async function serveCases(host, { folders, holm }, handlers) {
  const server = await serve({
    folders,
    isolated: host.isolated ?? false,
    handlers: {
      ...handlers,
      "/holm": (_request, _response, body) => holm(JSON.parse(body)),
      "/requests": () => server.requests,
    },
  });
  return server;
}

/** How long a file of cases may go without a word before its host counts as hanging. */
const SILENCE_MS = 180_000;

/** Collects outcomes of one file until it is done. */
function collector(file, report) {
  let finish;
  let finished = false;
  let timer;
  const end = new Promise((resolve) => {
    finish = () => {
      finished = true;
      clearTimeout(timer);
      resolve();
    };
  });
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      report(file, { broken: `nothing was heard for ${SILENCE_MS / 1000} s` });
      finish();
    }, SILENCE_MS);
  };
  wait();
  return {
    finished: end,
    end: finish,
    hear(message) {
      if (finished) {
        return;
      }
      wait();
      if (message.name || message.broken) {
        report(file, message);
      }
      if (message.done) {
        finish();
      }
    },
  };
}

// ---- Node

const run = promisify(execFile);

/** A Node of this version: the running one, or one that npm brings. */
export async function nodeProgram(version) {
  if (process.versions.node.startsWith(`${version}.`)) {
    return process.execPath;
  }
  const folder = join(cache, `node${version}`);
  const program = join(folder, `node_modules/${nodePackage()}/bin/node`);
  if (!existsSync(program)) {
    await mkdir(folder, { recursive: true });
    await run("npm", ["install", "--prefix", folder, "--no-save", `${nodePackage()}@${version}`]);
  }
  return program;
}

const nodePackage = () => `node-${process.platform}-${process.arch}`;

/** How long Node may take to end after its last case: nothing of a system that was shut down stays. */
const NODE_ENDS_MS = 10_000;

async function runInNode(host, program, file, { folders, filter, report, address }) {
  const { name, transport } = host;
  const asked = { host: name, transport, cases: file, folders, filter, address };
  const child = fork(join(here, "node-page.js"), [JSON.stringify(asked)], {
    execPath: program,
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const collected = collector(file, report);
  let ended = false;
  let done = false;
  child.on("message", (message) => {
    done ||= message.done === true;
    collected.hear(message);
  });
  const written = [];
  child.stdout.on("data", (data) => written.push(data));
  child.stderr.on("data", (data) => written.push(data));
  const exit = new Promise((resolve) => {
    child.once("exit", (code, signal) => {
      ended = true;
      if (!done) {
        report(file, { broken: `the process ended in mid-run (${signal ?? code})` });
      }
      collected.end();
      resolve();
    });
  });
  await collected.finished;
  const timer = setTimeout(() => {
    if (!ended && done) {
      const seconds = NODE_ENDS_MS / 1000;
      report(file, { broken: `Node still runs ${seconds} s after the last system was shut down` });
    }
    child.kill("SIGKILL");
  }, NODE_ENDS_MS);
  await exit;
  clearTimeout(timer);
  const said = Buffer.concat(written).toString("utf8").trim();
  if (said) {
    report(file, { broken: `written to the console: ${said.slice(0, 2000)}` });
  }
}

// ---- Browsers

const BROWSERS = {
  chromium: {
    program: process.env.CHROMIUM ?? "/usr/bin/chromium",
    arguments: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Memory is then measured when it is asked for, and not after minutes.
      "--enable-blink-features=ForceEagerMeasureMemory",
    ],
  },
  firefox: {
    program: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
    arguments: [],
    preferences: {
      "app.update.enabled": false,
      "browser.newtabpage.enabled": false,
      "browser.safebrowsing.malware.enabled": false,
      "browser.safebrowsing.phishing.enabled": false,
      "datareporting.policy.dataSubmissionEnabled": false,
      "network.captive-portal-service.enabled": false,
      "network.connectivity-service.enabled": false,
      "toolkit.telemetry.enabled": false,
    },
  },
};

/** Starts a browser with a profile of its own; `close` ends it and removes that. */
export async function startBrowser(engine) {
  const { program, arguments: args, preferences } = BROWSERS[engine];
  if (!existsSync(program)) {
    const name = engine === "firefox" ? "firefox-esr" : engine;
    throw new Error(
      `there is no ${program}: Debian's package ${name} brings it, or name another in ` +
        `${engine.toUpperCase()}`,
    );
  }
  const profile = await mkdtemp(join(tmpdir(), `holm-${engine}-`));
  const browser = await launch({
    browser: engine === "firefox" ? "firefox" : "chrome",
    executablePath: program,
    headless: true,
    args,
    extraPrefsFirefox: preferences,
    userDataDir: profile,
    protocolTimeout: 120_000,
  });
  const child = browser.process();
  return {
    browser,
    async close() {
      const gone = new Promise((resolve) => {
        if (!child || child.exitCode !== null || child.signalCode !== null) {
          resolve();
        } else {
          child.once("exit", resolve);
        }
      });
      const timer = setTimeout(() => child?.kill("SIGKILL"), 5_000);
      await Promise.race([browser.close().catch(() => {}), gone]);
      await gone;
      clearTimeout(timer);
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

/** A load of a file that is missing on purpose: cases call those `none`. */
const MISSING_ON_PURPOSE = /\/none\.[a-z]+\b/;

/**
 * What Firefox says, beside the page's own handlers, of a worker that was ended while a suspended
 * call's guest computed. It names no error, and no script of ours threw one.
 */
const OF_AN_ENDED_WORKER = /^uncaught: Error: uncaught exception: undefined$/m;

/** Opens a page; what it says on the console as an error, or throws, goes to `complain`. */
export async function openPage(browser, complain) {
  const complainUnlessMissing = (complaint) => {
    if (!MISSING_ON_PURPOSE.test(complaint) && !OF_AN_ENDED_WORKER.test(complaint)) {
      complain(complaint);
    }
  };
  const page = await browser.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") {
      const { url = "", lineNumber } = message.location() ?? {};
      complainUnlessMissing(`on the console: ${message.text()} (${url}:${lineNumber})`);
    }
  });
  page.on("pageerror", (error) =>
    complainUnlessMissing(`uncaught: ${error?.stack ?? error?.message ?? error}`),
  );
  return page;
}

async function runInBrowser(host, run) {
  const { files, filter, report } = run;
  let page;
  let collected;
  const server = await serveCases(host, run, {
    "/report": (_request, _response, body) => {
      collected.hear(JSON.parse(body));
      return {};
    },
    "/memory": async () => ({ bytes: await heapOf(page, host.engine) }),
  });
  const started = await startBrowser(host.engine);
  started.browser.once("disconnected", () =>
    collected?.hear({ broken: "the browser ended in mid-run", done: true }),
  );
  try {
    for (const file of files) {
      collected = collector(file, report);
      page = await openPage(started.browser, (complaint) => report(file, { broken: complaint }));
      const asked = new URLSearchParams({
        cases: `/tests/cases/${file.split("/").at(-1)}`,
        engine: host.engine,
        host: host.name,
        isolated: String(host.isolated),
        transport: host.transport,
      });
      if (filter) {
        asked.set("filter", filter);
      }
      await page.goto(`${server.address}/tests/page.html?${asked}`);
      await collected.finished;
      await page.close({ runBeforeUnload: false }).catch(() => {});
    }
  } finally {
    await started.close();
    await server.close();
  }
}

/** The heap of the page itself: what Chromium's debugger tells of it; Firefox tells nothing. */
async function heapOf(page, engine) {
  if (engine !== "chromium") {
    return undefined;
  }
  const session = await page.createCDPSession();
  await session.send("HeapProfiler.collectGarbage");
  await session.send("Performance.enable");
  const { metrics } = await session.send("Performance.getMetrics");
  await session.detach();
  return metrics.find((metric) => metric.name === "JSHeapUsedSize")?.value;
}
