// Three hundred programs in one system: what each used is given back.

const ROUNDS = 300;
const BEFORE = 120;

export default [
  {
    name: "300 programs, and memory is back to within 10 percent",
    timeout: 240_000,
    async run(t) {
      const holm = await t.boot({ mounts: { "/data": { memory: "16MiB" } } });
      const programs = [];
      for (const [name, options] of [
        ["rust/hello", {}],
        ["rust/cat", { input: "x".repeat(100_000) }],
        ["rust/many_writes", { args: ["50", "/data/lines"], grants: ["--dir /data"] }],
        ["rust/memory_hog", { args: ["1"] }],
        ["c/hello", {}],
        ["wat/trap_divide", {}],
      ]) {
        programs.push([await holm.compile(await t.guest(name)), options]);
      }
      const round = async (number) => {
        const [program, options] = programs[number % programs.length];
        const done = await holm.run(program, options);
        t.assert.ok([0, 134].includes(done.code), done.stderr);
      };
      // What is kept on purpose, such as idle workers and compiled code, is there by then.
      for (let number = 0; number < BEFORE; number++) {
        await round(number);
      }
      const before = await t.memory();
      for (let number = 0; number < ROUNDS; number++) {
        await round(number);
      }
      t.assert.equal(await holm.processes(), []);
      let after = await t.memory();
      // Engines give memory back when they find the time, Node's above all.
      for (let look = 0; look < 10 && before !== undefined && after / before > 1.1; look += 1) {
        await holm.run(await t.guest("rust/hello"));
        await new Promise((resolve) => setTimeout(resolve, 300));
        after = Math.min(after, await t.memory());
      }
      if (before === undefined || after === undefined) {
        t.leaveOut(`all ${ROUNDS} ran; this engine does not tell how much memory is in use`);
      }
      const mebibytes = (bytes) => `${(bytes / 1048576).toFixed(1)} MiB`;
      t.assert.atMost(after / before, 1.1, `from ${mebibytes(before)} to ${mebibytes(after)}`);
    },
  },
];
