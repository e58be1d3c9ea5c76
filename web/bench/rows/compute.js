// A program that computes, against the same module with imports that do nothing.

const ROUNDS = ["--rounds", "15", "--only"];
const MEASURES = ["hash_ns_per_kib", "matrix_sort_ns"];

/** Each measure in a run of its own, so that all begin with cold code. */
async function each(measure) {
  const found = {};
  for (const name of MEASURES) {
    Object.assign(found, JSON.parse(await measure(["/d", ...ROUNDS, name])));
  }
  return found;
}

export default {
  contestants: {
    async holm(c) {
      const holm = await c.holm({ mounts: { "/d": { memory: "1MiB" } } });
      const bytes = await c.guest("rust/bench");
      const found = await each(
        async (args) => (await holm.run(bytes, { args, grants: ["--dir /d"] })).stdout,
      );
      await holm.shutdown();
      return found;
    },
    async bare(c) {
      const bytes = await c.guest("rust/bench");
      return each(async (args) => {
        const worker = c.startWorker("/bench/workers/bare.js");
        const { text } = await c.answered(worker, { bytes, args });
        worker.end();
        return text;
      });
    },
  },
};
