// A Vite plugin: the guest programs that come with the page, as one archive.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const FILE = "programs.tar.gz";
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Programs of `/bin`, and the guests they are. */
const PROGRAMS: Readonly<Record<string, string>> = {
  args_env: "rust/args_env",
  cat: "rust/cat",
  clocks: "rust/clocks",
  compute: "c/compute",
  denied: "rust/denied",
  exit_code: "rust/exit_code",
  files: "rust/files",
  hello: "rust/hello",
  memory_hog: "rust/memory_hog",
  random: "rust/random",
  stdio_echo: "rust/stdio_echo",
  terminal: "rust/terminal",
  trap: "rust/trap",
};

/** Serves the archive in development, and puts it beside the page when it is built. */
export function programs(): Plugin {
  return {
    name: "holm-programs",
    configureServer(server) {
      server.middlewares.use(`/${FILE}`, (_request, response) => {
        response.setHeader("Content-Type", "application/gzip");
        response.end(archive((text) => server.config.logger.warn(text)));
      });
    },
    generateBundle() {
      this.emitFile({ type: "asset", fileName: FILE, source: archive((text) => this.warn(text)) });
    },
  };
}

function archive(warn: (text: string) => void): Buffer {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  const parts: Buffer[] = [];
  const missing: string[] = [];
  for (const [name, guest] of Object.entries(PROGRAMS)) {
    const path = join(target, "guests", `${guest}.wasm`);
    if (existsSync(path)) parts.push(...entry(`${name}.wasm`, readFileSync(path)));
    else missing.push(name);
  }
  if (missing.length > 0) {
    warn(
      `not in /bin, as they are not built: ${missing.join(", ")}. To build them: cargo xtask guests`,
    );
  }
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(1024)]), { level: 9 });
}

/** A file as a tar archive has it: a header of 512 bytes, and the content in whole blocks. */
function entry(name: string, content: Buffer): Buffer[] {
  const header = Buffer.alloc(512);
  const octal = (value: number, digits: number): string =>
    `${value.toString(8).padStart(digits, "0")}\0`;
  header.write(name, 0, 100, "utf8");
  header.write(octal(0o755, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(content.length, 11), 124);
  header.write(octal(0, 11), 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\x0000", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}
