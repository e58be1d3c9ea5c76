// The package's own files: elsewhere, given, or missing; and workers that die.

/** Where the package's files are, in a form that this host takes. */
const file = (t, name) => `${t.address}/dist/${name}`;

export default [
  {
    name: "the kernel's module can be given",
    async run(t) {
      const kernel = await WebAssembly.compile(await t.read("/dist/holm.wasm"));
      const one = await t.boot({ assets: { kernel } });
      const other = await t.boot({ assets: { kernel } });
      const hello = await t.guest("rust/hello");
      t.assert.equal((await one.run(hello)).code, 0);
      t.assert.equal((await other.run(hello)).code, 0);
      const fetched = await t.boot({ assets: { kernel: file(t, "holm.wasm") } });
      t.assert.equal((await fetched.run(hello)).code, 0);
    },
  },
  {
    name: "a kernel that is not there, or is none, is named",
    async run(t) {
      const boot = (assets) => t.boot({ assets });
      await t.assert.rejects(boot({ kernel: file(t, "none.wasm") }), ["none.wasm"]);
      await t.assert.rejects(boot({ kernel: file(t, "index.js") }), ["index.js"]);
    },
  },
  {
    name: "a worker that dies ends its program, and the system goes on",
    async run(t) {
      const holm = await t.boot({ assets: { guestWorker: t.script("dying-worker.js") } });
      const exit = await (await holm.spawn(await t.guest("rust/hello"))).exited;
      t.assert.ok(exit.code !== 0);
      t.assert.includes(exit.refusals.join("\n"), "worker");
      t.assert.equal(await holm.processes(), []);
      await holm.mount("/data", { memory: "1MiB" });
      await holm.files.write("/data/file", "still here");
      t.assert.equal(await holm.files.readText("/data/file"), "still here");
    },
  },
  {
    name: "workers that cannot be started are named",
    async run(t) {
      const missing = t.script("none.js");
      await t.assert.rejects(t.boot({ assets: { kernelWorker: missing } }), ["kernel"]);
      await t.assert.rejects(
        t.boot({ assets: { guestWorker: missing } }).then(async (holm) => {
          return holm.run(await t.guest("rust/hello"));
        }),
        ["worker"],
      );
    },
  },
];
