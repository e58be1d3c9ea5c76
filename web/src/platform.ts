// What browsers and Node do differently: workers, files of the package, the worker's scope.

/** Whether this is Node. */
export const isNode =
  typeof process === "object" &&
  typeof process.versions?.node === "string" &&
  !("window" in globalThis);

/** A module of Node. Its name is kept from bundlers, which build for browsers. */
export async function nodeModule<T>(name: string): Promise<T> {
  return (await import(/* @vite-ignore */ /* webpackIgnore: true */ `node:${name}`)) as T;
}

/** A worker, as its owner sees it. */
export interface Spawned<In, Out> {
  post(message: In, transfer?: Transferable[]): void;
  onMessage: (message: Out) => void;
  /** The worker's script failed or its worker died. */
  onError: (reason: string) => void;
  terminate(): void;
}

/** Starts a worker. */
export async function startWorker<In, Out>(
  url: string | URL,
  name: string,
): Promise<Spawned<In, Out>> {
  const spawned: Spawned<In, Out> = {
    post: () => {},
    onMessage: () => {},
    onError: () => {},
    terminate: () => {},
  };
  if (isNode) {
    const { Worker } = await nodeModule<typeof import("node:worker_threads")>("worker_threads");
    const worker = new Worker(new URL(url), { name });
    spawned.post = (message, transfer) => worker.postMessage(message, transfer as never);
    worker.on("message", (message) => spawned.onMessage(message as Out));
    worker.on("error", (error) => spawned.onError(String(error)));
    worker.on("exit", (code) => {
      if (code !== 0) {
        spawned.onError(`the worker ended with ${code}`);
      }
    });
    spawned.terminate = () => void worker.terminate();
    return spawned;
  }
  const worker = new Worker(url, { type: "module", name });
  spawned.post = (message, transfer) => worker.postMessage(message, transfer ?? []);
  worker.onmessage = (event: MessageEvent<Out>) => spawned.onMessage(event.data);
  worker.onerror = (event) => {
    event.preventDefault();
    spawned.onError(event.message ?? `its script ${url} could not be loaded`);
  };
  worker.onmessageerror = () => spawned.onError("a message could not be read");
  spawned.terminate = () => worker.terminate();
  return spawned;
}

/** The scope of a worker, as its script sees it. */
export interface Scope<In, Out> {
  post(message: Out, transfer?: Transferable[]): void;
  listen(handle: (message: In) => void): void;
}

/** The scope of the worker that this script runs in. */
export async function workerScope<In, Out>(): Promise<Scope<In, Out>> {
  if (isNode) {
    const { parentPort } = await nodeModule<typeof import("node:worker_threads")>("worker_threads");
    if (parentPort === null) {
      throw new Error("this script runs in a worker");
    }
    return {
      post: (message, transfer) => parentPort.postMessage(message, transfer as never),
      listen: (handle) => void parentPort.on("message", handle),
    };
  }
  const scope = globalThis as unknown as DedicatedWorkerGlobalScopeLike;
  return {
    post: (message, transfer) => scope.postMessage(message, transfer ?? []),
    listen: (handle) => {
      scope.onmessage = (event: MessageEvent) => handle(event.data as In);
    },
  };
}

interface DedicatedWorkerGlobalScopeLike {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

/** The bytes of a file of the package. */
export async function packageFile(url: string | URL): Promise<Response | Uint8Array<ArrayBuffer>> {
  if (isNode && String(url).startsWith("file:")) {
    const { readFile } = await nodeModule<typeof import("node:fs/promises")>("fs/promises");
    return Uint8Array.from(await readFile(new URL(url)));
  }
  return fetch(url);
}
