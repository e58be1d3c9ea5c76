// The project's own guests, byte for byte as natively: tests/guests.json, and what `holm run` did.

/** What a hint proposes speaks of the host's own folders. */
const HINT = / To allow (it|more): .*/;

/** Programs that need what an older engine does not have. */
const BEYOND = {
  "wat/proposals": ["node20", "node22"],
};

/** Engines do not tell of a `memory.grow` that they refused. */
const UNTOLD = ["wat/memory_grow"];

const TRAP = "the program trapped: ";

/** Natively, the guest's own standard error comes before what Holm says of it. */
function split(stderr) {
  const at = stderr.search(/^holm: /m);
  const own = at < 0 ? stderr : stderr.slice(0, at);
  const messages = (at < 0 ? "" : stderr.slice(at))
    .split("\n")
    .filter((line) => line.startsWith("holm: "))
    .map((line) => line.slice("holm: ".length));
  const trap = messages.find((message) => message.startsWith(TRAP))?.slice(TRAP.length);
  const refusals = messages.filter((message) => !/^(the program trapped|help): /.test(message));
  return { own, trap, refusals: refusals.map(bare) };
}

/** A refusal without what only the command line adds. */
const bare = (refusal) => refusal.replace(HINT, "").replace(/^refused: /, "");

/** The options of `holm run` as this package takes them. */
function translate(one) {
  const options = { name: undefined, args: one.arguments ?? [], env: {}, grants: [] };
  const given = [...(one.options ?? [])];
  while (given.length > 0) {
    const [option, value] = given.splice(0, 2);
    if (option === "--env") {
      const at = value.indexOf("=");
      options.env[value.slice(0, at)] = value.slice(at + 1);
    } else if (option === "--argv0") {
      options.name = value;
    } else if (option === "--invoke") {
      options.invoke = value;
    } else if (option === "--dir") {
      options.grants.push(`--dir /${value}`);
    } else {
      options.grants.push(`${option} ${value}`);
    }
  }
  options.name ??= `${one.name.split("/")[1]}.wasm`;
  return options;
}

async function check(t, one) {
  const native = await t.native(one.name);
  const holm = await t.boot({ mounts: { "/d": { memory: "64MiB" } } });
  const program = await t.guest(one.name);
  const run = () => holm.run(program, { ...translate(one), input: one.stdin ?? "" });
  if (BEYOND[one.name]?.includes(t.host)) {
    // Later releases of the same engine may have it.
    const refused = await run().then(
      () => undefined,
      (error) => error,
    );
    if (refused !== undefined) {
      t.assert.includes(refused.message, "engine");
      t.leaveOut("this engine does not have what the program needs, and says so");
    }
  }
  if (native.code === 126) {
    await t.assert.rejects(run(), [one.stderr]);
    return;
  }
  const done = await run();
  const wanted = split(native.stderr ?? "");
  // An invoked function's results are printed by the command line.
  const stdout = done.stdout + done.results.map((result) => `${result}\n`).join("");
  if (native.stdout !== null) {
    t.assert.equal(stdout, native.stdout, "standard output");
  } else {
    const { is, has } = one.stdout;
    t.assert.ok(is === undefined ? stdout.includes(has) : stdout === is, stdout);
  }
  if (native.stderr !== null) {
    t.assert.equal(done.stderr, wanted.own, "standard error");
  }
  t.assert.equal(done.code, native.code, `exit code; standard error: ${done.stderr}`);
  const refusals = UNTOLD.includes(one.name) ? [] : wanted.refusals;
  t.assert.equal(done.refusals.map(bare), refusals, "refusals");
  t.assert.equal(done.trap?.message, wanted.trap, "the trap's words");
}

const inBrowser = typeof location !== "undefined";
const table = inBrowser
  ? await (await fetch("/table/guests.json")).json()
  : JSON.parse(
      await (await import("node:fs/promises")).readFile(
        new URL("../../../tests/guests.json", import.meta.url),
        "utf8",
      ),
    );

export default table.map((one) => ({
  name: one.name,
  timeout: 60_000,
  run: (t) => check(t, one),
}));
