// Bundles the package's entry points into dist/: `node tools/build.js [--watch]`.

import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { context } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Each file of dist/ and what it is made from. All of them are part of the package. */
const ENTRIES = {
  index: "src/index.ts",
  "kernel-worker": "src/kernel/worker.ts",
  "guest-worker": "src/guest/worker.ts",
  direct: "src/direct.ts",
  cli: "src/cli.ts",
};

const missing = Object.values(ENTRIES).filter((source) => !existsSync(join(root, source)));
if (missing.length > 0) {
  console.error(`error: of the package's entry points there is no ${missing.join(", no ")}`);
  process.exit(1);
}
const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
const bundle = await context({
  absWorkingDir: root,
  entryPoints: Object.fromEntries(Object.entries(ENTRIES)),
  outdir: "dist",
  bundle: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  sourcemap: true,
  splitting: false,
  legalComments: "inline",
  // Only what runs in Node reaches for Node's own modules, behind a check of where it runs.
  external: ["node:*"],
  define: { HOLM_VERSION: JSON.stringify(version) },
  logLevel: "info",
});
await mkdir(join(root, "dist"), { recursive: true });
await bundle.rebuild();
for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) {
  await copyFile(join(root, "..", licence), join(root, "dist", licence));
}
if (process.argv.includes("--watch")) {
  await bundle.watch();
} else {
  await bundle.dispose();
}
