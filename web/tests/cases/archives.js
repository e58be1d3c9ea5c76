// Archives as directories: whole, or fetched by range as they are read.

const READ = { args: ["/data/hello.txt", "/data/sub/deep.txt"], grants: ["--dir /data:ro"] };
const CONTENT = "hello from an archive\ndeep\n";

export default [
  {
    name: "every format holds the same files",
    async run(t) {
      const cat = await t.guest("rust/cat");
      for (const name of ["tree.tar", "tree.tar.gz", "tree.zip"]) {
        const bytes = await t.read(`/fixtures/${name}`);
        const address = `${t.address}/fixtures/${name}`;
        const forms = { bytes, blob: new Blob([bytes]), address, url: new URL(address) };
        for (const [form, archive] of Object.entries(forms)) {
          const holm = await t.boot({ mounts: { "/data": { archive } } });
          const done = await holm.run(cat, READ);
          t.assert.equal(done.stdout, CONTENT, `${name} as ${form}: ${done.stderr}`);
          t.assert.equal(await holm.files.readText("/data/sub/deep.txt"), "deep\n");
          await holm.shutdown();
        }
      }
    },
  },
  {
    name: "of a large archive only what is read is fetched",
    async run(t) {
      for (const name of ["large.tar", "large.zip"]) {
        const before = await t.sent(`/fixtures/${name}`);
        const archive = `${t.address}/fixtures/${name}`;
        const holm = await t.boot({ mounts: { "/data": { archive } } });
        const done = await holm.run(await t.guest("rust/cat"), READ);
        t.assert.equal(done.stdout, CONTENT, `${name}: ${done.stderr}`);
        const sent = (await t.sent(`/fixtures/${name}`)) - before;
        t.assert.atMost(sent, 2 << 20, `bytes of ${name}, of 16 MiB`);
      }
    },
  },
  {
    name: "what is fetched by range is what is there",
    timeout: 60_000,
    async run(t) {
      const holm = await t.boot({
        mounts: { "/data": { archive: `${t.address}/fixtures/large.tar` } },
      });
      const wanted = (await t.read("/fixtures/large.tar")).subarray(512, 512 + (16 << 20));
      const got = await holm.files.read("/data/noise.bin");
      t.assert.equal(got.length, wanted.length);
      t.assert.ok(
        got.every((byte, at) => byte === wanted[at]),
        "the same bytes",
      );
    },
  },
  {
    name: "an archive that is fetched whole tells how far it is",
    async run(t) {
      const seen = [];
      const archive = `${t.address}/fixtures/large.tar`;
      const holm = await t.boot({
        mounts: { "/data": { archive, lazy: false } },
        onProgress: (progress) => seen.push(progress),
      });
      t.assert.equal(await holm.files.readText("/data/sub/deep.txt"), "deep\n");
      t.assert.ok(seen.length > 0, "progress was told");
      const last = seen.at(-1);
      t.assert.equal(last.received, last.total);
      t.assert.includes(last.url, "large.tar");
    },
  },
  {
    name: "nothing in an archive can be changed, and a copy of it can",
    async run(t) {
      const archive = await t.read("/fixtures/tree.tar");
      const holm = await t.boot({
        mounts: {
          "/data": { archive },
          "/copy": { copyOf: { archive }, memory: "1MiB" },
        },
      });
      await t.assert.rejects(holm.files.write("/data/hello.txt", "x"), ["/data/hello.txt"]);
      await holm.files.write("/copy/hello.txt", "changed");
      t.assert.equal(await holm.files.readText("/copy/hello.txt"), "changed");
      t.assert.equal(await holm.files.readText("/data/hello.txt"), "hello from an archive\n");
    },
  },
  {
    name: "an archive that is none, is broken, or is not there",
    async run(t) {
      const mount = (archive) => t.boot({ mounts: { "/data": { archive } } });
      await t.assert.rejects(mount(new TextEncoder().encode("not an archive")), ["archive"]);
      await t.assert.rejects(mount(await t.read("/fixtures/broken.zip")), []);
      await t.assert.rejects(mount(`${t.address}/fixtures/none.tar`), ["none.tar", "404"]);
      await t.assert.rejects(mount("http://127.0.0.1:65535/none.tar"), ["127.0.0.1:65535"]);
    },
  },
];
