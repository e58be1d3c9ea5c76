// The built page in Chromium, from end to end: `npm run build`, then `npm run test:page`.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { openPage, PYTHON, servePage, startBrowser } from "./browser.mjs";

const HELLO = fileURLToPath(new URL("../../../target/guests/rust/hello.wasm", import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SHOTS = process.env.HOLM_SHOTS;
const PHONE = { width: 375, height: 740, mobile: true };

let isolated;
let plain;
let browser;
let scratch;

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "holm-page-"));
  [isolated, plain, browser] = await Promise.all([
    servePage(true),
    servePage(false),
    startBrowser(),
  ]);
});

after(async () => {
  await browser?.close();
  await Promise.all([isolated?.close(), plain?.close()]);
  rmSync(scratch, { recursive: true, force: true });
});

/** Runs a case on a page of its own, which must have complained about nothing. */
function onPage(name, options, run) {
  test(name, { timeout: 120_000 }, async () => {
    const { path = "", server = "isolated", expected = [], ...view } = options;
    const { address } = server === "isolated" ? isolated : plain;
    const page = await openPage(browser, address + path, view);
    try {
      await run(page);
      const problems = page.problems.filter(
        (each) => !expected.some((pattern) => pattern.test(each)),
      );
      assert.deepEqual(problems, []);
    } finally {
      if (SHOTS)
        await page.shot(join(SHOTS, `${name.replaceAll(/\W+/g, "-")}.png`)).catch(() => undefined);
      await page.close();
    }
  });
}

onPage("programs run, and are refused what is not granted", {}, async (page) => {
  assert.equal(await page.run("hello"), "Hello from Rust!");
  assert.match(
    await page.run("cat welcome.txt"),
    /refused: read \/welcome\.txt: nothing is granted there/,
  );
  await page.press("Tab");
  await page.see(/\$ holm run --dir \.:ro cat welcome\.txt$/);
  await page.press("Enter");
  await page.see(/Welcome to Holm\./);
  assert.match(await page.run("grant cat --dir /home:ro"), /until the page is closed/);
  assert.match(await page.run("cat welcome.txt"), /^Welcome to Holm\./);
  await page.run("revoke all");
  assert.match(await page.run("cat /home/welcome.txt"), /refused: read \/home\/welcome\.txt/);
});

onPage("pipes, redirections, variables and lists", {}, async (page) => {
  assert.equal(await page.run("hello | cat | cat"), "Hello from Rust!");
  assert.equal(
    await page.run("hello > a.txt; cat < a.txt && echo yes || echo no"),
    "Hello from Rust!\nyes",
  );
  assert.equal(await page.run("echo two >> a.txt && builtin cat a.txt"), "Hello from Rust!\ntwo");
  assert.equal(await page.run("exit_code 3 &> /dev/null; echo $?"), "3");
  assert.match(await page.run("export LANG=C; args_env 'a b'"), /"a b"\nenv LANG="C"/);
  assert.equal(
    await page.run("mkdir -p d/e; cd d/e; pwd; cd ~; rm -r d; ls *.txt"),
    "/home/d/e\na.txt        welcome.txt",
  );
  assert.match(await page.run("nosuch"), /there is no program nosuch/);
  assert.match(await page.run("trap bounds"), /the program trapped: stopped itself/);
});

onPage("the line is edited, completed and remembered", {}, async (page) => {
  await page.run("echo one");
  await page.type("exi");
  await page.press("Tab");
  await page.type("wel");
  await page.press("Control", "a");
  await page.see(/\$ exi/);
  await page.press("Control", "c");
  await page.type("builtin cat wel");
  await page.press("Tab");
  await page.press("Enter");
  await page.see(/Welcome to Holm/);
  await page.press("ArrowUp");
  await page.press("ArrowUp");
  await page.see(/\$ echo one$/);
  await page.press("Control", "c");
  await page.tab.reload();
  await page.see(/\$$/);
  await page.tab.focus(".xterm-helper-textarea");
  await page.press("ArrowUp");
  await page.see(/\$ builtin cat welcome\.txt$/);
});

onPage("a program has the terminal: it reads lines, Ctrl-C and Ctrl-D end it", {}, async (page) => {
  await page.type("stdio_echo\r");
  await page.see(/ready>/);
  await page.type("hello\r");
  await page.see(/1: hello/);
  await page.press("Control", "d");
  await page.see(/\$$/);
  await page.type("stdio_echo\r");
  await page.see(/ready>[^>]*$/);
  await page.press("Control", "c");
  await page.see(/ended by SIGINT\s+130 ~ \$$/);
  await page.type("trap loop\r");
  await page.see(/about to: loop/);
  await page.press("Control", "c");
  await page.see(/ended by SIGINT\s+130 ~ \$$/);
});

