// Downloads with progress, and what a refused one means in words.

import { formatSize } from "../shell/format.js";
import { textWidth } from "../shell/width.js";

/** How far a download is. */
export interface Progress {
  received: number;
  total: number | undefined;
}

/** Most bytes that are downloaded into memory. */
const DOWNLOAD_MOST = 1024 * 1024 * 1024;
const REPORT_EVERY_MS = 60;

/** A download that did not happen, and what to do about it. */
export class DownloadProblem extends Error {
  override name = "DownloadProblem";
  readonly help: string;

  constructor(message: string, help: string) {
    super(message);
    this.help = help;
  }
}

/** Downloads to the end. Throws `DownloadProblem`. */
export async function download(
  url: URL,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url, { signal, credentials: "omit" }).catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw refused(url);
  });
  if (!response.ok) {
    throw new DownloadProblem(
      `${url.href} answers ${response.status} ${response.statusText}`.trim(),
      "check the address; it may have moved",
    );
  }
  // With an encoding the length is that of what travels, not of what arrives.
  const encoded = response.headers.has("content-encoding");
  const length = encoded ? 0 : Number(response.headers.get("content-length"));
  const total = length > 0 ? length : undefined;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  let reported = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    received += value.byteLength;
    if (received > DOWNLOAD_MOST) {
      await reader.cancel();
      throw new DownloadProblem(
        `${url.href} is larger than ${formatSize(DOWNLOAD_MOST)}`,
        "get a smaller one",
      );
    }
    const now = performance.now();
    if (now - reported >= REPORT_EVERY_MS) {
      reported = now;
      onProgress({ received, total });
    }
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function refused(url: URL): DownloadProblem {
  if (location.protocol === "https:" && url.protocol === "http:") {
    return new DownloadProblem(
      `${url.href} cannot be read from a page that came over https`,
      "use its https address",
    );
  }
  if (url.origin === location.origin) {
    return new DownloadProblem(
      `${url.href} cannot be reached`,
      "check the network, and that the server runs",
    );
  }
  return new DownloadProblem(
    `${url.host} cannot be reached, or does not let other sites read its files`,
    "browsers ask the server for the header Access-Control-Allow-Origin (CORS). Download the file " +
      "yourself and drop it onto this page, or use a server that sends that header",
  );
}

/** A bar of a width that fits: `python.wasm ████░░░ 12.3 MiB of 25.0 MiB`. */
export function progressLine(name: string, progress: Progress, columns: number): string {
  const received = formatSize(progress.received);
  const figures =
    progress.total === undefined ? received : `${received} of ${formatSize(progress.total)}`;
  const room = Math.min(32, columns - textWidth(name) - figures.length - 4);
  if (progress.total === undefined || room < 6)
    return `${name}  ${figures}`.slice(0, Math.max(columns - 1, 0));
  const full = Math.min(room, Math.round((progress.received / progress.total) * room));
  return `${name}  \u001b[36m${"█".repeat(full)}\u001b[90m${"░".repeat(room - full)}\u001b[0m  ${figures}`;
}
