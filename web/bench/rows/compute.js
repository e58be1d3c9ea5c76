// A program that computes, against the same module with imports that do nothing.

const ROUNDS = ["--rounds", "15", "--only"];
const MEASURES = ["hash_ns_per_kib", "matrix_sort_ns"];

/** Runs of each measure; told is the fastest, as the first ones run code that is not optimised yet. */
const RUNS = 5;

async function each(measure) {
  const found = {};
  for (const name of MEASURES) {
    const times = [];
    for (let run = 0; run < RUNS; run++) {
      times.push(JSON.parse(await measure(["/d", ...ROUNDS, name]))[name]);
    }
    found[name.replaceAll("_", " ")] = Math.min(...times);
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
