// Says how large a file is, raw and with Brotli, and fails above a limit:
// `node tools/size.js FILE KIBIBYTES`.

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const [file, limit] = process.argv.slice(2);
const bytes = readFileSync(file);
const compressed = brotliCompressSync(bytes, {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  },
});
const kibibytes = (length) => `${(length / 1024).toFixed(0)} KiB`;
console.log(
  `${basename(file)}: ${kibibytes(bytes.length)}, ${kibibytes(compressed.length)} with Brotli ` +
    `(limit ${limit} KiB)`,
);
if (compressed.length > Number(limit) * 1024) {
  console.error(`error: ${basename(file)} is larger than it may be`);
  process.exit(1);
}
