// Options, grants, and the line that is offered after a refusal.

import assert from "node:assert/strict";
import { test } from "node:test";
import { explained, GrantBook } from "../../src/shell/grants.js";
import { mergeGrants, readOptions, UsageProblem, withDirectory } from "../../src/shell/options.js";
import { rerunLine } from "../../src/shell/rerun.js";
import { parse } from "../../src/shell/syntax.js";

const context = { directory: "/home/a", variable: (name: string) => ({ LANG: "C" })[name] };
const grantsOf = (...words: string[]): string[] => readOptions(words, context).options.grants;

test("folders of options are made whole, and seen under the name they were given", () => {
  assert.deepEqual(grantsOf("--dir", ".:ro"), ["--dir /home/a::.:ro"]);
  assert.deepEqual(grantsOf("--dir=/data"), ["--dir /data"]);
  assert.deepEqual(grantsOf("--dir", "../b::/b:cow"), ["--dir /home/b::/b:cow"]);
  assert.deepEqual(grantsOf("--dir", "my data"), ["--dir '/home/a/my data::my data'"]);
  assert.deepEqual(grantsOf("--mount", "x.tar::/x"), ["--mount /home/a/x.tar::/x"]);
});

test("other options", () => {
  const { options, taken } = readOptions(
    [
      "--env",
      "LANG",
      "--env=A=b c",
      "--memory",
      "64MiB",
      "--trace",
      "--quiet",
      "prog",
      "--dir",
      "x",
    ],
    context,
  );
  assert.deepEqual(options.grants, ["--env LANG=C", "--env 'A=b c'", "--memory 64MiB"]);
  assert.equal(taken, 7);
  assert.equal(options.trace && options.quiet && !options.stats, true);
  assert.equal(readOptions(["--", "--x"], context).taken, 1);
  assert.throws(() => readOptions(["--nosuch"], context), UsageProblem);
  assert.throws(() => readOptions(["--dir"], context), UsageProblem);
});

test("of two grants about the same thing the later one counts", () => {
  assert.deepEqual(
    mergeGrants([
      "--dir /home:ro",
      "--env A=1",
      "--memory 1MiB",
      "--dir /x::/home:rw",
      "--env A=2",
      "--env B=1",
    ]),
    ["--memory 1MiB", "--dir /x::/home:rw", "--env A=2", "--env B=1"],
  );
  const book = new GrantBook();
  book.add(["--dir /home:ro"]);
  book.add(["--dir /home:rw"], "python");
  assert.deepEqual(book.of("python"), ["--dir /home:rw"]);
  assert.deepEqual(book.of("cat"), ["--dir /home:ro"]);
  assert.equal(book.remove("--dir /home:ro"), true);
  assert.deepEqual(book.of("cat"), []);
});

test("a granted folder that one is in is seen as the current folder, with no more rights", () => {
  assert.deepEqual(withDirectory(["--dir /home:ro"], "/home/a"), [
    "--dir /home:ro",
    "--dir /home/a::.:ro",
  ]);
  assert.deepEqual(withDirectory(["--dir /home"], "/home"), ["--dir /home", "--dir /home::."]);
  for (const grants of [
    [],
    ["--dir /homes:ro"],
    ["--dir /home::/x:ro"],
    ["--dir /home:rw", "--dir /tmp::.:ro"],
  ]) {
    assert.deepEqual(withDirectory(grants, "/home/a"), grants);
  }
});

test("remedies are taken from the sentences, with folders of this system", async () => {
  const folders = new Set(["/home", "/home/a/data"]);
  const { remedies, sentences } = await explained(
    [
      "refused: read /notes.txt: nothing is granted there. To allow it: --dir .::/:ro",
      "refused: change /home/x: nothing is granted there. To allow it: --dir HOST_DIR::/home:rw",
      "refused: read /data/x: nothing is granted there. To allow it: --dir HOST_DIR::/data:ro",
      "refused: read /nosuch/x: nothing is granted there. To allow it: --dir HOST_DIR::/nosuch:ro",
      "refused: read /home/y: nothing is granted there. To allow it: --dir ./home::/home:ro",
      "refused: more than 64 open descriptors. To allow more: --max-fds 128",
      'refused: "a" leads out of the directory it is relative to. No option allows that',
    ],
    "/home/a",
    (path) => Promise.resolve(folders.has(path)),
  );
  assert.deepEqual(remedies, [
    "--dir .:ro",
    "--dir /home:rw",
    "--dir /home/a/data::/data:ro",
    "--dir /home:ro",
    "--max-fds 128",
  ]);
  assert.equal(
    sentences[4],
    "refused: read /home/y: nothing is granted there. To allow it: --dir /home:ro",
  );
  assert.match(sentences[3] ?? "", /HOST_DIR/);
});

test("the offered line grants where the command stands, and only there", () => {
  const offer = (line: string, remedy: string, at = 0): string => {
    const pipeline = parse(line).find((each) => each.commands.length > at)?.commands ?? [];
    const command = pipeline[at];
    assert.ok(command);
    return rerunLine(line, pipeline, command, [remedy]);
  };
  assert.equal(offer("cat a", "--dir .:ro"), "holm run --dir .:ro cat a");
  assert.equal(
    offer("hello | cat - a > b", "--dir .:ro", 1),
    "hello | holm run --dir .:ro cat - a > b",
  );
  assert.equal(
    offer("rm x; hello | cat a && echo", "--dir .:ro", 1),
    "hello | holm run --dir .:ro cat a",
  );
  assert.equal(offer("A=1 cat a", "--dir .:ro"), "A=1 holm run --dir .:ro cat a");
  assert.equal(offer("holm run cat a", "--dir .:ro"), "holm run --dir .:ro cat a");
  assert.equal(
    offer("holm run --dir .:ro --quiet files .", "--dir .:rw"),
    "holm run --dir .:rw --quiet files .",
  );
  assert.equal(offer("holm run --dir=/x:ro files", "--dir /x:rw"), "holm run --dir /x:rw files");
});
