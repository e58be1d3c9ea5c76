// From what the page says of a mount to what the kernel is ordered.

import { download } from "./download.js";
import { HolmError } from "./errors.js";
import { probeRange } from "./kernel/ranges.js";
import { hostDirectoriesRefused } from "./node/directory.js";
import { isNode, nodeModule, packageFile } from "./platform.js";
import { bytesOfSize } from "./size.js";
import type { BootOptions, MountSource } from "./types.js";

/** Bytes of changes that a copy keeps, unless the page says otherwise. */
const COPY_BYTES = 1 << 30;

/** Size of a disk that is made: what it may grow to, not what it takes. */
const DISK_BYTES = 2 ** 30;

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
  if ("opfs" in from) {
    const size = bytesOfSize(from.size ?? DISK_BYTES);
    return { source: { disk: { opfs: from.opfs, name: from.opfs, size, readOnly: false } } };
  }
  if ("disk" in from) {
    const file = await realPath(from.disk);
    return { source: { disk: { file, name: file, size: 0, readOnly: from.access === "ro" } } };
  }
  if ("archive" in from) {
    return archive(from.archive, from.lazy ?? true, options);
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

/** An archive: whole, or where to get its ranges. */
async function archive(
  from: string | URL | Blob | BufferSource,
  lazy: boolean,
  options: BootOptions,
): Promise<{ source: object; bytes?: Uint8Array }> {
  const whole = (bytes: Uint8Array, name = "archive") => ({ source: { archive: { name } }, bytes });
  if (from instanceof Blob) {
    const name = "name" in from ? String(from.name) : undefined;
    return whole(new Uint8Array(await from.arrayBuffer()), name);
  }
  if (from instanceof ArrayBuffer) {
    return whole(new Uint8Array(from));
  }
  if (ArrayBuffer.isView(from)) {
    return whole(new Uint8Array(from.buffer, from.byteOffset, from.byteLength));
  }
  const url = address(from as string | URL);
  if (url.startsWith("file:")) {
    return whole((await packageFile(url)) as Uint8Array, url);
  }
  let answer: Awaited<ReturnType<typeof probeRange>>;
  try {
    answer = lazy ? await probeRange(url) : await fetch(url);
  } catch (cause) {
    throw new HolmError("download", `${url} could not be fetched: ${String(cause)}`, {
      help: "is the address right, and does its server allow other pages to read it (CORS)?",
      cause,
    });
  }
  if (!(answer instanceof Response)) {
    return { source: { remote: { url, length: answer.total, tag: answer.tag } } };
  }
  if (!answer.ok) {
    throw new HolmError("download", `${url}: the server answered ${answer.status}`);
  }
  return whole(await download(answer, url, options.onProgress), url);
}

/** The absolute form of an address; a path, in Node. */
function address(from: string | URL): string {
  const base = isNode ? `file://${process.cwd()}/` : globalThis.location?.href;
  return new URL(from, base).href;
}
