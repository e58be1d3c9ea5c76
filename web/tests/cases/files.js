// Files in memory: seen by programs through grants, and from outside.

const system = (t) => t.boot({ mounts: { "/data": { memory: "16MiB" } } });

export default [
  {
    name: "files from outside",
    async run(t) {
      const { files } = await system(t);
      await files.makeDirectory("/data/a/b");
      await files.write("/data/a/b/text", "some text");
      await files.write("/data/a/bytes", new Uint8Array([1, 2, 3]));
      await files.write("/data/a/blob", new Blob(["from a blob"]));
      t.assert.equal(await files.readText("/data/a/b/text"), "some text");
      t.assert.equal([...(await files.read("/data/a/bytes"))], [1, 2, 3]);
      t.assert.equal(await files.readText("/data/a/blob"), "from a blob");
      const names = (await files.list("/data/a")).sort((one, other) =>
        one.name < other.name ? -1 : 1,
      );
      t.assert.equal(names, [
        { name: "b", kind: "directory" },
        { name: "blob", kind: "file" },
        { name: "bytes", kind: "file" },
      ]);
      const info = await files.stat("/data/a/b/text");
      t.assert.equal(info.kind, "file");
      t.assert.equal(info.size, 9);
      t.assert.ok(Math.abs(info.modified - Date.now()) < 60_000, "modified just now");
      await files.write("/data/a/b/text", "less");
      t.assert.equal(await files.readText("/data/a/b/text"), "less");
      await files.rename("/data/a/b", "/data/moved");
      t.assert.equal(await files.readText("/data/moved/text"), "less");
      await files.remove("/data/a");
      t.assert.equal(
        (await files.list("/data")).map((entry) => entry.name),
        ["moved"],
      );
      await files.sync();
    },
  },
  {
    name: "symbolic links from outside",
    async run(t) {
      const { files } = await system(t);
      await files.makeDirectory("/data/a");
      await files.write("/data/a/text", "some text");
      await files.makeLink("/data/link", "a/text");
      await files.makeLink("/data/away", "../../nowhere");
      t.assert.equal(await files.readText("/data/link"), "some text");
      t.assert.equal((await files.stat("/data/link")).kind, "file");
      t.assert.equal(await files.readLink("/data/link"), "a/text");
      t.assert.equal(await files.readLink("/data/away"), "../../nowhere");
      t.assert.equal(await files.list("/data"), [
        { name: "a", kind: "directory" },
        { name: "away", kind: "symlink" },
        { name: "link", kind: "symlink" },
      ]);
      await t.assert.rejects(files.makeLink("/data/link", "a"), ["EEXIST", "/data/link"]);
      await t.assert.rejects(files.readLink("/data/a/text"), ["EINVAL", "/data/a/text"]);
      await files.remove("/data/link");
      t.assert.equal(await files.readText("/data/a/text"), "some text");
    },
  },
  {
    name: "what fails says which file and why",
    async run(t) {
      const { files } = await system(t);
      await t.assert.rejects(files.read("/data/none"), ["/data/none"]);
      await t.assert.rejects(files.list("/data/none"), ["/data/none"]);
      await t.assert.rejects(files.stat("/nowhere/none"), ["/nowhere/none"]);
      await t.assert.rejects(files.write("/data/none/file", ""), ["/data/none/file"]);
      await t.assert.rejects(files.remove("/data/none"), ["/data/none"]);
    },
  },
  {
    name: "a program works in a granted directory, and what it wrote is seen outside",
    async run(t) {
      const holm = await system(t);
      await holm.files.write("/data/in.txt", "content");
      const cat = await holm.run(await t.guest("rust/cat"), {
        args: ["/data/in.txt"],
        grants: ["--dir /data:ro"],
      });
      t.assert.equal(cat.stdout, "content");
      t.assert.equal(cat.code, 0, cat.stderr);
      const writer = await holm.run(await t.guest("rust/many_writes"), {
        args: ["3", "/out/lines"],
        grants: ["--dir /data::/out"],
      });
      t.assert.equal(writer.code, 0, writer.stderr);
      t.assert.equal(await holm.files.readText("/data/lines"), "0000000\n0000001\n0000002\n");
    },
  },
  {
    name: "without a grant nothing is there, and the grant that is missing is named",
    async run(t) {
      const holm = await system(t);
      await holm.files.write("/data/in.txt", "content");
      const done = await holm.run(await t.guest("rust/cat"), { args: ["/data/in.txt"] });
      t.assert.equal(done.code, 1);
      t.assert.equal(done.stdout, "");
      t.assert.equal(done.refusals.length, 1, done.refusals.join("; "));
      t.assert.includes(done.refusals[0], "/data/in.txt");
      t.assert.includes(done.refusals[0], "--dir");
    },
  },
  {
    name: "what is granted to be read cannot be changed",
    async run(t) {
      const holm = await system(t);
      const done = await holm.run(await t.guest("rust/many_writes"), {
        args: ["1", "/data/file"],
        grants: ["--dir /data:ro"],
      });
      t.assert.ok(done.code !== 0);
      t.assert.includes(done.refusals.join("\n"), "read-only");
      t.assert.equal(await holm.files.list("/data"), []);
    },
  },
  {
    name: "a copy takes changes and forgets them",
    async run(t) {
      const holm = await system(t);
      await holm.files.write("/data/file", "kept");
      const done = await holm.run(await t.guest("rust/many_writes"), {
        args: ["1", "/data/file"],
        grants: ["--dir /data:cow"],
      });
      t.assert.equal(done.code, 0, done.stderr);
      t.assert.equal(await holm.files.readText("/data/file"), "kept");
    },
  },
  {
    name: "a temporary directory of a process's own",
    async run(t) {
      const holm = await t.boot();
      const done = await holm.run(await t.guest("rust/many_writes"), {
        args: ["10", "/tmp/file"],
        grants: ["--tmp 1MiB"],
      });
      t.assert.equal(done.code, 0, done.stderr);
    },
  },
  {
    name: "a mount that is full says so, and goes on",
    async run(t) {
      const holm = await t.boot({ mounts: { "/small": { memory: "64KiB" } } });
      await t.assert.rejects(holm.files.write("/small/large", new Uint8Array(1 << 20)), [
        "/small/large",
      ]);
      await holm.files.write("/small/file", "fits");
      t.assert.equal(await holm.files.readText("/small/file"), "fits");
    },
  },
  {
    name: "mounts come and go",
    async run(t) {
      const holm = await system(t);
      await holm.mount("/more", { memory: "1MiB" });
      await holm.files.write("/more/file", "there");
      t.assert.equal((await holm.mounts()).map((mount) => mount.path).sort(), ["/data", "/more"]);
      await holm.unmount("/more");
      await t.assert.rejects(holm.files.readText("/more/file"), ["/more/file"]);
      await t.assert.rejects(holm.unmount("/more"), ["/more"]);
      await t.assert.rejects(holm.mount("/data", { memory: "1MiB" }), ["/data"]);
    },
  },
  {
    name: "a mount as a copy of another source",
    async run(t) {
      const holm = await t.boot({
        mounts: { "/copy": { copyOf: { memory: "1MiB" }, memory: "1MiB" } },
      });
      await holm.files.write("/copy/file", "new");
      t.assert.equal(await holm.files.readText("/copy/file"), "new");
    },
  },
  {
    name: "a grant that makes no sense is refused in words",
    async run(t) {
      const holm = await system(t);
      const program = await t.guest("rust/hello");
      await t.assert.rejects(holm.run(program, { grants: ["--dir /data:sideways"] }), ["sideways"]);
      await t.assert.rejects(holm.run(program, { grants: ["--teleport"] }), ["--teleport"]);
      await t.assert.rejects(holm.run(program, { grants: ["--dir /none"] }), ["/none"]);
    },
  },
];
