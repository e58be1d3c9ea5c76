// CPython 3.12, 26 MB: `-c 'print(1)'`, from nothing but the loaded library, and again. Who
// can compiles it while the rest starts.

const AGAIN = 7;
const ARGUMENTS = ["-c", "print(1)"];

const median = (values) => values.sort((one, other) => one - other)[values.length >> 1];

function expect(text) {
  if (text !== "1\n") {
    throw new Error(`it printed ${JSON.stringify(text)}`);
  }
}

async function again(c, run) {
  const times = [];
  for (let round = 0; round < AGAIN; round++) {
    const begun = c.now();
    expect(await run());
    times.push(c.now() - begun);
  }
  return { "print(1), second ms": times[0], "print(1), later ms": median(times.slice(1)) };
}

export default {
  contestants: {
    async holm(c) {
      const { Holm } = await c.load("/dist/index.js");
      const started = c.now();
      const program = Holm.compile(c.python());
      const holm = await c.holm();
      const first = await holm.run(program, { args: ARGUMENTS });
      const found = { "print(1), first ms": c.now() - started };
      expect(first.stdout);
      const module = await program;
      Object.assign(
        found,
        await again(c, async () => (await holm.run(module, { args: ARGUMENTS })).stdout),
      );
      await holm.shutdown();
      return found;
    },
    async shim(c) {
      const started = c.now();
      const program = WebAssembly.compileStreaming(c.python());
      const shim = await c.shim();
      const module = await program;
      const first = await shim.run({ module, args: ARGUMENTS });
      const found = { "print(1), first ms": c.now() - started };
      expect(first.text);
      Object.assign(
        found,
        await again(c, async () => (await shim.run({ module, args: ARGUMENTS })).text),
      );
      shim.close();
      return found;
    },
    async wasmer(c) {
      const wasmer = await c.wasmer();
      const started = c.now();
      const bytes = new Uint8Array(await (await c.python()).arrayBuffer());
      const program = await wasmer.packages.load(bytes);
      const sandbox = await wasmer.sandboxes.create({ packages: [program] });
      const run = async () => (await sandbox.command(program, ARGUMENTS).run()).text();
      expect(await run());
      const found = { "print(1), first ms": c.now() - started };
      Object.assign(found, await again(c, run));
      await wasmer.close();
      return found;
    },
  },
};
