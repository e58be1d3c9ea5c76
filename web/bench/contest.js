// What a contestant is given, the same in every host.

/** Thrown by a contestant that cannot be measured in a host; the reason is shown. */
export class LeftOut extends Error {}

/** Runs a contestant; answers `{ figures }`, numbers by name, or why there are none. */
export async function measure(platform) {
  try {
    const { default: row } = await platform.load(`/bench/rows/${platform.row}.js`);
    return { figures: await row.contestants[platform.contestant](contest(platform)) };
  } catch (error) {
    if (error instanceof LeftOut || error?.name === "LeftOut") {
      return { leftOut: error.message };
    }
    return { failed: `${error?.name}: ${error?.message}\n${error?.stack ?? ""}` };
  }
}

function contest(platform) {
  const c = {
    engine: platform.engine,
    transport: platform.transport,
    isolated: platform.isolated,
    startWorker: platform.startWorker,
    ask: platform.ask,
    url: platform.url,
    get: platform.get,
    load: platform.load,
    /** The bytes of a guest: `rust/hello`. */
    guest: async (name) => bytesOf(await platform.get(`/guests/${name}.wasm`)),
    python: () => platform.get("/python.wasm"),
    async holm(options = {}) {
      const { Holm } = await platform.load("/dist/index.js");
      return Holm.boot({ transport: platform.transport, ...options });
    },
    /** The module of `@bjorn3/browser_wasi_shim` runs in a worker, as its users do it. */
    async shim() {
      const worker = platform.startWorker("/bench/workers/shim.js");
      await answered(worker, { shim: platform.url(PEERS.shim) });
      return {
        run: (message) => answered(worker, message),
        close: () => worker.end(),
      };
    },
    async wasmer() {
      if (!platform.isolated) {
        throw new LeftOut("@wasmer/sdk needs a cross-origin isolated page");
      }
      const { Wasmer } = await platform.load(
        platform.engine === "node" ? PEERS.wasmerNode : PEERS.wasmer,
      );
      return new Wasmer();
    },
    answered,
    now: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    leaveOut(reason) {
      throw new LeftOut(reason);
    },
    /** Figures that the guest `bench` printed. */
    figures(output) {
      try {
        return JSON.parse(output);
      } catch {
        throw new Error(`no figures: ${output.slice(0, 500)}`);
      }
    },
  };
  return c;
}

const PEERS = {
  shim: "/peers/@bjorn3/browser_wasi_shim/dist/index.js",
  wasmer: "/peers/@wasmer/sdk/dist/index.js",
  wasmerNode: "/peers/@wasmer/sdk/dist/node.js",
};

async function bytesOf(response) {
  if (!response.ok) {
    throw new Error(`${response.url}: ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

/** Posts a message to a worker and waits for its answer. */
export function answered(worker, message, transfer) {
  return new Promise((resolve, reject) => {
    worker.hear = (answer) =>
      answer.failed === undefined ? resolve(answer) : reject(new Error(answer.failed));
    worker.post(message, transfer);
  });
}
