// Terminals: line editing, echo, Ctrl-C and the end of the input are the kernel's.

export default [
  {
    name: "what is typed is echoed, edited and read by the line",
    async run(t) {
      const holm = await t.boot();
      const terminal = await holm.terminal(80, 24);
      const process = await holm.spawn(await t.guest("rust/cat"), { terminal });
      const screen = terminal.output.getReader();
      terminal.input("helx\x7flo\r");
      const shown = await t.wait(screen, "hello\r\n");
      t.assert.includes(shown, "helx\b \blo\r\n", "the echo");
      terminal.input(new Uint8Array([4]));
      t.assert.equal((await process.exited).code, 0);
      terminal.close();
    },
  },
  {
    name: "Ctrl-C ends the program that runs in it",
    async run(t) {
      const holm = await t.boot();
      const terminal = await holm.terminal(80, 24);
      const screen = terminal.output.getReader();
      for (const how of ["stdin", "loop"]) {
        const program = await t.guest("rust/trap");
        const process = await holm.spawn(program, { args: [how], terminal });
        await t.wait(screen, `about to: ${how}\r\n`);
        const started = performance.now();
        terminal.input("\x03");
        const exit = await process.exited;
        t.assert.atMost(performance.now() - started, 1_000, how);
        t.assert.equal(exit.signal, "SIGINT");
        t.assert.equal(exit.code, 130);
      }
      terminal.close();
    },
  },
  {
    name: "in raw mode keys come as they are and nothing is echoed",
    async run(t) {
      const holm = await t.boot();
      const terminal = await holm.terminal(80, 24);
      terminal.setMode("raw");
      const process = await holm.spawn(await t.guest("rust/cat"), {
        stdin: terminal,
        stdout: "pipe",
      });
      const output = process.stdout.getReader();
      // The program itself writes whole lines only.
      terminal.input("k\x7f\n");
      t.assert.equal(await t.wait(output, "\n"), "k\x7f\n");
      terminal.input("\x03\x04\n");
      t.assert.equal(await t.wait(output, "\n"), "\x03\x04\n");
      process.kill();
      await process.exited;
      terminal.close();
      t.assert.equal(await t.text(terminal.output), "");
    },
  },
  {
    name: "a terminal takes a program that answers each line",
    async run(t) {
      const holm = await t.boot();
      const terminal = await holm.terminal(40, 10);
      terminal.resize(100, 30);
      const process = await holm.spawn(await t.guest("rust/stdio_echo"), { terminal });
      const screen = terminal.output.getReader();
      await t.wait(screen, "ready> ");
      terminal.input("one\r");
      await t.wait(screen, "1: one\r\nready> ");
      terminal.input("\x04");
      await t.wait(screen, "1 lines\r\n");
      t.assert.equal((await process.exited).code, 0);
      terminal.close();
    },
  },
  {
    name: "closing a terminal hangs up",
    async run(t) {
      const holm = await t.boot();
      const terminal = await holm.terminal(80, 24);
      const process = await holm.spawn(await t.guest("rust/cat"), { terminal });
      await t.sleep(50);
      terminal.close();
      t.assert.ok((await process.exited).code !== undefined);
    },
  },
];
