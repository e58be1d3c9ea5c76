// One contestant of one row in a page; the figures go to the server.

import { measure } from "/bench/contest.js";

const asked = Object.fromEntries(new URL(location.href).searchParams);

async function post(path, body) {
  const response = await fetch(path, { method: "POST", body: JSON.stringify(body) });
  return response.json();
}

const platform = {
  ...asked,
  isolated: crossOriginIsolated,
  load: (path) => import(path),
  url: (path) => new URL(path, location.href).href,
  get: (path) => fetch(path),
  ask: (path) => post(path, {}),
  startWorker(path) {
    const worker = new Worker(path, { type: "module" });
    const started = {
      hear: () => {},
      post: (message, transfer = []) => worker.postMessage(message, transfer),
      end: () => worker.terminate(),
    };
    worker.onmessage = (event) => started.hear(event.data);
    worker.onerror = (event) => started.hear({ failed: event.message });
    return started;
  },
};
const outcome = await measure(platform);
await post("/outcome", outcome);
