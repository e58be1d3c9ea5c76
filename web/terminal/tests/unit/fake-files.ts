// A few files in memory, for tests of what looks at files.

import type { DirectoryEntry } from "@holm/web";

/** Lists folders of a tree given by whole paths. */
export function filesOf(...paths: string[]): { list(path: string): Promise<DirectoryEntry[]> } {
  return {
    list(path) {
      const prefix = path === "/" ? "/" : `${path}/`;
      const found = new Map<string, DirectoryEntry>();
      for (const each of paths.filter((one) => one.startsWith(prefix))) {
        const [name = "", ...below] = each.slice(prefix.length).split("/");
        found.set(name, { name, kind: below.length > 0 ? "directory" : "file" });
      }
      return found.size > 0
        ? Promise.resolve([...found.values()])
        : Promise.reject(new Error(`ENOENT ${path}`));
    },
  };
}
