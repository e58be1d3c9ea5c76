// Runs the programs that bridge.js has, one after the other: in a page, or as a script of Node
// `node session.js ADDRESS TRANSPORT PACKAGE`.

const inPage = "location" in globalThis;
const [address, transport, index] = inPage
  ? [location.origin, new URL(location.href).searchParams.get("transport"), "/dist/index.js"]
  : process.argv.slice(2);

/** Bytes that a program's files may have. */
const MEMORY = "256MiB";

async function post(path, body) {
  const response = await fetch(`${address}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  if (!response.ok) {
    throw new Error(`${path}: ${response.status} ${await response.text()}`);
  }
  return response.json();
}

function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Copies what tree.js has read into a directory of the system. */
async function copyIn(files, root, tree) {
  for (const { path, kind, data, target } of tree) {
    const to = `${root}/${path}`;
    if (kind === "directory") {
      await files.makeDirectory(to);
    } else if (kind === "symlink") {
      await files.makeLink(to, target);
    } else {
      await files.write(to, fromBase64(data));
    }
  }
}

/** Everything below a directory of the system, as tree.js has it. */
async function copyOut(files, root, folder = "") {
  const tree = [];
  for (const { name, kind } of await files.list(`${root}/${folder}`)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const from = `${root}/${path}`;
    if (kind === "directory") {
      tree.push({ path, kind }, ...(await copyOut(files, root, path)));
    } else if (kind === "symlink") {
      tree.push({ path, kind, target: await files.readLink(from) });
    } else if (kind === "file") {
      tree.push({ path, kind, data: toBase64(await files.read(from)) });
    }
  }
  return tree;
}

/** Passes the client's input on for as long as the program reads it. */
async function feed(id, stdin) {
  const writer = stdin.getWriter();
  try {
    for (;;) {
      const { data, end } = await post("/input", { id });
      if (data !== undefined) {
        await writer.write(fromBase64(data));
      } else if (end) {
        await writer.close();
        return;
      }
    }
  } catch {
    // The program has ended, or closed its input.
  }
}

async function relay(id, name, stream) {
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    await post("/output", { id, stream: name, data: toBase64(part.value) });
  }
}

/** Ends the program when its client has gone. */
async function watch(id, process, ended) {
  while (!ended()) {
    if ((await post("/over", { id }).catch(() => ({ over: true }))).over) {
      process.kill("SIGKILL");
      return;
    }
  }
}

async function run(holm, { id, name, args, env, tree, directory }) {
  const root = `/root-${id}`;
  const mounted = tree !== undefined || directory !== undefined;
  if (directory !== undefined) {
    await holm.mount(root, { directory, access: "rw" });
  } else if (mounted) {
    await holm.mount(root, { memory: MEMORY });
    await copyIn(holm.files, root, tree);
  }
  try {
    const response = await fetch(`${address}/program?id=${id}`);
    if (!response.ok) {
      throw new Error(await response.text());
    }
    const program = await WebAssembly.compile(await response.arrayBuffer());
    const grants = mounted ? [`--dir ${root}::/`] : [];
    const process = await holm.spawn(program, { name, args, env, grants });
    let over = false;
    void feed(id, process.stdin);
    void watch(id, process, () => over);
    const [exit] = await Promise.all([
      process.exited,
      relay(id, "stdout", process.stdout),
      relay(id, "stderr", process.stderr),
    ]);
    over = true;
    const said = [...(exit.trap ? [`trap: ${exit.trap.message}`] : []), ...exit.refusals];
    if (said.length > 0) {
      const data = toBase64(new TextEncoder().encode(`${said.join("\n")}\n`));
      await post("/output", { id, stream: "stderr", data });
    }
    const after = tree === undefined ? undefined : await copyOut(holm.files, root);
    return { code: exit.code, tree: after };
  } finally {
    if (mounted) {
      await holm.unmount(root);
    }
  }
}

const { Holm } = await import(index);
const holm = await Holm.boot({ transport });
for (;;) {
  const work = await post("/next", {});
  if (work.id !== undefined) {
    const ended = await run(holm, work).catch((error) => ({ failed: String(error?.message) }));
    await post("/ended", { id: work.id, ...ended });
  }
}
