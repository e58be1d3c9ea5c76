// A static server for the tests: several folders under one address, isolated or not, with ranges.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
  ".zip": "application/zip",
};

/** What makes a page cross-origin isolated, and with that gives it shared memory. */
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/**
 * Serves folders on a free port of this machine alone.
 *
 * @param {object} options
 * @param {Record<string, string>} options.folders Folders by the path that they are served under,
 *   such as `{ "/": "site" }`, or single files; the longest that fits is taken.
 * @param {boolean} options.isolated Whether pages are cross-origin isolated.
 * @param {number} [options.port]
 * @param {Record<string, (request, response, body: string) => unknown>} [options.handlers] What
 *   answers a path by code. An answer that is not undefined is sent as JSON.
 * @returns {Promise<{ address: string, requests: object[], close(): Promise<void> }>} Requests are
 *   recorded, for tests of what is downloaded.
 */
export async function serve({ folders, isolated, port = 0, handlers = {} }) {
  const requests = [];
  const prefixes = Object.keys(folders).sort((one, other) => other.length - one.length);
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://local").pathname);
    if (isolated) {
      for (const [name, value] of Object.entries(ISOLATION)) {
        response.setHeader(name, value);
      }
    }
    response.setHeader("Cache-Control", "no-cache");
    try {
      const handler = handlers[path];
      if (handler) {
        const answer = await handler(request, response, await bodyOf(request));
        if (answer !== undefined) {
          response.setHeader("Content-Type", TYPES[".json"]);
          response.end(JSON.stringify(answer));
        }
        return;
      }
      const prefix = prefixes.find((prefix) => path.startsWith(prefix));
      const record = { method: request.method, path, bytes: 0 };
      requests.push(record);
      if (prefix === undefined) {
        refuse(response, 404);
        return;
      }
      await send(request, response, folders[prefix], path.slice(prefix.length), record);
    } catch (error) {
      if (response.headersSent) {
        response.destroy();
      } else {
        response.writeHead(500).end(String(error));
      }
    }
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    requests,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) {
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function refuse(response, status, headers = {}) {
  response.writeHead(status, { "Content-Type": TYPES[".txt"], ...headers }).end(`${status}\n`);
}

async function send(request, response, folder, path, record) {
  if (request.method !== "GET" && request.method !== "HEAD") {
    refuse(response, 405, { Allow: "GET, HEAD" });
    return;
  }
  const named = path === "" ? await stat(folder).catch(() => undefined) : undefined;
  const wanted = named?.isFile()
    ? folder
    : normalize(join(folder, path.endsWith("/") || path === "" ? `${path}index.html` : path));
  if (wanted !== folder && !wanted.startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
    refuse(response, 403);
    return;
  }
  const file = named?.isFile() ? named : await stat(wanted).catch(() => undefined);
  if (!file?.isFile()) {
    refuse(response, 404);
    return;
  }
  const tag = createHash("sha256").update(`${wanted} ${file.size} ${file.mtimeMs}`).digest("hex");
  const etag = `"${tag.slice(0, 16)}"`;
  response.setHeader("Content-Type", TYPES[extname(wanted)] ?? "application/octet-stream");
  response.setHeader("Accept-Ranges", "bytes");
  response.setHeader("ETag", etag);
  if (request.headers["if-none-match"] === etag) {
    response.writeHead(304).end();
    return;
  }
  // A file that changed is sent whole to whoever holds a part of the older one.
  const condition = request.headers["if-range"];
  const ranged = request.headers.range && (condition === undefined || condition === etag);
  const range = ranged ? parseRange(request.headers.range, file.size) : undefined;
  if (range === null) {
    refuse(response, 416, { "Content-Range": `bytes */${file.size}` });
    return;
  }
  const { start, end } = range ?? { start: 0, end: file.size - 1 };
  response.setHeader("Content-Length", end - start + 1);
  if (range) {
    response.setHeader("Content-Range", `bytes ${start}-${end}/${file.size}`);
  }
  response.writeHead(range ? 206 : 200);
  if (request.method === "HEAD" || file.size === 0) {
    response.end();
    return;
  }
  createReadStream(wanted, { start, end })
    .on("data", (part) => {
      record.bytes += part.length;
    })
    .on("error", () => response.destroy())
    .pipe(response);
}

/** One range of a header, `undefined` when it is none that is understood, `null` beyond the end. */
function parseRange(header, size) {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  if (!parts || (parts[1] === "" && parts[2] === "")) {
    return undefined;
  }
  const [, first, last] = parts;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return start > end ? null : { start, end };
}
