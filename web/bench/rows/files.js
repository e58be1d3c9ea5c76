// Files read and written from end to end, 1 MiB a call, 64 MiB each time.

const ARGUMENTS = ["--rounds", "3", "--only", "mbps"];

const memory = ({ write_1m_mbps, read_1m_mbps }) => ({
  "write, memory, MB/s": write_1m_mbps,
  "read, memory, MB/s": read_1m_mbps,
});

export default {
  contestants: {
    async holm(c) {
      const mounts = { "/memory": { memory: "256MiB" } };
      if (c.engine !== "node") {
        mounts["/disk"] = { opfs: "bench", size: "256MiB" };
        mounts["/ranges"] = { archive: "/archive.tar" };
        mounts["/whole"] = { archive: "/archive.tar", lazy: false };
      }
      const holm = await c.holm({ mounts });
      const module = await holm.compile(await c.guest("rust/bench"));
      const run = async (directory, access, args) => {
        const grants = [`--dir ${directory}${access}`];
        const output = await holm.run(module, { args: [directory, ...args], grants });
        return c.figures(output.stdout);
      };
      const found = {};
      for (const place of ["memory", "disk"].filter((place) => `/${place}` in mounts)) {
        const figures = await run(`/${place}`, "", ARGUMENTS);
        found[`write, ${place}, MB/s`] = figures.write_1m_mbps;
        found[`read, ${place}, MB/s`] = figures.read_1m_mbps;
      }
      if ("/whole" in mounts) {
        const read = (directory, rounds) =>
          run(directory, ":ro", ["--rounds", rounds, "--only", "read_1m"]);
        found["read, archive, MB/s"] = (await read("/whole", "3")).read_1m_mbps;
        found["read, archive, fetched by range meanwhile, MB/s"] = (
          await read("/ranges", "1")
        ).read_1m_mbps;
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
      return memory(figures);
    },
    async wasmer(c) {
      const wasmer = await c.wasmer();
      const program = await wasmer.packages.load(await c.guest("rust/bench"));
      const sandbox = await wasmer.sandboxes.create({ packages: [program] });
      const output = await sandbox.command(program, ["/workspace", ...ARGUMENTS]).run();
      const figures = c.figures(output.text());
      await wasmer.close();
      return memory(figures);
    },
  },
};
