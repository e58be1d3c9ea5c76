// The kernel's own scenarios and simulator, as wasm in every engine: what they answer natively,
// they answer here. crates/host-web/tests/kernel_suite is the module.

let compiled;

/** An instance of the suite, and what it says. A case that panics leaves it unusable. */
async function suite(t) {
  compiled ??= WebAssembly.compile(await t.read("/kernel_suite.wasm"));
  const said = { text: "" };
  let memory;
  const { exports } = await WebAssembly.instantiate(await compiled, {
    suite: {
      tell(at, length) {
        said.text = new TextDecoder().decode(new Uint8Array(memory.buffer, at, length));
      },
    },
  });
  memory = exports.memory;
  /** Calls an export; answers what it said, also when it traps. */
  const call = (name, ...args) => {
    said.text = "";
    try {
      exports[name](...args);
    } catch (error) {
      throw new Error(`${name}(${args}): ${error.message}: ${said.text}`);
    }
    return said.text;
  };
  return { exports, call };
}

/** The first line that differs. */
function difference(wanted, found) {
  const [lines, others] = [wanted.split("\n"), found.split("\n")];
  const at = lines.findIndex((line, number) => line !== others[number]);
  return `line ${at + 1}: expected ${lines[at]}, found ${others[at]}`;
}

export default [
  {
    name: "the scenarios answer as natively",
    async run(t) {
      const { exports, call } = await suite(t);
      const count = exports.cases();
      t.assert.ok(count > 0, "there are scenarios");
      const differing = [];
      for (let number = 0; number < count; number += 1) {
        const name = call("name", number);
        const wanted = new TextDecoder().decode(await t.read(`/scenarios/${name}.txt`));
        const found = call("run", number);
        if (found !== wanted) {
          differing.push(`${name}: ${difference(wanted, found)}`);
        }
      }
      t.assert.equal(differing, []);
    },
  },
  {
    name: "a run of the simulator comes to the same as natively",
    timeout: 120_000,
    async run(t) {
      const { first, seeds, steps, counts } = JSON.parse(
        new TextDecoder().decode(await t.read("/simulated.json")),
      );
      const { call } = await suite(t);
      t.assert.equal(call("simulated", first, seeds, steps), counts);
    },
  },
];
