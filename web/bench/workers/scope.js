// The scope of a worker, in browsers and in Node.

const port =
  typeof process === "object" && process.versions?.node
    ? (await import("node:worker_threads")).parentPort
    : undefined;

/** Answers each message with what `handle` returns for it. */
export function serve(handle) {
  const hear = async (message) => {
    let answer;
    try {
      answer = await handle(message);
    } catch (error) {
      answer = { failed: `${error?.name}: ${error?.message ?? error}\n${error?.stack ?? ""}` };
    }
    if (port) {
      port.postMessage(answer);
    } else {
      self.postMessage(answer);
    }
  };
  if (port) {
    port.on("message", hear);
  } else {
    self.onmessage = (event) => hear(event.data);
  }
}
