// Paths of the system, taken apart and put together.

/** An absolute path without `.`, `..` and doubled slashes. */
export function resolvePath(directory: string, path: string): string {
  const joined = path.startsWith("/") ? path : `${directory}/${path}`;
  const names: string[] = [];
  for (const name of joined.split("/")) {
    if (name === "" || name === ".") continue;
    if (name === "..") names.pop();
    else names.push(name);
  }
  return `/${names.join("/")}`;
}

/** The last name of a path; `/` for the root. */
export function baseName(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("/") + 1) || "/";
}

/** The directory that a path is in. */
export function parentOf(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  return trimmed.slice(0, Math.max(trimmed.lastIndexOf("/"), 0)) || "/";
}

/** A name below a directory. */
export function join(directory: string, name: string): string {
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

/** A path with the home directory as `~`. */
export function shortened(path: string, home: string): string {
  if (path === home) return "~";
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

const MOUNT_UNSAFE = /[^\p{L}\p{N}._-]+/gu;

/** A file's name as one safe name of a path, never empty, `.` or `..`. */
export function safeName(name: string): string {
  const safe = baseName(name)
    .replace(MOUNT_UNSAFE, "-")
    .replace(/^-+|-+$/g, "");
  return safe === "" || safe === "." || safe === ".." ? "file" : safe.slice(0, 120);
}

const ARCHIVE = /\.(zip|tar|tar\.gz|tgz|tar\.zst)$/i;

/** Whether a file of this name is mounted instead of being copied. */
export function isArchive(name: string): boolean {
  return ARCHIVE.test(name);
}

/** The name of an archive without what says its format. */
export function archiveStem(name: string): string {
  return safeName(name.replace(ARCHIVE, ""));
}
