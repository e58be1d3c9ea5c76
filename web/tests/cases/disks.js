// Disks: in the browser's own storage, in Node's files, and the same on both sides.

let number = 0;
/** A name that no other case has. */
const fresh = () => `case-${Date.now().toString(36)}-${++number}`;

function inBrowser(t) {
  if (t.engine === "node") {
    t.leaveOut("Node has no private file system of an origin");
  }
}

export default [
  {
    name: "what was written is there the next time",
    async run(t) {
      inBrowser(t);
      const disk = fresh();
      const first = await t.boot({ mounts: { "/home": { opfs: disk, size: "64MiB" } } });
      await first.files.makeDirectory("/home/a");
      await first.files.write("/home/a/note", "kept");
      const done = await first.run(await t.guest("rust/many_writes"), {
        args: ["100", "/home/lines"],
        grants: ["--dir /home"],
      });
      t.assert.equal(done.code, 0, done.stderr);
      await first.files.sync();
      await first.shutdown();
      const second = await t.boot({ mounts: { "/home": { opfs: disk } } });
      t.assert.equal(await second.files.readText("/home/a/note"), "kept");
      t.assert.equal((await second.files.stat("/home/lines")).size, 800);
    },
  },
  {
    name: "one system at a time has a disk",
    async run(t) {
      inBrowser(t);
      const disk = fresh();
      const first = await t.boot({ mounts: { "/home": { opfs: disk } } });
      await first.files.write("/home/file", "first");
      await t.assert.rejects(t.boot({ mounts: { "/home": { opfs: disk } } }), [disk]);
      t.assert.equal(await first.files.readText("/home/file"), "first");
      await first.unmount("/home");
      const second = await t.boot({ mounts: { "/home": { opfs: disk } } });
      t.assert.equal(await second.files.readText("/home/file"), "first");
    },
  },
  {
    name: "guests that check file systems pass on a disk",
    timeout: 120_000,
    async run(t) {
      inBrowser(t);
      const holm = await t.boot({ mounts: { "/d": { opfs: fresh(), size: "64MiB" } } });
      for (const name of ["rust/files", "rust/dir_many", "c/files"]) {
        const done = await holm.run(await t.guest(name), { args: ["/d"], grants: ["--dir /d"] });
        t.assert.equal(done.code, 0, `${name}: ${done.stderr}`);
      }
    },
  },
  {
    name: "a disk written in a browser is read by `holm run`, and back",
    timeout: 60_000,
    async run(t) {
      inBrowser(t);
      const disk = fresh();
      const first = await t.boot({ mounts: { "/home": { opfs: disk, size: "16MiB" } } });
      await first.files.write("/home/note", "from the browser\n");
      await first.shutdown();
      const image = await t.disks.export(disk);
      const files = { "disk.holm": new Uint8Array(await image.arrayBuffer()) };
      const sound = await t.holm(["disk", "check", "disk.holm"], { files });
      t.assert.equal(sound.code, 0, sound.stderr);
      const cat = ["run", "--disk", "disk.holm", "{guests}/rust/cat.wasm", "/disk/note"];
      const read = await t.holm(cat, { files });
      t.assert.equal(read.stdout, "from the browser\n", read.stderr);

      const write = ["run", "--disk", "disk.holm", "{guests}/rust/many_writes.wasm"];
      const written = await t.holm([...write, "3", "/disk/lines"], {
        files,
        wanted: ["disk.holm"],
      });
      t.assert.equal(written.code, 0, written.stderr);
      const other = fresh();
      await t.disks.import(other, new Blob([written.files["disk.holm"]]));
      const second = await t.boot({ mounts: { "/home": { opfs: other } } });
      t.assert.equal(await second.files.readText("/home/note"), "from the browser\n");
      t.assert.equal(await second.files.readText("/home/lines"), "0000000\n0000001\n0000002\n");
    },
  },
  {
    name: "disks are listed and removed",
    async run(t) {
      inBrowser(t);
      const disk = fresh();
      const holm = await t.boot({ mounts: { "/home": { opfs: disk } } });
      const names = async () => (await t.disks.list()).map((found) => found.name);
      t.assert.includes(await names(), disk);
      await t.assert.rejects(t.disks.remove(disk), [disk]);
      await holm.shutdown();
      await t.disks.remove(disk);
      t.assert.ok(!(await names()).includes(disk), "it is gone");
      await t.assert.rejects(t.disks.export(disk), [disk]);
    },
  },
  {
    name: "a disk that is none, or is damaged, is refused and left alone",
    async run(t) {
      inBrowser(t);
      await t.assert.rejects(t.disks.import(fresh(), new Blob(["not a disk"])), ["disk"]);
      const made = await t.holm(["disk", "create", "--size", "16MiB", "disk.holm"], {
        wanted: ["disk.holm"],
      });
      t.assert.equal(made.code, 0, made.stderr);
      const image = made.files["disk.holm"];
      image.fill(0x55, 16, Math.min(image.length, 1 << 16));
      const disk = fresh();
      await t.disks.import(disk, new Blob([image]));
      await t.assert.rejects(t.boot({ mounts: { "/home": { opfs: disk } } }), [disk]);
      const kept = new Uint8Array(await (await t.disks.export(disk)).arrayBuffer());
      t.assert.equal(kept.length, image.length);
    },
  },
  {
    name: "a disk's name is checked",
    async run(t) {
      inBrowser(t);
      for (const name of ["", "..", "a/b", "\0"]) {
        await t.assert.rejects(t.boot({ mounts: { "/home": { opfs: name } } }), []);
      }
    },
  },
  {
    name: "Node reads and writes the disks of `holm`",
    async run(t) {
      if (t.engine !== "node") {
        t.leaveOut("a page has no files of the host");
      }
      const { mkdtemp, readFile, rm, writeFile } = await import("node:fs/promises");
      const { tmpdir } = await import("node:os");
      const { join } = await import("node:path");
      const folder = await mkdtemp(join(tmpdir(), "holm-disk-"));
      try {
        const made = await t.holm(["disk", "create", "--size", "16MiB", "disk.holm"], {
          wanted: ["disk.holm"],
        });
        const disk = join(folder, "disk.holm");
        await writeFile(disk, made.files["disk.holm"]);
        const holm = await t.boot({ mounts: { "/disk": { disk } } });
        await holm.files.write("/disk/note", "from Node\n");
        await holm.shutdown();
        const files = { "disk.holm": await readFile(disk) };
        const cat = ["run", "--disk", "disk.holm", "{guests}/rust/cat.wasm", "/disk/note"];
        const read = await t.holm(cat, { files });
        t.assert.equal(read.stdout, "from Node\n", read.stderr);
        const none = join(folder, "none.holm");
        await t.assert.rejects(t.boot({ mounts: { "/disk": { disk: none } } }), [none]);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  },
];
