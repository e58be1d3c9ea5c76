// How programs end that do not end well: traps, kills, limits.

export default [
  {
    name: "a trap has the same words in every engine",
    async run(t) {
      const holm = await t.boot();
      const program = await holm.compile(await t.guest("c/traps"));
      const wanted = {
        divide: "divided an integer by zero",
        unreachable: "stopped itself",
        abort: "stopped itself",
        load: "memory that it does not have",
        // Firefox has one message for the bounds of memories and of tables.
        call: t.engine === "firefox" ? "does not have" : "table entry that does not exist",
      };
      for (const [how, words] of Object.entries(wanted)) {
        const done = await holm.run(program, { args: [how] });
        t.assert.equal(done.code, 134, how);
        t.assert.includes(done.trap?.message, words, how);
        t.assert.ok(done.trap.detail.length > 0, "the engine's own words");
        t.assert.equal(done.stdout, `about to: ${how}\n`);
      }
    },
  },
  {
    name: "a stack that is exhausted is a trap, and not the end of the system",
    async run(t) {
      const holm = await t.boot();
      const done = await holm.run(await t.guest("rust/trap"), { args: ["recursion"] });
      t.assert.equal(done.code, 134);
      t.assert.includes(done.trap?.message, "stack");
      t.assert.equal((await holm.run(await t.guest("rust/hello"))).code, 0);
    },
  },
  {
    name: "killing a program that waits wakes it",
    async run(t) {
      const holm = await t.boot();
      for (const how of ["stdin", "sleep"]) {
        const process = await holm.spawn(await t.guest("rust/trap"), { args: [how] });
        const output = process.stdout.getReader();
        await t.wait(output, `about to: ${how}\n`);
        await t.sleep(50);
        const started = performance.now();
        process.kill();
        const exit = await process.exited;
        t.assert.atMost(performance.now() - started, 1_000, how);
        t.assert.equal(exit.signal, "SIGKILL");
        t.assert.equal(exit.code, 137);
        t.assert.equal(exit.trap, undefined);
      }
      t.assert.equal((await holm.run(await t.guest("rust/hello"))).code, 0);
    },
  },
  {
    name: "killing a program that computes ends it",
    async run(t) {
      const holm = await t.boot();
      for (const how of ["calls", "loop"]) {
        const process = await holm.spawn(await t.guest("rust/trap"), { args: [how] });
        const output = process.stdout.getReader();
        await t.wait(output, `about to: ${how}\n`);
        const started = performance.now();
        process.kill("SIGTERM");
        const exit = await process.exited;
        // The kernel takes it as dead at once; Chromium's `terminate()` takes two seconds.
        t.assert.atMost(performance.now() - started, 1_000, how);
        t.assert.equal(exit.signal, "SIGTERM");
        t.assert.equal(exit.code, 143);
        output.releaseLock();
        t.assert.equal(await t.text(process.stdout), "");
      }
      t.assert.equal((await holm.run(await t.guest("rust/hello"))).code, 0);
    },
  },
  {
    name: "an abort signal ends a program",
    async run(t) {
      const holm = await t.boot();
      const abort = new AbortController();
      const process = await holm.spawn(await t.guest("wat/loop"), { signal: abort.signal });
      await t.sleep(100);
      abort.abort();
      t.assert.equal((await process.exited).signal, "SIGKILL");
    },
  },
  {
    name: "killing twice, and after the end, does nothing",
    async run(t) {
      const holm = await t.boot();
      const process = await holm.spawn(await t.guest("rust/hello"));
      t.assert.equal(await t.text(process.stdout), "Hello from Rust!\n");
      const exit = await process.exited;
      process.kill();
      process.kill();
      t.assert.equal(exit.code, 0);
      t.assert.equal((await process.exited).code, 0);
    },
  },
  {
    name: "memory is limited",
    async run(t) {
      const holm = await t.boot();
      const done = await holm.run(await t.guest("rust/memory_hog"), {
        args: ["64"],
        grants: ["--memory 16MiB"],
      });
      t.assert.equal(done.code, 3, done.stderr);
      t.assert.includes(done.stdout, "refused after");
      t.assert.ok(done.usage.memoryPeak <= 16 * 2 ** 20, `${done.usage.memoryPeak} bytes`);
      t.assert.equal((await holm.run(await t.guest("rust/hello"))).code, 0);
    },
  },
  {
    name: "descriptors are limited",
    async run(t) {
      const holm = await t.boot({ mounts: { "/data": { memory: "4MiB" } } });
      const done = await holm.run(await t.guest("rust/fd_hog"), {
        args: ["/data"],
        grants: ["--dir /data", "--max-fds 50"],
      });
      t.assert.equal(done.code, 0, done.stderr);
      t.assert.includes(done.refusals.join("\n"), "more than 50 open descriptors");
    },
  },
  {
    name: "a system that is shut down ends its programs, and refuses new ones",
    async run(t) {
      const holm = await t.boot();
      const waiting = await holm.spawn(await t.guest("rust/cat"));
      const looping = await holm.spawn(await t.guest("wat/loop"));
      await t.sleep(50);
      await holm.shutdown();
      for (const process of [waiting, looping]) {
        t.assert.ok((await process.exited).code !== 0);
      }
      await t.assert.rejects(holm.run(await t.guest("rust/hello")), ["shut down"]);
      await holm.shutdown();
    },
  },
];
