// A directory of this machine as a list of its files, and back.

import {
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";

/**
 * Everything below a directory: paths from there, directories before what is in them.
 *
 * @param {string} root
 * @returns {Promise<{ path: string, kind: "directory" | "file" | "symlink", data?: string,
 *   target?: string }[]>} Contents of files are in Base64.
 */
export async function readTree(root) {
  const entries = [];
  const visit = async (folder) => {
    for (const name of (await readdir(join(root, folder))).sort()) {
      const path = folder === "" ? name : `${folder}/${name}`;
      const info = await lstat(join(root, path));
      if (info.isDirectory()) {
        entries.push({ path, kind: "directory" });
        await visit(path);
      } else if (info.isSymbolicLink()) {
        entries.push({ path, kind: "symlink", target: await readlink(join(root, path)) });
      } else if (info.isFile()) {
        const data = (await readFile(join(root, path))).toString("base64");
        entries.push({ path, kind: "file", data });
      }
    }
  };
  await visit("");
  return entries;
}

/**
 * Makes of a directory that is as in `before` one that is as in `after`. What did not change is
 * not touched, and no link is followed: what was one is removed first.
 */
export async function writeTree(root, before, after) {
  const text = (entry) => JSON.stringify([entry.kind, entry.data, entry.target]);
  const wanted = new Map(after.map((entry) => [entry.path, text(entry)]));
  const kept = new Map();
  for (const entry of before) {
    if (wanted.get(entry.path) === text(entry)) {
      kept.set(entry.path, true);
    } else {
      await rm(join(root, entry.path), { recursive: true, force: true });
    }
  }
  for (const entry of after) {
    if (kept.has(entry.path)) {
      continue;
    }
    const path = join(root, entry.path);
    if (entry.kind === "directory") {
      await mkdir(path);
    } else if (entry.kind === "symlink") {
      await symlink(entry.target, path);
    } else {
      await writeFile(path, Buffer.from(entry.data, "base64"), { flag: "wx" });
    }
  }
}
