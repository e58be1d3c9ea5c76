// What the page remembers from visit to visit; a browser that refuses is no error.

import type { Keep } from "../shell/history.js";

const PREFIX = "holm.";

/** The browser's storage for small texts. */
export const keep: Keep = {
  get(name) {
    try {
      return localStorage.getItem(PREFIX + name) ?? undefined;
    } catch {
      return undefined;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(PREFIX + name, value);
    } catch {
      // Full or forbidden: what is remembered is a convenience.
    }
  },
};
