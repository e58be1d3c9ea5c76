// Programs that start, speak and end.

export default [
  {
    name: "a system boots and shuts down",
    async run(t) {
      const holm = await t.boot();
      t.assert.equal(holm.transport, t.transport);
      t.assert.equal(await holm.processes(), []);
      await holm.shutdown();
    },
  },
  {
    name: "the transport is chosen by what the page has",
    async run(t) {
      if (t.engine === "node") {
        t.leaveOut("Node always has shared memory");
      }
      const holm = await t.boot({ transport: "auto" });
      t.assert.equal(holm.transport, t.isolated ? "shared" : "message");
    },
  },
  {
    name: "shared memory that is not there is named, with what brings it",
    async run(t) {
      if (t.isolated || t.engine === "node") {
        t.leaveOut("there is shared memory");
      }
      await t.assert.rejects(t.Holm.boot({ transport: "shared" }), [
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Embedder-Policy",
      ]);
    },
  },
  {
    name: "hello",
    async run(t) {
      const holm = await t.boot();
      const done = await holm.run(await t.guest("rust/hello"));
      t.assert.equal(done.stdout, "Hello from Rust!\n");
      t.assert.equal(done.stderr, "");
      t.assert.equal(done.code, 0);
      t.assert.equal(done.signal, undefined);
      t.assert.equal(done.trap, undefined);
      t.assert.equal(done.refusals, []);
      t.assert.ok(done.usage.calls > 0, "calls are counted");
      t.assert.equal(done.usage.bytesOut, 17);
    },
  },
  {
    name: "a program comes as bytes, a module, a blob, a response or a promise of one",
    async run(t) {
      const holm = await t.boot();
      const bytes = await t.guest("rust/hello");
      const response = () =>
        new Response(bytes, { headers: { "Content-Type": "application/wasm" } });
      const forms = {
        bytes,
        buffer: bytes.slice().buffer,
        module: await WebAssembly.compile(bytes),
        compiled: await holm.compile(bytes),
        blob: new Blob([bytes]),
        response: response(),
        promise: Promise.resolve(response()),
      };
      for (const [form, program] of Object.entries(forms)) {
        const done = await holm.run(program);
        t.assert.equal(done.stdout, "Hello from Rust!\n", form);
      }
    },
  },
  {
    name: "a program comes from an address",
    async run(t) {
      const holm = await t.boot();
      const address = `${t.address}/guests/rust/hello.wasm`;
      for (const program of [address, new URL(address), fetch(address)]) {
        const done = await holm.run(program);
        t.assert.equal(done.stdout, "Hello from Rust!\n", String(program));
      }
      await t.assert.rejects(holm.run(`${t.address}/guests/none.wasm`), ["404"]);
    },
  },
  {
    name: "arguments and environment",
    async run(t) {
      const holm = await t.boot();
      const done = await holm.run(await t.guest("rust/args_env"), {
        name: "me",
        args: ["", "two words", "ä🏝"],
        env: { B: "2 = two", A: "" },
      });
      t.assert.equal(
        done.stdout,
        'arg 0: "me"\narg 1: ""\narg 2: "two words"\narg 3: "ä🏝"\nenv A=""\nenv B="2 = two"\n',
      );
    },
  },
  {
    name: "exit codes",
    async run(t) {
      const holm = await t.boot();
      const program = await holm.compile(await t.guest("rust/exit_code"));
      for (const code of [0, 1, 37, 125]) {
        const done = await holm.run(program, { args: [String(code)] });
        t.assert.equal(done.code, code);
        t.assert.equal(done.stdout, "leaving");
        t.assert.equal(done.stderr, `with ${code}`);
      }
    },
  },
  {
    name: "an exported function is called with arguments",
    async run(t) {
      const holm = await t.boot();
      const program = await holm.compile(await t.guest("rust/reactor"));
      const sum = await holm.run(program, { invoke: "add", args: ["20", "22"] });
      t.assert.equal(sum.results, ["42"]);
      const initialised = await holm.run(program, { invoke: "initialised" });
      t.assert.equal(initialised.results, ["1"]);
      const trapped = await holm.run(program, { invoke: "trap" });
      t.assert.equal(trapped.code, 134);
      await t.assert.rejects(holm.run(program, { invoke: "subtract" }), ["subtract"]);
    },
  },
  {
    name: "a memory that the program imports",
    async run(t) {
      const holm = await t.boot();
      const done = await holm.run(await t.guest("wat/imports_memory"));
      t.assert.equal(done.stdout, "memory from outside\n");
    },
  },
  {
    name: "many at once",
    async run(t) {
      const holm = await t.boot();
      const program = await holm.compile(await t.guest("rust/hello"));
      const all = await Promise.all(Array.from({ length: 8 }, () => holm.run(program)));
      for (const done of all) {
        t.assert.equal(done.stdout, "Hello from Rust!\n");
        t.assert.equal(done.code, 0);
      }
      t.assert.equal(await holm.processes(), []);
    },
  },
  {
    name: "two systems know nothing of each other",
    async run(t) {
      const [one, other] = await Promise.all([
        t.boot({ mounts: { "/data": { memory: "1MiB" } } }),
        t.boot({ mounts: { "/data": { memory: "1MiB" } } }),
      ]);
      await one.files.write("/data/file", "one");
      await t.assert.rejects(other.files.readText("/data/file"), ["/data/file"]);
      const [first, second] = await Promise.all([
        one.run(await t.guest("rust/hello")),
        other.run(await t.guest("rust/hello")),
      ]);
      t.assert.equal(first.stdout, second.stdout);
    },
  },
  {
    name: "a seed makes runs the same",
    async run(t) {
      const shown = async (seed) => {
        const holm = await t.boot({ seed });
        const done = await holm.run(await t.guest("rust/random"), { args: ["show"] });
        t.assert.equal(done.code, 0, done.stderr);
        return done.stdout;
      };
      const [one, again, other] = [await shown(7), await shown(7), await shown(8)];
      t.assert.equal(one, again);
      t.assert.ok(one !== other, "another seed is another run");
    },
  },
  {
    name: "a trace shows each call",
    async run(t) {
      const holm = await t.boot();
      const process = await holm.spawn(await t.guest("rust/hello"), { trace: "text" });
      const lines = [];
      const reader = process.trace.getReader();
      const [exit, out] = await Promise.all([
        process.exited,
        t.text(process.stdout),
        (async () => {
          for (;;) {
            const { done, value } = await reader.read();
            if (done) break;
            lines.push(value);
          }
        })(),
      ]);
      t.assert.equal(exit.code, 0);
      t.assert.equal(out, "Hello from Rust!\n");
      const write = lines.find((line) => line.includes("fd_write"));
      t.assert.includes(write, 'fd_write(1, "Hello from Rust!\\n", 17) = 17');
    },
  },
];
