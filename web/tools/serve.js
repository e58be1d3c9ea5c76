// Serves the terminal page and the package on this machine: `node tools/serve.js [--port N] [--plain]`.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { serve } from "../tests/server.js";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8080" },
    // Without the headers that give a page shared memory, as most static hosts are.
    plain: { type: "boolean", default: false },
  },
});
const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const page = folder("../terminal/dist");
if (!existsSync(page)) {
  console.error("error: the terminal page is not built: `cargo xtask web serve` builds it");
  process.exit(1);
}
const server = await serve({
  folders: { "/": page, "/package/": folder("../dist") },
  isolated: !values.plain,
  port: Number(values.port),
}).catch((error) => {
  const taken = error.code === "EADDRINUSE";
  console.error(
    taken
      ? `error: port ${values.port} is taken; --port takes another, 0 any that is free`
      : `error: ${error.message}`,
  );
  process.exit(1);
});
console.log(`the terminal is at ${server.address}; Ctrl-C ends this`);
