// Killing a program: one that waits, and one that computes.

const ROUNDS = 7;

const median = (values) => values.sort((one, other) => one - other)[values.length >> 1];

export default {
  contestants: {
    async holm(c) {
      const holm = await c.holm();
      const [waiting, computing] = await Promise.all(
        ["rust/cat", "wat/loop"].map(async (name) => holm.compile(await c.guest(name))),
      );
      const kill = async (module) => {
        const process = await holm.spawn(module);
        await c.sleep(60);
        const begun = c.now();
        process.kill();
        const { code } = await process.exited;
        if (code !== 137) {
          throw new Error(`killed, it ended with ${code}`);
        }
        return c.now() - begun;
      };
      const times = { waiting: [], computing: [] };
      for (let round = 0; round < ROUNDS; round++) {
        times.waiting.push(await kill(waiting));
      }
      for (let round = 0; round < 3; round++) {
        times.computing.push(await kill(computing));
      }
      const found = {
        "kill, waiting ms": median(times.waiting),
        "kill, in a loop ms": median(times.computing),
      };
      await c.ask("/workers-gone/forget");
      const killed = performance.timeOrigin + c.now();
      await kill(computing);
      const gone = await c.ask("/workers-gone");
      if (gone.at !== undefined) {
        found["kill, in a loop, worker gone ms"] = gone.at - killed;
      }
      await holm.shutdown();
      return found;
    },
    /** What `terminate()` takes to end a worker in a loop. */
    async engine(c) {
      const worker = c.startWorker("/bench/workers/loop.js");
      await c.sleep(300);
      await c.ask("/workers-gone/forget");
      const killed = performance.timeOrigin + c.now();
      worker.end();
      const gone = await c.ask("/workers-gone");
      if (gone.at === undefined) {
        c.leaveOut("this engine does not tell when a worker is gone");
      }
      return { "kill, in a loop, worker gone ms": gone.at - killed };
    },
    async wasmer(c) {
      const wasmer = await c.wasmer();
      const found = {};
      for (const [name, guest] of [
        ["kill, waiting ms", "rust/cat"],
        ["kill, in a loop ms", "wat/loop"],
      ]) {
        const program = await wasmer.packages.load(await c.guest(guest));
        const sandbox = await wasmer.sandboxes.create({ packages: [program] });
        const process = await sandbox
          .command(program)
          .spawn({ stdin: "pipe", stdout: "capture", stderr: "capture" });
        await c.sleep(500);
        const begun = c.now();
        await process.kill();
        const ended = await Promise.race([process.wait().then(() => true), c.sleep(10_000)]);
        if (ended === true) {
          found[name] = c.now() - begun;
        }
      }
      return found;
    },
  },
};
