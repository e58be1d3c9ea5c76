// One contestant of one row in Node: a process of its own, started by bench/hosts.js.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { measure } from "./contest.js";

const asked = JSON.parse(process.argv[2]);

function file(path) {
  const prefix = Object.keys(asked.folders)
    .sort((one, other) => other.length - one.length)
    .find((prefix) => path.startsWith(prefix));
  return join(asked.folders[prefix], path.slice(prefix.length));
}

const platform = {
  ...asked,
  isolated: true,
  load: (path) => import(pathToFileURL(file(path))),
  url: (path) => pathToFileURL(file(path)).href,
  get: async (path) =>
    new Response(await readFile(file(path)), { headers: { "content-type": "application/wasm" } }),
  ask: async () => ({}),
  startWorker(path) {
    const worker = new Worker(file(path));
    const started = {
      hear: () => {},
      post: (message, transfer = []) => worker.postMessage(message, transfer),
      end: () => worker.terminate(),
    };
    worker.on("message", (message) => started.hear(message));
    worker.on("error", (error) => started.hear({ failed: error.message }));
    return started;
  },
};
const outcome = await measure(platform);
process.send(outcome, () => process.exit(0));
