// The shell's language: what lines mean, and what is wrong with those that mean nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { textOf } from "../../src/shell/expand.js";
import { parse, quote, SyntaxProblem, type Word } from "../../src/shell/syntax.js";

const variables: Record<string, string> = { HOME: "/home", X: "a b", "?": "7" };
const surroundings = {
  variable: (name: string) => variables[name],
  home: "/home",
  directory: "/home",
  files: { list: () => Promise.resolve([]) },
};
const values = (words: readonly Word[]): string[] =>
  words.map((word) => textOf(word, surroundings));

/** A line as its pipelines, each as its commands, each as its words. */
function words(line: string): string[][][] {
  return parse(line).map((pipeline) => pipeline.commands.map((command) => values(command.words)));
}

test("words, quotes and escapes", () => {
  assert.deepEqual(words("a  b\tc"), [[["a", "b", "c"]]]);
  assert.deepEqual(words(`echo 'a b' "c d" e\\ f ''`), [[["echo", "a b", "c d", "e f", ""]]]);
  assert.deepEqual(words(`echo a'b'"c"d`), [[["echo", "abcd"]]]);
  assert.deepEqual(words(String.raw`echo "a\"b\\c\n" 'x\y'`), [
    [["echo", String.raw`a"b\c\n`, String.raw`x\y`]],
  ]);
  assert.deepEqual(words("echo a # b c"), [[["echo", "a"]]]);
  assert.deepEqual(words("echo a#b"), [[["echo", "a#b"]]]);
  assert.deepEqual(words(""), []);
  assert.deepEqual(words("   # only this"), []);
});

test("variables", () => {
  assert.deepEqual(words("echo $HOME ${HOME}x $X '$HOME' \"$HOME/$NONE\" $? $ 5$"), [
    [["echo", "/home", "/homex", "a b", "$HOME", "/home/", "7", "$", "5$"]],
  ]);
  assert.deepEqual(words("cd ~ ~/a a~ '~'"), [[["cd", "/home", "/home/a", "a~", "~"]]]);
});

test("pipelines and lists", () => {
  assert.deepEqual(words("a | b c|d"), [[["a"], ["b", "c"], ["d"]]]);
  assert.deepEqual(
    parse("a && b || c; d\ne").map((each) => each.when),
    ["always", "success", "failure", "always", "always"],
  );
  assert.deepEqual(words("a |\n b"), [[["a"], ["b"]]]);
  assert.deepEqual(words("a;"), [[["a"]]]);
});

test("redirections", () => {
  const [pipeline] = parse("a <in >out 2>> log 2>&1 b");
  const [command] = pipeline?.commands ?? [];
  assert.ok(command);
  assert.deepEqual(values(command.words), ["a", "b"]);
  assert.deepEqual(
    command.redirects.map(({ stream, kind, target }) => [
      stream,
      kind,
      target ? values([target])[0] : "",
    ]),
    [
      [0, "read", "in"],
      [1, "write", "out"],
      [2, "append", "log"],
      [2, "stdout", ""],
    ],
  );
  assert.deepEqual(
    parse("a &> f")[0]?.commands[0]?.redirects.map((each) => each.kind),
    ["write", "stdout"],
  );
});

test("assignments stand in front of the command only", () => {
  const [command] = parse("A=1 B='x y' run C=2")[0]?.commands ?? [];
  assert.deepEqual(
    command?.assignments.map(({ name, value }) => [name, values([value])[0]]),
    [
      ["A", "1"],
      ["B", "x y"],
    ],
  );
  assert.deepEqual(values(command?.words ?? []), ["run", "C=2"]);
});

test("where commands stand in the line", () => {
  const line = "one  a | two 'b c' > f ; three";
  const texts = parse(line).flatMap((each) =>
    each.commands.map(({ start, end }) => line.slice(start, end)),
  );
  assert.deepEqual(texts, ["one  a", "two 'b c' > f", "three"]);
});

test("what is not of the language says so, and whether more could mend it", () => {
  const problem = (line: string): SyntaxProblem => {
    try {
      parse(line);
    } catch (error) {
      assert.ok(error instanceof SyntaxProblem, String(error));
      return error;
    }
    throw new Error(`${line} is taken`);
  };
  for (const line of ["echo 'a", 'echo "a', "a |", "a &&", "a > ", "a \\", "echo ${HOME"]) {
    assert.equal(problem(line).incomplete, true, line);
  }
  for (const line of [
    "| a",
    "&& a",
    "a | | b",
    "a &",
    "echo $(b)",
    "echo `b`",
    "; a",
    "a > | b",
    "echo ${}",
  ]) {
    assert.equal(problem(line).incomplete, false, line);
  }
});

test("a quoted text is one word again", () => {
  for (const text of ["", "a", "a b", "it's", "$HOME", "a\nb", "--dir=/x:ro", "`;|&<>", "日本 🏝"]) {
    assert.deepEqual(words(`x ${quote(text)}`), [[["x", text]]]);
  }
});
