// Parts of files on servers, by range (RFC 9110, section 14).

/** Times that a range is asked for before it has failed, and how long between two. */
const TRIES = 3;
const PAUSE_MS = 300;

/** What a server says of a file of which it gives ranges. */
export interface RangeInfo {
  total: number;
  tag: string | null;
}

/** Whether a server gives ranges of a file; otherwise its whole answer. */
export async function probeRange(url: string): Promise<RangeInfo | Response> {
  const response = await fetch(url, { headers: { Range: "bytes=0-0" } });
  const info = response.status === 206 ? rangeInfo(response) : undefined;
  if (info === undefined) {
    return response.status === 206 ? fetch(url) : response;
  }
  await response.arrayBuffer();
  return info;
}

/** Gets a range of a file. */
export async function fetchRange(
  url: string,
  offset: number,
  length: number,
): Promise<RangeInfo & { bytes: Uint8Array }> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const last = offset + length - 1;
      const response = await fetch(url, { headers: { Range: `bytes=${offset}-${last}` } });
      const info = rangeInfo(response);
      if (response.status !== 206 || info === undefined) {
        throw new Error(`the server answered ${response.status} to a request for a range`);
      }
      return { ...info, bytes: new Uint8Array(await response.arrayBuffer()) };
    } catch (error) {
      if (attempt >= TRIES) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
    }
  }
}

/** `Content-Range: bytes 0-0/1234`; absent where the server hides it from other origins. */
function rangeInfo(response: Response): RangeInfo | undefined {
  const total = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
  return total === undefined
    ? undefined
    : { total: Number(total), tag: response.headers.get("etag") };
}
