// From nothing to the first output, and starting a program again.

const AGAIN = 30;

const median = (values) => values.sort((one, other) => one - other)[values.length >> 1];

export default {
  contestants: {
    async holm(c) {
      await c.load("/dist/index.js");
      const bytes = await c.guest("rust/hello");
      const started = c.now();
      const holm = await c.holm({ mounts: { "/home": { memory: "64MiB" } } });
      const booted = c.now();
      await holm.run(bytes);
      const found = { "boot ms": booted - started, "boot and first hello ms": c.now() - started };
      const module = await holm.compile(bytes);
      const times = [];
      for (let run = 0; run < AGAIN; run++) {
        const begun = c.now();
        await holm.run(module);
        times.push(c.now() - begun);
      }
      await holm.shutdown();
      return { ...found, "hello again ms": median(times) };
    },
    async shim(c) {
      const bytes = await c.guest("rust/hello");
      const started = c.now();
      const shim = await c.shim();
      const { module } = await shim.run({ bytes, keep: true });
      const found = { "boot and first hello ms": c.now() - started };
      const times = [];
      for (let run = 0; run < AGAIN; run++) {
        const begun = c.now();
        await shim.run({ module });
        times.push(c.now() - begun);
      }
      shim.close();
      return { ...found, "hello again ms": median(times) };
    },
    async wasmer(c) {
      const wasmer = await c.wasmer();
      const bytes = await c.guest("rust/hello");
      const started = c.now();
      const program = await wasmer.packages.load(bytes);
      const sandbox = await wasmer.sandboxes.create({ packages: [program] });
      await sandbox.command(program).run();
      const found = { "boot and first hello ms": c.now() - started };
      const times = [];
      for (let run = 0; run < AGAIN; run++) {
        const begun = c.now();
        await sandbox.command(program).run();
        times.push(c.now() - begun);
      }
      await wasmer.close();
      return { ...found, "hello again ms": median(times) };
    },
  },
};
