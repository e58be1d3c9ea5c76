// Runs programs in a host for whoever asks on a socket: `node bridge.js HOST SOCKET`.
//
// The official suite starts a process for each of its tests; a browser is started once. So this
// process owns the host, and tests/conformance/client.py is what the suite starts. `HOST` is a
// name of tests/hosts.js; `--list NAME... [--transport T]` names those that fit instead.
//
// A client sends a line of JSON, then what its standard input brings; it is sent frames: a byte
// that says which (1 standard output, 2 standard error, 3 the exit code as text, the last), a
// length of four bytes, big-endian, and the content. The host itself is a page or a process that
// asks this one for work, see session.js.

import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseHosts, nodeProgram, openPage, startBrowser } from "../hosts.js";
import { serve } from "../server.js";
import { readTree, writeTree } from "./tree.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const tests = join(here, "..");
const dist = join(here, "../../dist");

const STDOUT = 1;
const STDERR = 2;
const EXIT = 3;
/** Milliseconds after which a question of the session is answered with nothing, and asked again. */
const POLL_MS = 20_000;
/** How long a host may take until it asks for work. */
const START_MS = 120_000;
/** Exit code of a program that was not run. */
const CANNOT_RUN = 126;

/** Those who wait for something to change. */
class Waiters {
  #wakes = new Set();

