// What a test case is given, the same in every host.

/** Thrown by a case that cannot be run in a host; the reason is shown. */
export class LeftOut extends Error {}

/** Milliseconds that a case may take unless it says otherwise. */
const CASE_MS = 30_000;

/** How long a system may take to shut down after a case. */
const SHUTDOWN_MS = 15_000;

/**
 * Runs cases one after the other.
 *
 * @param {object} host
 * @param {string} host.name `chromium-isolated`, `node20`, ...
 * @param {string} host.engine `chromium`, `firefox` or `node`.
 * @param {boolean} host.isolated Whether there is shared memory.
 * @param {"shared" | "message"} host.transport
 * @param {object} host.package What the package exports.
 * @param {string} host.address Of the server of the tests.
 * @param {(name: string) => string | URL} host.script Where a script of the tests is.
 * @param {() => Promise<object>} host.direct Imports the module for programs in place.
 * @param {(path: string) => Promise<Uint8Array>} host.read A file that the tests serve.
 * @param {() => Promise<number | undefined>} host.memory Bytes in use, where the engine tells.
 * @param {object[]} cases
 * @param {string | undefined} filter
 * @param {(report: object) => Promise<void>} report Called with each case's outcome.
 */
export async function runCases(host, cases, filter, report) {
  for (const one of cases) {
    if (filter && !one.name.includes(filter)) {
      continue;
    }
    const started = performance.now();
    const outcome = await runCase(host, one);
    await report({ name: one.name, ...outcome, ms: Math.round(performance.now() - started) });
  }
}

async function runCase(host, one) {
  const systems = [];
  const limit = one.timeout ?? CASE_MS;
  let failure;
  try {
    const t = environment(host, systems);
    await within(limit, `the case did not end within ${limit / 1000} s`, () => one.run(t));
  } catch (error) {
    if (error instanceof LeftOut) {
      failure = { leftOut: error.message };
    } else {
      failure = { failed: describe(error) };
    }
  }
  for (const system of systems) {
    try {
      const message = `shutdown() did not end within ${SHUTDOWN_MS / 1000} s`;
      await within(SHUTDOWN_MS, message, () => system.shutdown());
    } catch (error) {
      failure ??= { failed: describe(error) };
    }
  }
  return failure ?? { passed: true };
}

function describe(error) {
  if (!(error instanceof Error)) {
    return `thrown: ${String(error)}`;
  }
  const head = `${error.name}: ${error.message}`;
  const frames = (error.stack ?? "").split("\n").filter((line) => /case|tests|dist/.test(line));
  return [head, ...frames.filter((line) => !head.includes(line.trim())).slice(0, 4)].join("\n");
}

async function within(ms, message, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function environment(host, systems) {
  const t = {
    host: host.name,
    engine: host.engine,
    isolated: host.isolated,
    transport: host.transport,
    Holm: host.package.Holm,
    disks: host.package.disks,
    address: host.address,
    script: host.script,
    assert,
    direct: host.direct,
    memory: host.memory,
    read: host.read,
    /** A system with the transport of this host, shut down when the case is over. */
    async boot(options = {}) {
      const system = await host.package.Holm.boot({ transport: host.transport, ...options });
      systems.push(system);
      return system;
    },
    /** The bytes of a guest: `rust/hello`. */
    guest: (name) => host.read(`/guests/${name}.wasm`),
    /** What `holm run` did natively with a guest of the parity table. */
    async native(name) {
      return (await recordings(host))[name];
    },
    /** Runs the native `holm` in a new folder: see `runHolm` in tests/native.js. */
    async holm(args, { files = {}, wanted = [] } = {}) {
      const given = {};
      for (const [name, content] of Object.entries(files)) {
        given[name] = toBase64(content);
      }
      const asked = JSON.stringify({ arguments: args, files: given, wanted });
      const response = await fetch(`${host.address}/holm`, { method: "POST", body: asked });
      const done = await response.json();
      for (const [name, content] of Object.entries(done.files)) {
        done.files[name] = fromBase64(content);
      }
      return done;
    },
    /** Bytes that were sent of a file that the tests serve, in all. */
    async sent(path) {
      const requests = await (await fetch(`${host.address}/requests`)).json();
      const ours = requests.filter((request) => request.path === path);
      return ours.reduce((sum, request) => sum + request.bytes, 0);
    },
    leaveOut(reason) {
      throw new LeftOut(reason);
    },
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    within,
    text,
    bytes,
    wait,
  };
  return t;
}

function toBase64(content) {
  let text = "";
  for (let at = 0; at < content.length; at += 8192) {
    text += String.fromCharCode(...content.subarray(at, at + 8192));
  }
  return btoa(text);
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

let recorded;
async function recordings(host) {
  recorded ??= JSON.parse(new TextDecoder().decode(await host.read("/recorded.json")));
  return recorded;
}

/** All that a stream brings, up to its end. */
async function bytes(stream) {
  const parts = [];
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      break;
    }
    parts.push(value);
    length += value.length;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

async function text(stream) {
  return new TextDecoder().decode(await bytes(stream));
}

/** Waits until a stream has brought `wanted`; answers what came so far. The stream stays open. */
async function wait(reader, wanted) {
  const decoder = new TextDecoder();
  let came = "";
  while (!came.includes(wanted)) {
    const { done, value } = await reader.read();
    if (done) {
      throw new Error(`the stream ended before ${JSON.stringify(wanted)}: ${JSON.stringify(came)}`);
    }
    came += decoder.decode(value, { stream: true });
  }
  return came;
}

function shown(value) {
  const written = JSON.stringify(value, (_, part) =>
    part instanceof Uint8Array
      ? `${part.length} bytes`
      : typeof part === "bigint"
        ? `${part}n`
        : part,
  );
  return written?.length > 2000 ? `${written.slice(0, 2000)}…` : String(written);
}

function fail(message, detail) {
  throw new Error(message ? `${message}: ${detail}` : detail);
}

function same(one, other) {
  if (Object.is(one, other)) {
    return true;
  }
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) {
    return false;
  }
  const [names, others] = [Object.keys(one), Object.keys(other)];
  return (
    Array.isArray(one) === Array.isArray(other) &&
    names.length === others.length &&
    names.every((name) => Object.hasOwn(other, name) && same(one[name], other[name]))
  );
}

const assert = {
  ok(value, message) {
    if (!value) {
      fail(message, `${shown(value)} is not true`);
    }
  },
  equal(found, wanted, message) {
    if (!same(found, wanted)) {
      fail(message, `expected ${shown(wanted)}, found ${shown(found)}`);
    }
  },
  includes(found, wanted, message) {
    if (!found?.includes(wanted)) {
      fail(message, `${shown(wanted)} is not in ${shown(found)}`);
    }
  },
  atMost(found, limit, message) {
    if (!(found <= limit)) {
      fail(message, `${found} is more than ${limit}`);
    }
  },
  /** The promise is rejected with an error whose message or help has all of these words in it. */
  async rejects(promise, words, message) {
    let value;
    try {
      value = await promise;
    } catch (error) {
      const said = [error?.message ?? String(error), error?.help ?? ""].join(" ");
      for (const word of words) {
        assert.includes(said, word, message);
      }
      return error;
    }
    return fail(message, `expected an error, found ${shown(value)}`);
  },
};
