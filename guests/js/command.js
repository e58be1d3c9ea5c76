// Arguments, the environment, standard streams and a file: prints what it was given, and writes it to /d/file.

import { getArguments, getEnvironment } from 'wasi:cli/environment@0.2.12';
import { exit } from 'wasi:cli/exit@0.2.12';
import { getStdin } from 'wasi:cli/stdin@0.2.12';
import { getStdout } from 'wasi:cli/stdout@0.2.12';
import { getDirectories } from 'wasi:filesystem/preopens@0.2.12';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function input() {
  const stream = getStdin();
  let text = '';
  for (;;) {
    try {
      text += decoder.decode(stream.blockingRead(4096n), { stream: true });
    } catch (error) {
      if (error.payload?.tag === 'closed') return text;
      throw error;
    }
  }
}

function throughFile(text) {
  const [directory] = getDirectories().find(([, name]) => name === '/d');
  const file = directory.openAt({}, 'file', { create: true, truncate: true }, { read: true, write: true });
  const bytes = encoder.encode(text);
  const written = file.write(bytes, 0n);
  const [read] = file.read(1024n, 0n);
  if (written !== BigInt(bytes.length)) throw new Error(`${written} of ${bytes.length} bytes were written`);
  try {
    directory.openAt({}, '../file', {}, { read: true });
  } catch (error) {
    return `${decoder.decode(read)}outside: ${error.payload}\n`;
  }
  throw new Error('a file outside was opened');
}

export const run = {
  run() {
    const [, ...words] = getArguments();
    const variables = getEnvironment().map(([name, value]) => `${name}=${value}`);
    const text = `arguments: ${words.join(', ')}\nenvironment: ${variables.join(', ')}\ninput: ${input()}\n`;
    const stream = getStdout();
    stream.blockingWriteAndFlush(encoder.encode(throughFile(text)));
    if (words.includes('fail')) exit({ tag: 'err' });
  },
};
