// Direct mode: programs in place, without workers.

export default [
  {
    name: "functions of a library are called like any other",
    async run(t) {
      const { instantiate } = await t.direct();
      const { exports } = await instantiate(await t.guest("rust/reactor"));
      t.assert.equal(exports.add(20, 22), 42);
      t.assert.equal(exports.add(-1, 1), 0);
      t.assert.equal(exports.initialised(), 1);
    },
  },
  {
    name: "a command runs to its end",
    async run(t) {
      const { instantiate } = await t.direct();
      const decoder = new TextDecoder();
      let written = "";
      const instance = await instantiate(await t.guest("rust/cat"), {
        args: ["/data/none"],
        stdin: "from stdin",
        stdout: (bytes) => {
          written += decoder.decode(bytes, { stream: true });
        },
      });
      t.assert.equal(instance.run().code, 1);
      const cat = await instantiate(await t.guest("rust/cat"), {
        stdin: "from stdin",
        stdout: (bytes) => {
          written += decoder.decode(bytes, { stream: true });
        },
      });
      t.assert.equal(cat.run().code, 0);
      t.assert.equal(written, "from stdin");
      t.assert.equal(cat.exit.code, 0);
    },
  },
  {
    name: "it has its arguments, its environment and its exit code",
    async run(t) {
      const { instantiate } = await t.direct();
      let written = "";
      const options = {
        name: "me",
        args: ["a", "ä🏝"],
        env: { A: "1" },
        stdout: (bytes) => {
          written += new TextDecoder().decode(bytes);
        },
      };
      const shown = await instantiate(await t.guest("rust/args_env"), options);
      t.assert.equal(shown.run().code, 0);
      t.assert.equal(written, 'arg 0: "me"\narg 1: "a"\narg 2: "ä🏝"\nenv A="1"\n');
      const ends = await instantiate(await t.guest("rust/exit_code"), { args: ["37"] });
      t.assert.equal(ends.run().code, 37);
    },
  },
  {
    name: "files in memory, by grants",
    async run(t) {
      const { instantiate } = await t.direct();
      const program = await t.guest("rust/files");
      const granted = { mounts: { "/d": { memory: "16MiB" } }, args: ["/d"] };
      const works = await instantiate(program, { ...granted, grants: ["--dir /d"] });
      t.assert.equal(works.run().code, 0);
      const refused = await instantiate(program, granted);
      const exit = refused.run();
      t.assert.ok(exit.code !== 0);
      t.assert.includes(exit.refusals.join("\n"), "--dir");
    },
  },
  {
    name: "a trap is thrown, in the same words as everywhere",
    async run(t) {
      const { instantiate } = await t.direct();
      const { exports } = await instantiate(await t.guest("rust/reactor"));
      let thrown;
      try {
        exports.trap();
      } catch (error) {
        thrown = error;
      }
      t.assert.equal(thrown?.name, "TrapError");
      t.assert.includes(thrown.trap.message, "stopped itself");
    },
  },
  {
    name: "a wait for a time waits, one for ever ends the program",
    async run(t) {
      const { instantiate } = await t.direct();
      const clocks = await instantiate(await t.guest("rust/clocks"));
      t.assert.equal(clocks.run().code, 0);
    },
  },
  {
    name: "what the program imports and nothing provides is named",
    async run(t) {
      const { instantiate } = await t.direct();
      await t.assert.rejects(instantiate(await t.guest("wat/unknown_import")), [
        "weather.forecast",
      ]);
    },
  },
];
