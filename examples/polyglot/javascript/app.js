// Tells about a page and draws around some points: imports `report` (Rust) and `geometry` (C++), exports a command.
//
// The page's URL is its argument, or POLYGLOT_URL in the environment.

import { getArguments, getEnvironment } from 'wasi:cli/environment@0.2.12';
import { getStdout } from 'wasi:cli/stdout@0.2.12';
import { area, convexHull } from 'example:polyglot/geometry@0.1.0';
import { page } from 'example:polyglot/report@0.1.0';

const POINTS = [
  { x: 0, y: 0 },
  { x: 4, y: 0 },
  { x: 2, y: 1 },
  { x: 4, y: 3 },
  { x: 1, y: 2 },
  { x: 0, y: 3 },
];

// UTF-8 by hand: this engine is the language alone, without TextEncoder.
function utf8(text) {
  return Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0));
}

function print(line) {
  getStdout().blockingWriteAndFlush(utf8(`${line}\n`));
}

function url() {
  const given = getArguments()[1];
  if (given !== undefined) return given;
  const found = getEnvironment().find(([name]) => name === 'POLYGLOT_URL');
  return found?.[1];
}

function tellPage(where) {
  const summary = page(where);
  print(`${where}: status ${summary.status}, ${summary.bytes} bytes, ${summary.words} words`);
  for (const [word, count] of summary.frequent) print(`  ${word}: ${count}`);
}

function tellPoints() {
  const hull = convexHull(POINTS);
  const corners = hull.map(({ x, y }) => `(${x}, ${y})`).join(' ');
  print(`the hull of ${POINTS.length} points: ${corners}, area ${area(hull)}`);
}

export const run = {
  run() {
    const where = url();
    if (where === undefined) {
      print('which URL? Give it as an argument, or as POLYGLOT_URL.');
      throw undefined;
    }
    tellPoints();
    try {
      tellPage(where);
    } catch (error) {
      // What a component answers with `err` arrives as an exception with the value.
      const failure = error.payload;
      if (failure === undefined) throw error;
      print(`${where}: ${failure.tag}${failure.val === undefined ? '' : `: ${failure.val}`}`);
      throw undefined;
    }
  },
};
