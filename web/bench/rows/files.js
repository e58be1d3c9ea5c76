// Files read and written from end to end, 1 MiB a call, 64 MiB each time.

const ARGUMENTS = ["--rounds", "3", "--only", "mbps"];

/** Reads of 64 MiB; the first fetches what is not there. */
async function read(c, holm, bytes, directory) {
  const once = (rounds) =>
    holm.run(bytes, {
      args: [directory, "--rounds", rounds, "--only", "read_1m"],
      grants: [`--dir ${directory}:ro`],
    });
  const first = c.figures((await once("1")).stdout).read_1m_mbps;
  return { first, again: c.figures((await once("3")).stdout).read_1m_mbps };
}

export default {
  contestants: {
    async holm(c) {
      const mounts = { "/memory": { memory: "256MiB" } };
      if (c.engine === "node") {
        mounts["/archive"] = { archive: c.url("/archive.tar") };
      } else {
        mounts["/archive"] = { archive: "/archive.tar" };
        mounts["/disk"] = { opfs: "bench", size: "256MiB" };
      }
      if (c.engine === "node") {
        delete mounts["/archive"];
      }
      const holm = await c.holm({ mounts });
      const bytes = await c.guest("rust/bench");
      const found = {};
      for (const place of ["memory", "disk"].filter((place) => `/${place}` in mounts)) {
        const output = await holm.run(bytes, {
          args: [`/${place}`, ...ARGUMENTS],
          grants: [`--dir /${place}`],
        });
        const figures = c.figures(output.stdout);
        found[`write, ${place} mbps`] = figures.write_1m_mbps;
        found[`read, ${place} mbps`] = figures.read_1m_mbps;
      }
      if ("/archive" in mounts) {
        const { first, again } = await read(c, holm, bytes, "/archive");
        found["read, archive, first mbps"] = first;
        found["read, archive mbps"] = again;
      }
      await holm.shutdown();
      if ("/disk" in mounts) {
        const { disks } = await c.load("/dist/index.js");
        await disks.remove("bench").catch(() => {});
      }
      return found;
    },
    async shim(c) {
      const shim = await c.shim();
      const { text } = await shim.run({
        bytes: await c.guest("rust/bench"),
        args: ["/d", ...ARGUMENTS],
        directories: ["/d"],
      });
      shim.close();
      const figures = c.figures(text);
      return {
        "write, memory mbps": figures.write_1m_mbps,
        "read, memory mbps": figures.read_1m_mbps,
      };
    },
    async wasmer(c) {
      const wasmer = await c.wasmer();
      const program = await wasmer.packages.load(await c.guest("rust/bench"));
      const sandbox = await wasmer.sandboxes.create({ packages: [program] });
      const output = await sandbox.command(program, ["/workspace", ...ARGUMENTS]).run();
      const figures = c.figures(output.text());
      await wasmer.close();
      return {
        "write, memory mbps": figures.write_1m_mbps,
        "read, memory mbps": figures.read_1m_mbps,
      };
    },
  },
};
