// Bytes from one guest to another.

const BYTES = 256 << 20;

const text = async (readable) => new Response(readable).text();

export default {
  contestants: {
    /** A pipe of the kernel's. */
    async holm(c) {
      const holm = await c.holm();
      const module = await holm.compile(await c.guest("rust/flow"));
      const pipe = await holm.pipe();
      const reader = await holm.spawn(module, { args: ["read"], stdin: pipe });
      const writer = await holm.spawn(module, { args: ["write", String(BYTES)], stdout: pipe });
      const [stdout] = await Promise.all([text(reader.stdout), writer.exited]);
      await holm.shutdown();
      return { "pipe, MB/s": c.figures(stdout).pipe_mbps };
    },
    /** Through the page: what any two streams of the web do. */
    async "holm, through the page"(c) {
      const holm = await c.holm();
      const module = await holm.compile(await c.guest("rust/flow"));
      const reader = await holm.spawn(module, { args: ["read"] });
      const writer = await holm.spawn(module, { args: ["write", String(BYTES / 4)] });
      const [stdout] = await Promise.all([text(reader.stdout), writer.stdout.pipeTo(reader.stdin)]);
      await holm.shutdown();
      return { "pipe, MB/s": c.figures(stdout).pipe_mbps };
    },
    async wasmer(c) {
      const wasmer = await c.wasmer();
      const program = await wasmer.packages.load(await c.guest("rust/flow"));
      const sandbox = await wasmer.sandboxes.create({ packages: [program] });
      const reader = await sandbox
        .command(program, ["read"])
        .spawn({ stdin: "pipe", stdout: "pipe", stderr: "capture" });
      const writer = await sandbox
        .command(program, ["write", String(BYTES / 4)])
        .spawn({ stdout: "pipe", stderr: "capture" });
      const [stdout] = await Promise.all([
        text(reader.stdout.toReadableStream()),
        writer.stdout.toReadableStream().pipeTo(reader.stdin.toWritableStream()),
      ]);
      await wasmer.close();
      return { "pipe, MB/s": c.figures(stdout).pipe_mbps };
    },
  },
};
