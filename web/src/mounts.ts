// From what the page says of a mount to what the kernel is ordered.

import { HolmError } from "./errors.js";
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
  throw new HolmError("mount", `nothing can be mounted from ${Object.keys(from).join(", ")}`);
}
