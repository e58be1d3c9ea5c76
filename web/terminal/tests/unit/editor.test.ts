// The line editor: keys, the line, the history, and where the cursor ends up.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Editor, type Entered, layout } from "../../src/shell/editor.js";
import { History } from "../../src/shell/history.js";
import { KeyDecoder } from "../../src/shell/keys.js";
import { Line } from "../../src/shell/line.js";
import { printable, textWidth } from "../../src/shell/width.js";

const names = (data: string): string[] =>
  new KeyDecoder()
    .decode(data)
    .map((key) => (key.kind === "key" ? key.name : JSON.stringify(key.text)));

test("keys are taken apart", () => {
  assert.deepEqual(names("ab\u001b[A\u001b[1;5D\r\u0003\t\u007f"), [
    '"ab"',
    "up",
    "word-left",
    "enter",
    "interrupt",
    "tab",
    "backspace",
  ]);
  assert.deepEqual(names("\u001b"), ["escape"]);
  assert.deepEqual(names("\u001bb\u001bOA"), ["word-left", "up"]);
  assert.deepEqual(names("日本🏝"), ['"日本🏝"']);
});

test("answers of the terminal that nobody asked the shell for are dropped", () => {
  assert.deepEqual(
    names("\u001b[?1;2c\u001b[24;80R\u001bP1$r0m\u001b\\\u001b]10;rgb:0/0/0\u0007x"),
    ['"x"'],
  );
});

test("a paste is one text, in however many pieces it comes", () => {
  const decoder = new KeyDecoder();
  assert.deepEqual(decoder.decode("\u001b[200~a\rb"), []);
  assert.deepEqual(decoder.decode("\r\nc\u001b[31m\u001b[201~d"), [
    { kind: "text", text: "a\nb\nc[31m", pasted: true },
    { kind: "text", text: "d", pasted: false },
  ]);
});

test("a line is edited by characters as people see them", () => {
  const line = new Line();
  line.insert("one two👨‍👩‍👧 e\u0301x");
  line.obey("left");
  line.obey("backspace");
  assert.equal(line.text, "one two👨‍👩‍👧 x");
  line.obey("left");
  line.obey("backspace");
  assert.equal(line.text, "one two x");
  line.obey("delete-word");
  assert.equal(line.text, "one  x");
  line.obey("yank");
  assert.equal(line.text, "one two x");
  line.obey("home");
  line.obey("delete-word-right");
  assert.equal(line.text, " two x");
  assert.equal(line.obey("nosuch"), false);
});

test("the history keeps no doubles and no secrets, and finds lines by how they begin", () => {
  const kept = new Map<string, string>([["history", '["ls","cd x","ls -l"]']]);
  const keep = {
    get: (name: string) => kept.get(name),
    set: (name: string, value: string) => void kept.set(name, value),
  };
  const history = new History(keep);
  history.add("cd x");
  history.add(" hidden");
  history.add("");
  assert.deepEqual(history.lines, ["ls", "ls -l", "cd x"]);
  assert.equal(kept.get("history"), '["ls","ls -l","cd x"]');
  assert.equal(history.older("ls"), "ls -l");
  assert.equal(history.older("ls -l"), "ls");
  assert.equal(history.older("ls"), undefined);
  assert.equal(history.newer(), "ls -l");
  assert.equal(history.newer(), "ls");
  assert.equal(history.suggestion("ls "), "ls -l");
  assert.equal(history.search("d")?.line, "cd x");
  assert.deepEqual(new History({ get: () => "{broken", set: () => undefined }).lines, []);
});

test("where the cursor stands after wide characters, full rows and line ends", () => {
  assert.deepEqual(layout("abc", 2, 10), { row: 0, column: 5 });
  assert.deepEqual(layout("abcdefgh", 2, 10), { row: 1, column: 0 });
  assert.deepEqual(layout("abcdefgh\nx", 2, 10), { row: 1, column: 1 });
  assert.deepEqual(layout("日本日本", 3, 10), { row: 1, column: 2 });
  assert.deepEqual(layout("a\nb", 2, 10), { row: 1, column: 1 });
  assert.equal(textWidth("e\u0301🏝日"), 5);
});

test("what files are called cannot move the cursor", () => {
  assert.equal(printable("a\u001b[2Jb\n\u202ec"), "a\\x1b[2Jb\\x0a\\u202ec");
});

/** An editor on a screen that keeps what is written. */
function editor(): {
  editor: Editor;
  shown: () => string;
  read: (offer?: string) => Promise<Entered>;
} {
  let written = "";
  const screen = {
    columns: 40,
    rows: 10,
    write: (text: string) => {
      written += text;
    },
  };
  const history = new History({ get: () => '["echo one"]', set: () => undefined });
  const made = new Editor(screen, {
    history,
    complete: (before) =>
      Promise.resolve(
        before === "he"
          ? { insert: "llo ", candidates: ["hello"] }
          : { insert: "", candidates: [] },
      ),
    isWhole: (text) => !text.endsWith("|"),
  });
  return {
    editor: made,
    shown: () => written,
    read: (offer) => made.read({ drawn: "$ ", width: 2 }, offer),
  };
}

test("a line is entered, completed, continued and taken from the history", async () => {
  const { editor: one, read } = editor();
  for (const [keys, text] of [
    ["abc\r", "abc"],
    ["he\tx\r", "hello x"],
    ["a |\rb\r", "a |\nb"],
    ["\u001b[A\r", "a |\nb"],
    ["ec\u001b[C!\r", "echo one!"],
    ["\u0012one\r", "echo one!"],
  ] as const) {
    const entered = read();
    one.input(keys);
    assert.deepEqual(await entered, { kind: "line", text });
  }
});

test("what is offered is taken with a tab or an arrow, and is gone with other text", async () => {
  const { editor: one, read, shown } = editor();
  let entered = read("holm run --dir .:ro cat a");
  assert.match(shown(), /holm run --dir \.:ro cat a/);
  one.input("\t\r");
  assert.deepEqual(await entered, { kind: "line", text: "holm run --dir .:ro cat a" });
  entered = read("holm run x");
  one.input("ls\r");
  assert.deepEqual(await entered, { kind: "line", text: "ls" });
});

test("Ctrl-C and Ctrl-D end a line", async () => {
  const { editor: one, read } = editor();
  let entered = read();
  one.input("abc\u0003");
  assert.deepEqual(await entered, { kind: "interrupted" });
  entered = read();
  one.input("\u0004");
  assert.deepEqual(await entered, { kind: "end" });
});
