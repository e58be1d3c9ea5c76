// Completion: what a tab adds in each place of a line.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Completion, complete, findProgram } from "../../src/shell/complete.js";
import { expand } from "../../src/shell/expand.js";
import { parse } from "../../src/shell/syntax.js";
import { filesOf } from "./fake-files.js";

const files = filesOf(
  "/bin/cat.wasm",
  "/bin/hello.wasm",
  "/home/my notes.txt",
  "/home/notes/a.txt",
  "/home/notes/b.txt",
  "/home/welcome.txt",
  "/home/.hidden",
  "/home/it's",
);
const known = {
  variable: (name: string) => ({ HOME: "/home" })[name],
  home: "/home",
  directory: "/home",
  files,
  commands: () => Promise.resolve(["cat", "cd", "clear", "hello", "help", "holm"]),
  variables: () => ["HOME", "PATH"],
  options: ["--dir", "--memory", "--mount"],
};
const at = (before: string): Promise<Completion> => complete(before, known);

test("programs and builtins stand first", async () => {
  assert.deepEqual(await at("hell"), { insert: "o ", candidates: ["hello"] });
  assert.deepEqual(await at("hel"), { insert: "", candidates: ["hello", "help"] });
  assert.equal((await at("cat x | hell")).insert, "o ");
  assert.equal((await at("A=1 hell")).insert, "o ");
  assert.equal((await at("true && hell")).insert, "o ");
});

test("paths stand elsewhere", async () => {
  assert.equal((await at("cat w")).insert, "elcome.txt ");
  assert.equal((await at("cat n")).insert, "otes/");
  assert.equal((await at("cat notes/a")).insert, ".txt ");
  assert.equal((await at("cat /ho")).insert, "me/");
  assert.equal((await at("cat ~/w")).insert, "elcome.txt ");
  assert.equal((await at("cat $HOME/w")).insert, "elcome.txt ");
  assert.equal((await at("hello > w")).insert, "elcome.txt ");
  assert.equal((await at("/bin/hel")).insert, "lo.wasm ");
  assert.deepEqual((await at("cat notes/")).candidates, ["a.txt", "b.txt"]);
});

test("names are escaped as the quotes around them ask", async () => {
  assert.equal((await at("cat m")).insert, String.raw`y\ notes.txt `);
  assert.equal((await at("cat 'm")).insert, "y notes.txt' ");
  assert.equal((await at('cat "m')).insert, 'y notes.txt" ');
  assert.equal((await at("cat i")).insert, String.raw`t\'s `);
});

test("hidden names are completed when they are asked for, folders alone for cd", async () => {
  assert.ok(!(await at("cat ")).candidates.includes(".hidden"));
  assert.equal((await at("cat .h")).insert, "idden ");
  assert.deepEqual((await at("cd ")).candidates, ["notes/"]);
});

test("variables, and options of holm run", async () => {
  assert.equal((await at("echo $HO")).insert, "ME ");
  assert.deepEqual((await at("holm run --m")).candidates, ["--memory", "--mount"]);
  assert.equal((await at("holm run --memory=1MiB hell")).insert, "o ");
});

test("what cannot be completed is left alone", async () => {
  for (const line of ["", "nosuch/x", "echo $(", "cat zzz"]) {
    assert.equal((await at(line)).insert, "", line);
  }
});

test("programs are found along the path, with and without .wasm", async () => {
  const there = new Set(["/bin/cat.wasm", "/home/x.wasm", "/home/cat.wasm", "/home/dir/y"]);
  const find = (name: string): Promise<string | undefined> =>
    findProgram(name, "/home", ["/bin", "/home", "."], (path) => Promise.resolve(there.has(path)));
  assert.equal(await find("cat"), "/bin/cat.wasm");
  assert.equal(await find("./cat"), "/home/cat.wasm");
  assert.equal(await find("x"), "/home/x.wasm");
  assert.equal(await find("dir/y"), "/home/dir/y");
  assert.equal(await find("nosuch"), undefined);
});

test("patterns stand for names, and for themselves where nothing fits", async () => {
  const words = (line: string): Promise<string[]> =>
    expand(parse(line)[0]?.commands[0]?.words ?? [], known);
  assert.deepEqual(await words("x *.txt"), ["x", "my notes.txt", "welcome.txt"]);
  assert.deepEqual(await words("x notes/?.txt '*.txt' \\*.txt"), [
    "x",
    "notes/a.txt",
    "notes/b.txt",
    "*.txt",
    "*.txt",
  ]);
  assert.deepEqual(await words("x */a.txt */nosuch"), ["x", "notes/a.txt", "*/nosuch"]);
  assert.deepEqual(await words("x /bin/c*"), ["x", "/bin/cat.wasm"]);
  assert.deepEqual(await words("x *.rs .h*"), ["x", "*.rs", ".hidden"]);
});
