// Loading the kernel's module.

import { HolmError } from "../errors.js";
import { packageFile } from "../platform.js";

/** The kernel's module. */
export async function kernelModule(
  given?: string | URL | WebAssembly.Module,
): Promise<WebAssembly.Module> {
  if (given instanceof WebAssembly.Module) {
    return given;
  }
  const url = given ?? new URL("./holm.wasm", import.meta.url);
  try {
    const file = await packageFile(url);
    if (file instanceof Uint8Array) {
      return await WebAssembly.compile(file);
    }
    if (!file.ok) {
      throw new Error(`the server answered ${file.status}`);
    }
    // Compiling it as it streams in takes longer in Chromium: there whole modules are compiled lazily.
    return await WebAssembly.compile(await file.arrayBuffer());
  } catch (cause) {
    throw new HolmError(
      "download",
      `the kernel could not be loaded from ${url}: ${String(cause)}`,
      {
        help: "serve holm.wasm beside the script, or say where it is: Holm.boot({ assets: { kernel } })",
        cause,
      },
    );
  }
}
