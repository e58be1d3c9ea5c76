// Programs that are none, and what is said of them. The system goes on each time.

/** Runs what must be refused, then something good. */
async function refused(t, program, words, options) {
  const holm = await t.boot();
  await t.assert.rejects(holm.run(program, options), words);
  t.assert.equal(await holm.processes(), []);
  t.assert.equal((await holm.run(await t.guest("rust/hello"))).code, 0);
}

export default [
  {
    name: "bytes that are no program",
    run: (t) => refused(t, new TextEncoder().encode("<!doctype html>"), ["WebAssembly"]),
  },
  {
    name: "no bytes at all",
    run: (t) => refused(t, new Uint8Array(), ["WebAssembly"]),
  },
  {
    name: "a program that is cut short",
    async run(t) {
      await refused(t, (await t.guest("rust/hello")).slice(0, 2000), []);
    },
  },
  {
    name: "a component says that it is one",
    run: (t) => refused(t, new Uint8Array([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]), ["component"]),
  },
  {
    name: "an import that nothing provides",
    async run(t) {
      await refused(t, await t.guest("wat/unknown_import"), ["weather.forecast"]);
    },
  },
  {
    name: "a function that WASI does not have",
    async run(t) {
      await refused(t, await t.guest("wat/unknown_wasi"), ["fd_teleport"]);
    },
  },
  {
    name: "an import of another type",
    async run(t) {
      await refused(t, await t.guest("wat/wrong_type"), ["type"]);
    },
  },
  {
    name: "a module that cannot be run",
    async run(t) {
      await refused(t, await t.guest("wat/no_start"), ["_start"]);
    },
  },
  {
    name: "a memory larger than granted",
    async run(t) {
      await refused(t, await t.guest("wat/memory_large"), ["--memory"], {
        grants: ["--memory 1GiB"],
      });
    },
  },
  {
    name: "a feature that the engine does not have is named",
    async run(t) {
      // A function type with the shared-everything bit, which no engine takes.
      const bytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x65, 0x60, 0, 0]);
      await refused(t, bytes, []);
    },
  },
  {
    name: "arguments with a zero byte",
    async run(t) {
      const holm = await t.boot();
      await t.assert.rejects(holm.run(await t.guest("rust/hello"), { args: ["a\0b"] }), ["NUL"]);
    },
  },
];
