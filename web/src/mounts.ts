// From what the page says of a mount to what the kernel is ordered.

import { HolmError } from "./errors.js";
import { hostDirectoriesRefused } from "./node/directory.js";
import { nodeModule } from "./platform.js";
import { bytesOfSize } from "./size.js";
import type { BootOptions, MountSource } from "./types.js";

/** Bytes of changes that a copy keeps, unless the page says otherwise. */
const COPY_BYTES = 1 << 30;

/** A source as the kernel knows it; see crates/host-web/src/control.rs. */
export async function mountSource(
  from: MountSource,
  options: BootOptions,
): Promise<{ source: object; bytes?: Uint8Array }> {
  if ("memory" in from && !("copyOf" in from)) {
    return { source: { memory: { bytes: bytesOfSize(from.memory) } } };
  }
  if ("copyOf" in from) {
    const { source, ...rest } = await mountSource(from.copyOf, options);
    const bytes = from.memory === undefined ? COPY_BYTES : bytesOfSize(from.memory);
    return { source: { copy: { of: source, bytes } }, ...rest };
  }
  if ("directory" in from) {
    const refused = await hostDirectoriesRefused();
    if (refused !== undefined) {
      throw new HolmError("mount", refused);
    }
    const path = await realPath(from.directory);
    return { source: { directory: { path, readOnly: from.access === "ro" } } };
  }
  throw new HolmError("mount", `nothing can be mounted from ${Object.keys(from).join(", ")}`);
}

/** The absolute path of a host's directory. */
async function realPath(path: string): Promise<string> {
  const { resolve } = await nodeModule<typeof import("node:path")>("path");
  return resolve(path);
}
