// Runs programs under @bjorn3/browser_wasi_shim, one after the other.

import { serve } from "./scope.js";

let peer;

serve(async (message) => {
  if (message.shim !== undefined) {
    peer = await import(message.shim);
    return {};
  }
  const { WASI, File, OpenFile, ConsoleStdout, PreopenDirectory } = peer;
  const module =
    message.module ??
    (await (message.url === undefined
      ? WebAssembly.compile(message.bytes)
      : WebAssembly.compileStreaming(fetch(message.url))));
  let text = "";
  const decoder = new TextDecoder();
  const output = new ConsoleStdout((bytes) => {
    text += decoder.decode(bytes, { stream: true });
  });
  const directories = (message.directories ?? []).map(
    (name) => new PreopenDirectory(name, new Map()),
  );
  const wasi = new WASI(
    ["program", ...(message.args ?? [])],
    [],
    [new OpenFile(new File([])), output, output, ...directories],
    // Left out, it logs each call to the console.
    { debug: false },
  );
  const instance = await WebAssembly.instantiate(module, {
    wasi_snapshot_preview1: wasi.wasiImport,
  });
  const code = wasi.start(instance);
  return { code, text, module: message.keep ? module : undefined };
});
