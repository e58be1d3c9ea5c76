// Directories of the host, in Node: with the same rules as the native host.

/** A directory of the host's, gone when the case is over. */
async function withFolder(t, use) {
  if (t.engine !== "node") {
    t.leaveOut("a page has no directories of the host");
  }
  const { mkdtemp, rm } = await import("node:fs/promises");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const folder = await mkdtemp(join(tmpdir(), "holm-case-"));
  try {
    await use(folder, (name) => join(folder, name));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export default [
  {
    name: "a directory of the host is read and written",
    run: (t) =>
      withFolder(t, async (folder, at) => {
        const { readFile, writeFile } = await import("node:fs/promises");
        await writeFile(at("in.txt"), "from the host");
        const holm = await t.boot({ mounts: { "/host": { directory: folder } } });
        const cat = await holm.run(await t.guest("rust/cat"), {
          args: ["/host/in.txt"],
          grants: ["--dir /host"],
        });
        t.assert.equal(cat.stdout, "from the host", cat.stderr);
        const lines = await holm.run(await t.guest("rust/many_writes"), {
          args: ["2", "/host/out.txt"],
          grants: ["--dir /host"],
        });
        t.assert.equal(lines.code, 0, lines.stderr);
        t.assert.equal(await readFile(at("out.txt"), "utf8"), "0000000\n0000001\n");
        t.assert.equal(await holm.files.readText("/host/out.txt"), "0000000\n0000001\n");
      }),
  },
  {
    name: "the guests that check file systems pass on it",
    timeout: 120_000,
    run: (t) =>
      withFolder(t, async (folder) => {
        const holm = await t.boot({ mounts: { "/d": { directory: folder } } });
        for (const name of ["rust/files", "rust/stat", "rust/dir_many", "c/files", "go/files"]) {
          const done = await holm.run(await t.guest(name), {
            args: name === "rust/stat" ? [] : ["/d"],
            grants: ["--dir /d"],
          });
          t.assert.equal(done.code, 0, `${name}: ${done.stderr}`);
        }
      }),
  },
  {
    name: "nothing leads out of it",
    run: (t) =>
      withFolder(t, async (folder, at) => {
        const { mkdir, readFile, symlink, writeFile } = await import("node:fs/promises");
        await writeFile(at("canary"), "CANARY");
        await mkdir(at("inside"));
        await symlink("../canary", at("inside/up"));
        await symlink(at("canary"), at("inside/absolute"));
        const holm = await t.boot({ mounts: { "/d": { directory: at("inside") } } });
        for (const path of ["/d/up", "/d/absolute", "/d/../canary"]) {
          const done = await holm.run(await t.guest("rust/cat"), {
            args: [path],
            grants: ["--dir /d"],
          });
          t.assert.equal(done.stdout, "", path);
          t.assert.ok(done.code !== 0, path);
        }
        const tried = await holm.run(await t.guest("rust/escape"), {
          args: ["/d"],
          grants: ["--dir /d"],
        });
        t.assert.includes(tried.stdout, " 0 got through\n");
        t.assert.equal(await readFile(at("canary"), "utf8"), "CANARY");
        t.assert.ok(folder.length > 0);
      }),
  },
  {
    name: "what is mounted to be read is not changed",
    run: (t) =>
      withFolder(t, async (folder) => {
        const { readdir } = await import("node:fs/promises");
        const holm = await t.boot({ mounts: { "/host": { directory: folder, access: "ro" } } });
        await t.assert.rejects(holm.files.write("/host/file", "x"), ["/host/file"]);
        const done = await holm
          .run(await t.guest("rust/many_writes"), {
            args: ["1", "/host/file"],
            grants: ["--dir /host"],
          })
          .catch((error) => ({ code: 126, error }));
        t.assert.ok(done.code !== 0);
        t.assert.equal(await readdir(folder), []);
      }),
  },
  {
    name: "a directory that is not there is named",
    run: (t) =>
      withFolder(t, async (folder) => {
        const missing = `${folder}/none`;
        await t.assert.rejects(t.boot({ mounts: { "/host": { directory: missing } } }), [missing]);
      }),
  },
];
