// Where the streams of commands come from and lead to.

/** Takes what a command writes. */
export interface Sink {
  write(data: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Nobody reads what is written any more: the reader of a pipe has ended. */
export class BrokenPipe extends Error {
  override name = "BrokenPipe";
}

/** A stream that a command reads: a pipe or a file. */
export type Source = ReadableStream<Uint8Array>;

const encoder = new TextEncoder();

/** Most bytes that a redirection collects: files of the system are written whole. */
const COLLECTED_MOST = 512 * 1024 * 1024;

/** A sink that draws, with the line ends of a terminal. */
export function screenSink(write: (text: string | Uint8Array) => Promise<void>): Sink {
  const decoder = new TextDecoder();
  return {
    write: (data) => write(decoder.decode(data, { stream: true }).replace(/\r?\n/g, "\r\n")),
    close: () => Promise.resolve(),
  };
}

/** A sink that writes a file when it is closed. */
export function fileSink(save: (data: Blob) => Promise<void>, earlier?: Uint8Array): Sink {
  const parts: BlobPart[] = earlier ? [earlier.slice()] : [];
  let size = earlier?.byteLength ?? 0;
  let closed = false;
  return {
    write(data) {
      size += data.byteLength;
      if (size > COLLECTED_MOST) throw new Error("more than 512 MiB were written to one file");
      parts.push(data.slice());
      return Promise.resolve();
    },
    async close() {
      if (closed) return;
      closed = true;
      await save(new Blob(parts));
    },
  };
}

/** A pipe between two commands. */
export function pipe(): { sink: Sink; source: Source } {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(undefined, {
    highWaterMark: 64 * 1024,
    size: (chunk) => chunk.byteLength,
  });
  const writer = writable.getWriter();
  // A reader that ends early breaks the pipe; the writer learns it from its next write.
  writer.closed.catch(() => undefined);
  return {
    sink: {
      write: (data) =>
        writer.write(data).catch(() => {
          throw new BrokenPipe("the reader of the pipe has ended");
        }),
      close: () => writer.close().catch(() => undefined),
    },
    source: readable,
  };
}

/** A stream of bytes that are here already. */
export function sourceOf(data: Uint8Array): Source {
  return new ReadableStream({
    start(controller) {
      if (data.byteLength > 0) controller.enqueue(data);
      controller.close();
    },
  });
}

/** Moves everything from a stream to a sink; stops where the reader of a pipe has ended. */
export async function pump(source: ReadableStream<Uint8Array>, sink: Sink): Promise<void> {
  const reader = source.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      await sink.write(value);
    }
  } catch (error) {
    await reader.cancel(error).catch(() => undefined);
    if (!(error instanceof BrokenPipe)) throw error;
  } finally {
    reader.releaseLock();
  }
}

/** Writes text. */
export function writeText(sink: Sink, text: string): Promise<void> {
  return sink.write(encoder.encode(text));
}

/** Reads a stream to its end, as text of at most so many bytes. */
export async function readAll(
  source: Source | undefined,
  most = 64 * 1024 * 1024,
): Promise<Uint8Array> {
  if (!source) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = source.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > most) throw new Error("more input than fits into memory");
    parts.push(value);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}
