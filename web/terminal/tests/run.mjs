// Runs the unit tests: bundles `tests/unit/*.test.ts` for Node and hands them to its test runner.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const output = join(root, "node_modules/.cache/unit-tests");
const names = readdirSync(join(root, "tests/unit")).filter((name) => name.endsWith(".test.ts"));

await build({
  root,
  configFile: false,
  logLevel: "warn",
  define: { __HOLM_VERSION__: '"test"' },
  build: {
    ssr: true,
    outDir: output,
    emptyOutDir: true,
    target: "node20",
    rolldownOptions: {
      input: Object.fromEntries(
        names.map((name) => [name.replace(/\.ts$/, ""), join(root, "tests/unit", name)]),
      ),
      output: { entryFileNames: "[name].mjs" },
    },
  },
});
const files = names.map((name) => join(output, name.replace(/\.ts$/, ".mjs")));
const { status } = spawnSync(process.execPath, ["--test", ...files], { stdio: "inherit" });
process.exit(status ?? 1);
