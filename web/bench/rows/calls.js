// System calls, from the guest's side: the guest `bench` times each kind in a loop.

/** What is measured in all, each in a run of its own: what one cannot do ends no other. */
const CALLS = ["dev_null", "read_8", "write_8", "stat", "open_close", "clock", "random_8", "args"];

async function each(c, rounds, run) {
  const found = {};
  for (const name of CALLS) {
    const text = await run(["--rounds", String(rounds), "--only", `${name}_ns`]);
    try {
      for (const [key, value] of Object.entries(c.figures(text))) {
        found[key.replaceAll("_", " ")] = value;
      }
    } catch {
      // It said why, on its standard error.
    }
  }
  return found;
}

export default {
  contestants: {
    async holm(c) {
      const holm = await c.holm({ mounts: { "/d": { memory: "64MiB" } } });
      const module = await holm.compile(await c.guest("rust/bench"));
      const rounds = c.transport === "message" ? 1 : 3;
      const found = await each(c, rounds, async (args) => {
        const run = { args: ["/d", ...args], grants: ["--dir /d"] };
        return (await holm.run(module, run)).stdout;
      });
      await holm.shutdown();
      return found;
    },
    async "in place"(c) {
      const { instantiate } = await c.load("/dist/direct.js");
      const module = await WebAssembly.compile(await c.guest("rust/bench"));
      return each(c, 3, async (args) => {
        let text = "";
        const instance = await instantiate(module, {
          args: ["/d", ...args],
          mounts: { "/d": { memory: "64MiB" } },
          grants: ["--dir /d"],
          stdout: (bytes) => {
            text += new TextDecoder().decode(bytes);
          },
        });
        instance.run();
        return text;
      });
    },
    async shim(c) {
      const shim = await c.shim();
      const { module } = await shim.run({
        bytes: await c.guest("rust/bench"),
        keep: true,
        args: ["--only", "-"],
      });
      const found = await each(
        c,
        3,
        async (args) =>
          (await shim.run({ module, args: ["/d", ...args], directories: ["/d"] })).text,
      );
      shim.close();
      return found;
    },
    async wasmer(c) {
      const wasmer = await c.wasmer();
      const program = await wasmer.packages.load(await c.guest("rust/bench"));
      const sandbox = await wasmer.sandboxes.create({ packages: [program] });
      const found = await each(c, 3, async (args) =>
        (await sandbox.command(program, ["/workspace", ...args]).run()).text(),
      );
      await wasmer.close();
      return found;
    },
    /** What a message to a worker and back costs a suspended module, without any system. */
    async floor(c) {
      const [one, other] = [1, 2].map(() => c.startWorker("/bench/workers/echo.js"));
      const { port1, port2 } = new MessageChannel();
      await c.answered(one, { echo: true, port: port1 }, [port1]);
      const found = await c.answered(other, { port: port2, count: 5000 }, [port2]);
      one.end();
      other.end();
      if (found.leftOut !== undefined) {
        c.leaveOut(found.leftOut);
      }
      return { "message and back ns": found.ns };
    },
  },
};
