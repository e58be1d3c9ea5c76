// Contestants in their hosts: each measured in a page or process of its own.

import { fork } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeProgram, openPage, startBrowser } from "../tests/hosts.js";
import { serve } from "../tests/server.js";

const here = fileURLToPath(new URL(".", import.meta.url));

/** How long a contestant may take. */
const LIMIT_MS = 150_000;
/** How long a worker that was ended may still be there. */
const GONE_MS = 15_000;

/**
 * Opens a host.
 *
 * @returns {Promise<{ measure(row: string, contestant: string): Promise<object>, close(): Promise<void> }>}
 */
export function openHost(host, folders) {
  return host.engine === "node" ? node(host, folders) : browser(host, folders);
}

async function node(host, folders) {
  const program = await nodeProgram(host.version);
  return {
    measure: (row, contestant) =>
      new Promise((resolve) => {
        const asked = { row, contestant, engine: "node", transport: host.transport, folders };
        const child = fork(join(here, "node-page.js"), [JSON.stringify(asked)], {
          execPath: program,
          execArgv: ["--expose-gc"],
        });
        const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
        let outcome;
        child.once("message", (message) => {
          outcome = message;
        });
        child.once("exit", (code, signal) => {
          clearTimeout(timer);
          resolve(outcome ?? { failed: `the process ended (${signal ?? code})` });
        });
      }),
    close: async () => {},
  };
}

async function browser(host, folders) {
  let hear;
  let gone = watch();
  const server = await serve({
    folders,
    isolated: host.isolated,
    handlers: {
      "/outcome": (_request, _response, body) => {
        hear(JSON.parse(body));
        return {};
      },
      "/memory": async () => ({ mebibytes: await mebibytes(started.browser.process().pid) }),
      "/workers-gone/forget": () => {
        gone = watch();
        return {};
      },
      "/workers-gone": async () => ({ at: await gone.at }),
    },
  });
  const started = await startBrowser(host.engine);
  return {
    async measure(row, contestant) {
      // A context of its own has no caches of what ran before; only disks need the lasting one.
      const context = row === "files" ? undefined : await started.browser.createBrowserContext();
      const outcome = new Promise((resolve) => {
        hear = resolve;
        setTimeout(
          () => resolve({ failed: `nothing was heard for ${LIMIT_MS / 1000} s` }),
          LIMIT_MS,
        ).unref();
      });
      const page = await openPage(context ?? started.browser, (complaint) =>
        hear({ failed: complaint }),
      );
      page.on("workerdestroyed", () => gone.tell(Date.now()));
      const asked = new URLSearchParams({
        row,
        contestant,
        engine: host.engine,
        transport: host.transport,
      });
      await page.goto(`${server.address}/bench/page.html?${asked}`);
      const found = await outcome;
      await (context ?? page).close().catch(() => {});
      return found;
    },
    async close() {
      await started.close();
      await server.close();
    },
  };
}

/** Waits for the next worker to be gone; `at` is when it was, if that is told at all. */
function watch() {
  let tell;
  const told = new Promise((resolve) => {
    tell = resolve;
  });
  const late = new Promise((resolve) => {
    setTimeout(resolve, GONE_MS).unref();
  });
  return { tell, at: Promise.race([told, late]) };
}

/** MiB of a process and all below it, shared pages counted once. */
async function mebibytes(root) {
  const parents = new Map();
  for (const name of await readdir("/proc")) {
    if (/^\d+$/.test(name)) {
      const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    }
  }
  const below = (pid) => pid === root || (parents.has(pid) && below(parents.get(pid)));
  let kibibytes = 0;
  for (const pid of parents.keys()) {
    if (below(pid)) {
      const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
      kibibytes += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    }
  }
  return kibibytes / 1024;
}
