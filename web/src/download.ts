// Downloads, with how far they are.

import type { Progress } from "./types.js";

/** All bytes of an answer. */
export async function download(
  response: Response,
  url: string,
  onProgress: ((progress: Progress) => void) | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  if (onProgress === undefined || response.body === null) {
    return new Uint8Array(await response.arrayBuffer());
  }
  const reader = response.body.getReader();
  const length = Number(response.headers.get("content-length"));
  // What is compressed on the way is longer than its header says.
  const known = length > 0 && response.headers.get("content-encoding") === null;
  const parts: Uint8Array[] = [];
  let received = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    received += part.value.length;
    onProgress(known ? { url, received, total: length } : { url, received });
  }
  const whole = new Uint8Array(received);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
