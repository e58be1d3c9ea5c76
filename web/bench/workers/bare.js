// Runs a program with the least imports that it gets by with: what its engine does by itself.

import { serve } from "./scope.js";

serve(async ({ bytes, args }) => {
  const module = await WebAssembly.compile(bytes);
  let memory;
  let text = "";
  const decoder = new TextDecoder();
  const encoded = ["program", ...args].map((word) => new TextEncoder().encode(`${word}\0`));
  const view = () => new DataView(memory.buffer);
  const imports = {};
  for (const { name } of WebAssembly.Module.imports(module)) {
    imports[name] = () => 0;
  }
  Object.assign(imports, {
    args_sizes_get(count, size) {
      view().setUint32(count, encoded.length, true);
      view().setUint32(
        size,
        encoded.reduce((sum, word) => sum + word.length, 0),
        true,
      );
      return 0;
    },
    args_get(pointers, target) {
      for (const word of encoded) {
        view().setUint32(pointers, target, true);
        new Uint8Array(memory.buffer).set(word, target);
        pointers += 4;
        target += word.length;
      }
      return 0;
    },
    clock_time_get(_clock, _precision, result) {
      view().setBigUint64(result, BigInt(Math.round(performance.now() * 1e6)), true);
      return 0;
    },
    fd_write(_descriptor, vectors, count, written) {
      let sum = 0;
      for (let vector = vectors; vector < vectors + 8 * count; vector += 8) {
        const length = view().getUint32(vector + 4, true);
        text += decoder.decode(
          new Uint8Array(memory.buffer, view().getUint32(vector, true), length),
        );
        sum += length;
      }
      view().setUint32(written, sum, true);
      return 0;
    },
    // One directory, `/`, where everything is there and nothing happens.
    fd_prestat_get(descriptor, result) {
      if (descriptor > 3) {
        return 8;
      }
      view().setUint32(result, 0, true);
      view().setUint32(result + 4, 1, true);
      return 0;
    },
    fd_prestat_dir_name(_descriptor, target) {
      view().setUint8(target, "/".charCodeAt(0));
      return 0;
    },
    proc_exit(code) {
      throw new Error(`exit ${code}: ${text}`);
    },
  });
  const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: imports });
  memory = instance.exports.memory;
  instance.exports._start();
  return { text };
});