onPage("processes are shown with their grants, and ended", {}, async (page) => {
  await page.tab.click(".tab:nth-child(2)");
  await page.type("holm run --dir /home:ro --memory 64MiB stdio_echo\r");
  const card = () => page.tab.$eval(".card", (each) => each.textContent).catch(() => "");
  await page.until("the card", async () =>
    /stdio_echo.*waits in fd_read.*--dir \/home/.test(await card()),
  );
  await page.tab.click(".card .danger");
  await page.see(/ended by SIGKILL\s+137 ~ \$$/);
  await page.until("no card", async () => (await card()) === "");
});

onPage(
  "the trace shows each call, filtered, and a flood does not stop the page",
  {},
  async (page) => {
    await page.run("trace on");
    await page.run("hello");
    const rows = () =>
      page.tab.$$eval(".trace-row", (all) => all.map((each) => each.textContent).join("\n"));
    await page.until("the call", async () =>
      /fd_write\(1, "Hello from Rust!\\n", 17\) = 17/.test(await rows()),
    );
    await page.run("clocks", 60_000);
    await page.until("the count", async () =>
      /older let go/.test(await page.tab.$eval(".trace > .quiet", (each) => each.textContent)),
    );
    assert.ok((await page.tab.$$(".trace-row")).length < 100);
    await page.tab.type(".trace input", "poll_oneoff");
    await page.until("the filter", async () => !/clock_time_get/.test(await rows()));
  },
);

onPage("files are dropped, shown, viewed and deleted", {}, async (page) => {
  const folder = join(scratch, "my folder");
  mkdirSync(join(folder, "deep"), { recursive: true });
  writeFileSync(join(folder, "deep/notes.txt"), "deep down\n");
  await drop(page, [HELLO]);
  await page.tab.waitForSelector(".notice .primary");
  await page.tab.click(".notice .primary");
  await page.see(/\/home\/hello\.wasm\s+Hello from Rust!/);
  await drop(page, [folder]);
  await page.until("the folder", async () =>
    /my folder/.test(await page.tab.$eval(".tree", (each) => each.textContent)),
  );
  assert.equal(await page.run("builtin cat 'my folder/deep/notes.txt'"), "deep down");
  await page.type("open 'my folder/deep/notes.txt'\r");
  await page.until(
    "the viewer",
    async () =>
      (await page.tab.$eval(".viewer", (each) => each.textContent).catch(() => "")) ===
      "deep down\n",
  );
  await page.tab.keyboard.press("Escape");
  await page.until("the file selected", async () =>
    /notes\.txt/.test(
      await page.tab.$eval(".file-name", (each) => each.textContent).catch(() => ""),
    ),
  );
  await page.tab.click(".file-actions .danger");
  await page.tab.waitForSelector("dialog .solid");
  await page.tab.click("dialog .solid");
  await page.until(
    "the file gone",
    async () => !/notes\.txt/.test(await page.tab.$eval(".tree", (each) => each.textContent)),
  );
});

onPage("archives are mounted read-only", {}, async (page) => {
  const archive = join(scratch, "bundle.tar.gz");
  writeFileSync(archive, gzipSync(tar("inside/a.txt", "from the archive\n")));
  await drop(page, [archive]);
  await page.until("the mount", async () =>
    /bundle/.test(await page.tab.$eval("#notices", (each) => each.textContent)),
  );
  assert.equal(await page.run("builtin cat /mnt/bundle/inside/a.txt"), "from the archive");
  assert.match(await page.run("echo x > /mnt/bundle/b"), /read-only|EROFS/i);
});

onPage("a second tab has a /home of its own, and says so", {}, async (page) => {
  const second = await page.another(isolated.address);
  await second.see(/gone when this page is closed[\s\S]*\$$/);
  assert.equal(await second.run("hello > x && builtin cat x"), "Hello from Rust!");
  assert.deepEqual(second.problems, []);
});

onPage("what is in /home stays", {}, async (page) => {
  await page.run("echo kept > kept.txt");
  // It is put on the disk a second later, without being asked.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await page.tab.reload();
  await page.see(/\$$/);
  assert.equal(await page.run("builtin cat kept.txt"), "kept");
});

test("CPython runs as a program, and as a REPL that is typed into", {
  skip: PYTHON ? false : "no CPython",
  timeout: 180_000,
}, async () => {
  const page = await openPage(
    browser,
    `${isolated.address}/?run=programs/python.wasm&args=${encodeURIComponent("-c 'print(6 * 7)'")}`,
  );
  try {
    await page.see(/\n42\n/, 90_000);
    await page.type("/tmp/python.wasm\r");
    await page.see(/>>> $|>>>$/, 60_000);
    await page.type("print(6*7)\r");
    await page.see(/>>> print\(6\*7\)\n42\n>>>/);
    await page.type("x = input('name? ')\r");
    await page.see(/\nname\?$/);
    await page.type("Ada\r");
    await page.see(/Ada\n>>>$/);
    await page.type("len(x)\r");
    await page.see(/len\(x\)\n3\n>>>/);
    if (SHOTS) await page.shot(join(SHOTS, "python.png"));
    await page.press("Control", "d");
    await page.see(/~ \$$/);
    assert.deepEqual(page.problems, []);
  } finally {
    await page.close();
  }
});

