// Memory after many programs: all processes of the host together, before and after.

const BEFORE = 120;
const ROUNDS = 300;

export default {
  contestants: {
    async holm(c) {
      const holm = await c.holm({ mounts: { "/data": { memory: "16MiB" } } });
      const programs = [];
      for (const [name, options] of [
        ["rust/hello", {}],
        ["rust/cat", { input: "x".repeat(100_000) }],
        ["rust/many_writes", { args: ["50", "/data/lines"], grants: ["--dir /data"] }],
        ["rust/memory_hog", { args: ["1"] }],
        ["c/hello", {}],
      ]) {
        programs.push([await holm.compile(await c.guest(name)), options]);
      }
      const round = (number) => holm.run(...programs[number % programs.length]);
      for (let number = 0; number < BEFORE; number++) {
        await round(number);
      }
      const before = await used(c);
      const started = c.now();
      for (let number = 0; number < ROUNDS; number++) {
        await round(number);
      }
      const each = (c.now() - started) / ROUNDS;
      const after = await used(c);
      await holm.shutdown();
      return {
        "before MiB": before,
        "after 300 programs MiB": after,
        "after / before": after / before,
        "a program ms": each,
      };
    },
  },
};

/** MiB of all processes of the host together. */
async function used(c) {
  if (c.engine === "node") {
    for (let round = 0; round < 3; round++) {
      globalThis.gc?.();
      await c.sleep(200);
    }
    return process.memoryUsage().rss / 2 ** 20;
  }
  await c.sleep(2000);
  return (await c.ask("/memory")).mebibytes;
}
