// `open`: files in the Files panel, and programs and archives from the web.

import { download, progressLine } from "../../page/download.js";
import type { Builtin, Context } from "../builtins.js";
import { UsageProblem } from "../options.js";
import { archiveStem, isArchive, join, resolvePath, safeName } from "../paths.js";
import { HOME } from "../session.js";
import { quote } from "../syntax.js";

const open: Builtin = {
  usage: "open FILE | open URL [ARGS...]",
  summary: "view a file; or get a program or an archive, and run or mount it",
  async run(context) {
    const { session, args } = context;
    // What a link brings goes to /tmp: nobody asked for it to stay.
    const linked = args[0] === "--from-link";
    const [what, ...rest] = linked ? args.slice(1) : args;
    if (what === undefined)
      throw new UsageProblem("open wants a file, or the address of a program or an archive");
    if (linked || /^https?:\/\//i.test(what)) {
      return await openAddress(context, what, rest, linked ? "/tmp" : HOME);
    }
    const path = resolvePath(session.directory, what);
    if (isArchive(path)) {
      session.queue.push(`mount ${quote(path)}`);
      return 0;
    }
    await session.holm.files.stat(path);
    await session.page.showFile(path);
    return 0;
  },
};

/** Downloads with progress; archives are mounted, programs kept in a folder and run. */
async function openAddress(
  context: Context,
  address: string,
  args: readonly string[],
  folder: string,
): Promise<number> {
  const { session, print, signal } = context;
  const url = new URL(address, document.baseURI);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new UsageProblem(`${address} is not an address of the web`);
  }
  const name = safeName(decoded(url.pathname));
  if (isArchive(name)) {
    const bytes = await fetched(context, url, name);
    const place = join("/mnt", archiveStem(name));
    await session.holm.mount(place, { archive: new Blob([bytes]) });
    session.page.filesChanged();
    await print(`The files of ${name} are at ${place}, read-only.`);
    return 0;
  }
  const path = join(folder, name.endsWith(".wasm") ? name : `${name}.wasm`);
  if (await session.isFile(path)) {
    await print(`${path} is there already and is run; rm ${path} to get it anew.`);
  } else {
    const bytes = await fetched(context, url, name);
    if (!isModule(bytes)) {
      throw new UsageProblem(
        `${url.href} is neither a WebAssembly program nor an archive: its first bytes are not those of a module`,
      );
    }
    signal.throwIfAborted();
    await session.holm.files.write(path, bytes);
    session.page.filesChanged();
  }
  session.queue.push([quote(path), ...args.map(quote)].join(" "));
  return 0;
}

async function fetched(
  { session, signal }: Pick<Context, "session" | "signal">,
  url: URL,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const { screen } = session;
  try {
    return await download(url, signal, (progress) => {
      screen.write(`\r\u001b[K${progressLine(name, progress, screen.columns)}`);
    });
  } finally {
    screen.write("\r\u001b[K");
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Whether bytes begin as a WebAssembly module does. */
export function isModule(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;
}

export const openBuiltins: Record<string, Builtin> = { open };
