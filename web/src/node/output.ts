// Writing to a descriptor of Node, whole.

import { isNode, nodeModule } from "../platform.js";

const fs = isNode ? await nodeModule<typeof import("node:fs")>("fs") : undefined;

/** Milliseconds until a descriptor that took nothing is tried again. */
const AGAIN_MS = 1;

/** Writes all of `bytes`. A reader who went away is no error: nobody is left to be told. */
export function writeOut(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; fs !== undefined && at < bytes.length; ) {
    try {
      at += fs.writeSync(descriptor, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") {
        return;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN_MS);
    }
  }
}
