// How the terminal page is built and served: `npm run dev`, `npm run build`, `npm run preview`.

import { readFileSync } from "node:fs";
import { defineConfig } from "vite";
import { preload } from "./build/preload.ts";
import { programs } from "./build/programs.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as {
  version: string;
};

// Shared memory needs these of the server. HOLM_ISOLATED=0 leaves them out, as a plain static
// host does; the page then takes the other transport.
const isolated: Record<string, string> =
  process.env.HOLM_ISOLATED === "0"
    ? {}
    : {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
      };

export default defineConfig({
  // Relative, so that the page works in any folder of any static host.
  base: "./",
  define: { __HOLM_VERSION__: JSON.stringify(version) },
  plugins: [programs(), preload()],
  server: { headers: isolated, fs: { allow: [".."] } },
  preview: { headers: isolated },
  worker: { format: "es" },
  optimizeDeps: { exclude: ["@holm/web"] },
  build: { target: "es2023", assetsInlineLimit: 0, chunkSizeWarningLimit: 800 },
});
