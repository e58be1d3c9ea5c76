// A guest's worker that dies as soon as it is to run something.

const node = typeof process === "object" && (await import("node:worker_threads"));

function hear(message) {
  if ("run" in message) {
    throw new Error("this worker dies");
  }
}

if (node) {
  node.parentPort.on("message", hear);
  node.parentPort.postMessage({ ready: true });
} else {
  globalThis.onmessage = (event) => hear(event.data);
  globalThis.postMessage({ ready: true });
}