  /** Asks `look` now and after each change until it finds something; nothing after a while. */
  async until(look) {
    const deadline = Date.now() + POLL_MS;
    for (;;) {
      const found = look();
      const left = deadline - Date.now();
      if (found !== undefined || left <= 0) {
        return found;
      }
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wakes.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  wake() {
    const wakes = [...this.#wakes];
    this.#wakes.clear();
    for (const wake of wakes) {
      wake();
    }
  }
}

/** One run of a program: what its client sent, and what goes back. */
class Run {
  id = randomUUID();
  #socket;
  #asked;
  #input = [];
  #inputEnds = false;
  #tree;
  /** Set when the client is gone or the run is over. */
  over = false;
  waiters = new Waiters();

  constructor(socket, asked) {
    this.#socket = socket;
    this.#asked = asked;
    socket.on("error", () => {});
    socket.on("close", () => {
      this.over = true;
      this.waiters.wake();
    });
  }

  hear(bytes) {
    this.#input.push(bytes);
    this.waiters.wake();
  }

  inputEnded() {
    this.#inputEnds = true;
    this.waiters.wake();
  }

  /** What the session is told of it. */
  async work() {
    const { args, env, root, program, native } = this.#asked;
    const work = { id: this.id, name: basename(program), args, env };
    if (root && native) {
      return { ...work, directory: root };
    }
    if (root) {
      this.#tree = await readTree(root);
      return { ...work, tree: this.#tree };
    }
    return work;
  }

  program() {
    return readFile(this.#asked.program);
  }

  /** The next piece of input; `undefined` when there is none yet. */
  input() {
    if (this.#input.length > 0) {
      return { data: Buffer.concat(this.#input.splice(0)).toString("base64") };
    }
    return this.#inputEnds || this.over ? { end: true } : undefined;
  }

  send(kind, bytes) {
    if (this.over) {
      return;
    }
    const header = Buffer.alloc(5);
    header.writeUInt8(kind, 0);
    header.writeUInt32BE(bytes.length, 1);
    this.#socket.write(Buffer.concat([header, bytes]));
  }

  async end({ code, tree, failed }) {
    let ended = code;
    try {
      if (tree && this.#tree) {
        await writeTree(this.#asked.root, this.#tree, tree);
      }
    } catch (error) {
      failed ??= `what it changed cannot be copied back: ${error.message}`;
    }
    if (failed) {
      this.send(STDERR, Buffer.from(`error: ${failed}\n`));
      ended = CANNOT_RUN;
    }
    this.send(EXIT, Buffer.from(String(ended)));
    this.#socket.end();
    this.over = true;
    this.waiters.wake();
  }
}

/** The runs that wait, and the one that the session has. */
class Queue {
  #waiting = [];
  #current;
  #waiters = new Waiters();
  #asked;
  /** Settles when the session asks for work for the first time. */
  started = new Promise((resolve) => {
    this.#asked = resolve;
  });

  add(run) {
    this.#waiting.push(run);
    this.#waiters.wake();
  }

  #run(id) {
    if (this.#current?.id !== id) {
      throw new Error("there is no such run");
    }
    return this.#current;
  }

  /** What the session asks and tells, by path. */
  handlers() {
    const body = (act) => (_request, _response, text) => act(JSON.parse(text));
    return {
      "/next": async () => {
        this.#asked();
        const run = await this.#waiters.until(() => this.#waiting.shift());
        this.#current = run;
        return run === undefined ? {} : run.work();
      },
      "/program": async (request, response) => {
        const id = new URL(request.url, "http://local").searchParams.get("id");
        response.setHeader("Content-Type", "application/wasm");
        response.end(await this.#run(id).program());
      },
      "/input": body(async ({ id }) => {
        const run = this.#run(id);
        return (await run.waiters.until(() => run.input())) ?? {};
      }),
      "/over": body(async ({ id }) => {
        const run = this.#run(id);
        return { over: (await run.waiters.until(() => run.over || undefined)) ?? false };
      }),
      "/output": body(async ({ id, stream, data }) => {
        const kind = stream === "stdout" ? STDOUT : STDERR;
        this.#run(id).send(kind, Buffer.from(data, "base64"));
        return {};
      }),
      "/ended": body(async (told) => {
        await this.#run(told.id).end(told);
        return {};
      }),
    };
  }
}

/** Takes clients; each sends a line of JSON, then its input. */
function listen(path, queue) {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let head = Buffer.alloc(0);
    let run;
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      if (run) {
        run.hear(bytes);
        return;
      }
      head = Buffer.concat([head, bytes]);
      const end = head.indexOf("\n");
      if (end >= 0) {
        run = new Run(socket, JSON.parse(head.subarray(0, end).toString("utf8")));
        if (end + 1 < head.length) {
          run.hear(head.subarray(end + 1));
        }
        queue.add(run);
      }
    });
    socket.on("end", () => run?.inputEnded());
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve(server));
  });
}

/** Starts the session in a host; answers what ends it. */
async function startSession(host, address, complain) {
  const asked = new URLSearchParams({ isolated: String(host.isolated), transport: host.transport });
  if (host.engine !== "node") {
    const { browser, close } = await startBrowser(host.engine);
    browser.once("disconnected", () => complain("the browser ended"));
    const page = await openPage(browser, complain);
    await page.goto(`${address}/tests/conformance/session.html?${asked}`);
    return () => {
      browser.removeAllListeners("disconnected");
      return close();
    };
  }
  const child = fork(join(here, "session.js"), [address, host.transport, join(dist, "index.js")], {
    execPath: await nodeProgram(host.version),
    execArgv: [],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ended = new Promise((resolve) => {
    child.once("exit", (code, signal) => {
      complain(`Node ended (${signal ?? code})`);
      resolve();
    });
  });
  return async () => {
    child.removeAllListeners("exit");
    child.once("exit", () => {});
    const gone = child.exitCode === null ? new Promise((r) => child.once("exit", r)) : ended;
    child.kill("SIGKILL");
    await gone;
  };
}

async function main([name, path]) {
  const [host] = chooseHosts([name]);
  let complained = false;
  const complain = (what) => {
    complained = true;
    process.stderr.write(`error: ${host.name}: ${what}\n`);
  };
  const queue = new Queue();
  const server = await serve({
    folders: { "/dist/": dist, "/tests/": tests },
    isolated: host.isolated === true,
    handlers: queue.handlers(),
  });
  const clients = await listen(path, queue);
  const end = await startSession(host, server.address, complain);
  const late = setTimeout(() => complain("it does not ask for work"), START_MS);
  await queue.started;
  clearTimeout(late);
  process.stdout.write("ready\n");
  // Whoever started this says by the end of the input that it is over, also by dying.
  process.stdin.resume();
  await new Promise((resolve) => process.stdin.once("close", resolve));
  clients.close();
  await end();
  await server.close();
  process.exit(complained ? 1 : 0);
}

/** Names the hosts that fit, one a line. */
function list(names) {
  const at = names.indexOf("--transport");
  const [, transport] = at < 0 ? [] : names.splice(at, 2);
  for (const host of chooseHosts(names.filter((name) => name !== "all"))) {
    if (transport === undefined || host.transport === transport) {
      process.stdout.write(`${host.name}\n`);
    }
  }
}

const given = process.argv.slice(2);
try {
  if (given[0] === "--list") {
    list(given.slice(1));
  } else {
    await main(given);
  }
} catch (error) {
  process.stderr.write(`error: ${error.message}\n`);
  process.exit(1);
}
