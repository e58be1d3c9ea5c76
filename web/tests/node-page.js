// Runs a file of cases in Node: a process of its own, started by tests/hosts.js.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runCases } from "./environment.js";

const asked = JSON.parse(process.argv[2]);

async function read(path) {
  const prefix = Object.keys(asked.folders).find((prefix) => path.startsWith(prefix));
  return new Uint8Array(await readFile(join(asked.folders[prefix], path.slice(prefix.length))));
}

async function memory() {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return process.memoryUsage().rss;
}

const send = (message) =>
  new Promise((resolve, reject) =>
    process.send(message, (error) => (error ? reject(error) : resolve())),
  );

process.on("unhandledRejection", (error) => {
  send({ broken: `an unhandled rejection: ${error?.stack ?? error}` });
});

try {
  const dist = (name) => import(pathToFileURL(join(asked.folders["/dist/"], name)));
  const exported = await dist("index.js");
  const { default: cases } = await import(pathToFileURL(asked.cases));
  const host = {
    name: asked.host,
    engine: "node",
    transport: asked.transport,
    isolated: asked.transport === "shared",
    package: exported,
    address: asked.address,
    script: (name) => pathToFileURL(join(asked.folders["/tests/"], name)),
    direct: () => dist("direct.js"),
    read,
    memory,
  };
  await runCases(host, cases, asked.filter, send);
  await send({ done: true });
} catch (error) {
  await send({ broken: `${error?.name}: ${error?.message}`, done: true });
}
process.disconnect();
