// Runs a file of cases in a page. Outcomes go to the server, which is the same in every browser.

import { runCases } from "/tests/environment.js";

const asked = new URL(location.href).searchParams;

async function post(path, body) {
  const response = await fetch(path, { method: "POST", body: JSON.stringify(body) });
  return response.json();
}

async function read(path) {
  const response = await fetch(path);
  if (!response.ok) {
    throw new Error(`${path}: ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

/** Bytes in use by the page and its workers where the engine counts them, else what its debugger says. */
async function memory() {
  if (crossOriginIsolated && "measureUserAgentSpecificMemory" in performance) {
    return (await performance.measureUserAgentSpecificMemory()).bytes;
  }
  return (await post("/memory", {})).bytes;
}

try {
  const exported = await import("/dist/index.js");
  const { default: cases } = await import(asked.get("cases"));
  const host = {
    name: asked.get("host"),
    engine: asked.get("engine"),
    transport: asked.get("transport"),
    isolated: crossOriginIsolated,
    package: exported,
    address: location.origin,
    script: (name) => `${location.origin}/tests/${name}`,
    direct: () => import("/dist/direct.js"),
    read,
    memory,
  };
  const wanted = asked.get("isolated") === "true";
  if (wanted !== crossOriginIsolated) {
    throw new Error(`crossOriginIsolated is ${crossOriginIsolated}, and ${wanted} was asked for`);
  }
  await runCases(host, cases, asked.get("filter") ?? undefined, (outcome) =>
    post("/report", outcome),
  );
  await post("/report", { done: true });
} catch (error) {
  await post("/report", { broken: `${error?.name}: ${error?.message}`, done: true });
}
