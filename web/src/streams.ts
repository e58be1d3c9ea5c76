// A process's standard streams as streams of the web, with the kernel's flow control.

/** Bytes that a page's stream holds before the process must wait. */
const HELD_BYTES = 256 << 10;

/** How streams reach the kernel. */
export interface StreamLink {
  credit(stream: number, bytes: number): void;
  /** Gives bytes; rejects when nobody takes them any more. */
  give(stream: number, bytes: Uint8Array): Promise<void>;
  close(stream: number): void;
}

/** What comes from a stream of the kernel. */
export interface Source {
  readable: ReadableStream<Uint8Array>;
  output(bytes: Uint8Array): void;
  closed(): void;
}

/** A stream from the kernel to the page. */
export function source(stream: number, link: StreamLink): Source {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let owed = 0;
  let over = false;
  const readable = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      pull(given) {
        const wanted = (given.desiredSize ?? 0) - owed;
        if (wanted > 0) {
          owed += wanted;
          link.credit(stream, wanted);
        }
      },
      cancel() {
        over = true;
        link.close(stream);
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: HELD_BYTES }),
  );
  return {
    readable,
    output(bytes) {
      owed -= bytes.length;
      if (!over) {
        controller?.enqueue(bytes);
      }
    },
    closed() {
      if (!over) {
        over = true;
        controller?.close();
      }
    },
  };
}

/** A stream that has ended. */
export function ended(): ReadableStream<never> {
  return new ReadableStream({ start: (controller) => controller.close() });
}

/** A stream from the page to the kernel. */
export function sink(stream: number, link: StreamLink): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>(
    {
      async write(bytes, controller) {
        try {
          if (bytes.length > 0) {
            await link.give(stream, bytes);
          }
        } catch (error) {
          controller.error(error);
        }
      },
      close: () => link.close(stream),
      abort: () => link.close(stream),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: HELD_BYTES }),
  );
}

/** A stream to nobody. */
export function closed(): WritableStream<Uint8Array> {
  return new WritableStream({
    write: (_bytes, controller) => controller.error(new Error("standard input is closed")),
  });
}

/** All text of a stream. */
export async function textOf(readable: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const reader = readable.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}
