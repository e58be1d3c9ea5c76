// A Vite plugin: tells the browser early what the page will need, beside its scripts.

import type { HtmlTagDescriptor, Plugin } from "vite";

const WANTED: readonly (readonly [RegExp, Record<string, string>])[] = [
  [/holm-[\w-]+\.wasm$/, { as: "fetch", type: "application/wasm" }],
  [/inter-latin-wght-normal-[\w-]+\.woff2$/, { as: "font", type: "font/woff2" }],
  [/jetbrains-mono-latin-wght-normal-[\w-]+\.woff2$/, { as: "font", type: "font/woff2" }],
];

/** Adds preloads for the kernel and the fonts to the built page. */
export function preload(): Plugin {
  return {
    name: "holm-preload",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_html, { bundle }) {
        const files = Object.keys(bundle ?? {});
        return WANTED.flatMap(([pattern, attributes]): HtmlTagDescriptor[] => {
          const file = files.find((each) => pattern.test(each));
          if (file === undefined) return [];
          return [
            {
              tag: "link",
              attrs: { rel: "preload", href: `./${file}`, crossorigin: true, ...attributes },
              injectTo: "head",
            },
          ];
        });
      },
    },
  };
}