onPage(
  "what cannot be downloaded is explained",
  { expected: [/blocked by CORS|ERR_FAILED|404|ERR_BLOCKED/, /not loaded: /] },
  async (page) => {
    assert.match(
      await page.run(`open ${plain.address}/x.wasm`),
      /cannot be reached, or does not let other sites[\s\S]*CORS/,
    );
    assert.match(await page.run(`open ${isolated.address}/nosuch.wasm`), /answers 404/);
    assert.match(
      await page.run(`open ${isolated.address}/index.html`),
      /neither a WebAssembly program nor an archive/,
    );
  },
);

onPage("without isolation the other transport carries it", { server: "plain" }, async (page) => {
  assert.equal(await page.run("hello | cat"), "Hello from Rust!");
  assert.match(await page.run("version"), /JSPI/);
});

test("a browser that cannot run it is told why", async () => {
  const visit = await browser.createBrowserContext();
  const tab = await visit.newPage();
  await tab.evaluateOnNewDocument(() => {
    delete WebAssembly.Suspending;
  });
  await tab.goto(plain.address);
  const failure = await tab.waitForSelector(".failure");
  assert.match(
    await failure.evaluate((each) => each.textContent),
    /does not run here.*JSPI.*Chrom/s,
  );
  await visit.close();
});

onPage("F6 goes around the page, and nothing traps the keyboard", {}, async (page) => {
  const where = () =>
    page.tab.evaluate(() => document.activeElement.closest("main, aside, header.bar")?.tagName);
  await page.tab.focus(".xterm-helper-textarea");
  const around = [];
  for (let at = 0; at < 3; at += 1) {
    await page.press("F6");
    around.push(await where());
  }
  assert.deepEqual(around, ["ASIDE", "HEADER", "MAIN"]);
  await page.press("Shift", "F6");
  assert.equal(await where(), "HEADER");
});

onPage("a phone's width has keys, and panels as sheets", PHONE, async (page) => {
  const overflow = () =>
    page.tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.equal(await overflow(), 0);
  await page.type("stdio_echo\r");
  await page.see(/ready>/);
  await page.tab.click('.key[aria-label^="Ctrl"]');
  await page.type("c");
  await page.see(/SIGINT/);
  await page.tab.click('.key[aria-label="Up"]');
  await page.see(/\$ stdio_echo$/);
  await page.tab.click(".tab:nth-child(1)");
  const sheet = await page.tab.$eval("#panel", (each) => each.getBoundingClientRect().toJSON());
  assert.ok(sheet.width === 375 && sheet.top > 150, JSON.stringify(sheet));
  assert.equal(await overflow(), 0);
});

for (const [scheme, view] of [
  ["dark", {}],
  ["light", {}],
  ["dark", PHONE],
  ["light", PHONE],
]) {
  onPage(
    `axe finds nothing: ${scheme}${view.mobile ? ", phone" : ""}`,
    { scheme, ...view },
    async (page) => {
      await page.run("cat welcome.txt");
      await page.tab.evaluate(AXE);
      for (const name of ["none", "Files", "Processes", "Trace", "Help"]) {
        if (name === "Processes") await page.type("stdio_echo\r");
        await page.tab.evaluate((wanted) => {
          const tabs = [...document.querySelectorAll(".tab")];
          const open = tabs.find((each) => each.getAttribute("aria-expanded") === "true");
          if (wanted === "none") open?.click();
          else if (open?.textContent !== wanted)
            tabs.find((each) => each.textContent === wanted).click();
        }, name);
        await new Promise((resolve) => setTimeout(resolve, 700));
        const { violations } = await page.tab.evaluate(() =>
          globalThis.axe.run(document, { resultTypes: ["violations"] }),
        );
        const found = violations.map(
          (each) =>
            `${each.id}: ${each.help}: ${each.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`,
        );
        assert.deepEqual(found, [], `with panel ${name}`);
      }
    },
  );
}

/** Drops files and folders of this machine onto the page, as a person does. */
async function drop(page, files) {
  const session = await page.tab.createCDPSession();
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await session.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
  }
  await session.detach();
}

/** An archive with one file. */
function tar(name, text) {
  const header = Buffer.alloc(512);
  header.write(name);
  for (const at of [100, 108, 116]) header.write("0000644\x00", at);
  header.write(
    `${text.length.toString(8).padStart(11, "0")}\x00${"0".repeat(11)}\x00        0`,
    124,
  );
  header.write("ustar\x0000", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\x00 `, 148);
  return Buffer.concat([header, Buffer.from(text.padEnd(512, "\0")), Buffer.alloc(1024)]);
}
