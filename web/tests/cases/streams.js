// Standard streams: input that comes late, ends, or never does; output that nobody reads.

const encoder = new TextEncoder();

export default [
  {
    name: "cat gives back what it is given",
    async run(t) {
      const holm = await t.boot();
      const done = await holm.run(await t.guest("rust/cat"), { input: "from stdin" });
      t.assert.equal(done.stdout, "from stdin");
      t.assert.equal(done.code, 0);
    },
  },
  {
    name: "an interactive program answers each line",
    async run(t) {
      const holm = await t.boot();
      const process = await holm.spawn(await t.guest("rust/stdio_echo"));
      const output = process.stdout.getReader();
      const input = process.stdin.getWriter();
      await t.wait(output, "ready> ");
      for (let line = 1; line <= 3; line++) {
        await input.write(encoder.encode(`line ${line}\n`));
        await t.wait(output, `${line}: line ${line}\nready> `);
      }
      await input.close();
      output.releaseLock();
      const [exit, rest, errors] = await Promise.all([
        process.exited,
        t.text(process.stdout),
        t.text(process.stderr),
      ]);
      t.assert.equal(rest, "\n");
      t.assert.equal(errors, "3 lines\n");
      t.assert.equal(exit.code, 0);
    },
  },
  {
    name: "a program that waits for input is listed as waiting, and uses no time",
    async run(t) {
      const holm = await t.boot();
      const process = await holm.spawn(await t.guest("rust/cat"), { name: "cat" });
      let found;
      for (let round = 0; round < 100 && found?.state !== "waiting"; round++) {
        await t.sleep(20);
        [found] = await holm.processes();
      }
      t.assert.equal(found?.pid, process.pid);
      t.assert.equal(found.name, "cat");
      t.assert.equal(found.state, "waiting");
      t.assert.equal(found.waitsIn, "fd_read");
      await process.stdin.close();
      t.assert.equal((await process.exited).code, 0);
    },
  },
  {
    name: "a megabyte through cat, unread until the end",
    async run(t) {
      const holm = await t.boot();
      const sent = new Uint8Array(1 << 20);
      for (let at = 0; at < sent.length; at++) {
        sent[at] = (at * 7919) >> 8;
      }
      const process = await holm.spawn(await t.guest("rust/cat"));
      const writer = process.stdin.getWriter();
      const writing = (async () => {
        for (let at = 0; at < sent.length; at += 65536) {
          await writer.write(sent.slice(at, at + 65536));
        }
        await writer.close();
      })();
      // A full pipe holds the writer up; nothing is lost.
      await t.sleep(100);
      const got = await t.bytes(process.stdout);
      await writing;
      t.assert.equal(got.length, sent.length);
      t.assert.ok(
        got.every((byte, at) => byte === sent[at]),
        "the same bytes",
      );
      t.assert.equal((await process.exited).code, 0);
    },
  },
  {
    name: "output of one program is the input of another",
    async run(t) {
      const holm = await t.boot();
      const first = await holm.spawn(await t.guest("rust/many_writes"), { args: ["2000"] });
      const second = await holm.spawn(await t.guest("rust/cat"));
      const [out] = await Promise.all([
        t.text(second.stdout),
        first.stdout.pipeTo(second.stdin),
        first.exited,
      ]);
      t.assert.equal(out.length, 2000 * 8);
      t.assert.equal(out.slice(-8), "0001999\n");
      t.assert.equal((await second.exited).code, 0);
    },
  },
  {
    name: "a stream that leads nowhere",
    async run(t) {
      const holm = await t.boot();
      const done = await holm.run(await t.guest("rust/cat"), { stdin: "null" });
      t.assert.equal(done.stdout, "");
      t.assert.equal(done.code, 0);
      const silent = await holm.run(await t.guest("rust/hello"), { stdout: "null" });
      t.assert.equal(silent.stdout, "");
      t.assert.equal(silent.code, 0);
    },
  },
  {
    name: "output that nobody will read ends its writer",
    async run(t) {
      const holm = await t.boot();
      const process = await holm.spawn(await t.guest("rust/many_writes"), { args: ["1000000"] });
      await process.stdout.cancel();
      const exit = await process.exited;
      t.assert.ok(exit.code !== 0, "a broken pipe is an error");
    },
  },
  {
    name: "poll and sleep wait as long as they say",
    async run(t) {
      const holm = await t.boot({ mounts: { "/d": { memory: "1MiB" } } });
      const started = performance.now();
      const done = await holm.run(await t.guest("rust/poll"), {
        args: ["stdin"],
        grants: ["--dir /d"],
        input: "abc",
      });
      t.assert.includes(done.stdout, "stdin: 3 bytes\n");
      t.assert.equal(done.code, 0, done.stderr);
      t.assert.atMost(performance.now() - started, 10_000);
      const clocks = await holm.run(await t.guest("rust/clocks"));
      t.assert.equal(clocks.code, 0, clocks.stderr);
    },
  },
];
