// Views of the kernel's memory, for functions that it imports.

import type { Path } from "./names.js";

/** Views of a memory, made anew when it has grown. */
export class Views {
  readonly #memory: () => WebAssembly.Memory;
  #bytes = Buffer.alloc(0);
  #words = new Uint32Array(0);
  #longs = new BigUint64Array(0);
  #floats = new Float64Array(0);

  constructor(memory: () => WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** A memory that has grown leaves its old buffer with no bytes. */
  #fresh(): void {
    if (this.#bytes.length === 0) {
      const { buffer } = this.#memory();
      this.#bytes = Buffer.from(buffer);
      this.#words = new Uint32Array(buffer);
      this.#longs = new BigUint64Array(buffer);
      this.#floats = new Float64Array(buffer);
    }
  }

  get bytes(): Buffer {
    this.#fresh();
    return this.#bytes;
  }

  get words(): Uint32Array {
    this.#fresh();
    return this.#words;
  }

  get longs(): BigUint64Array {
    this.#fresh();
    return this.#longs;
  }

  get floats(): Float64Array {
    this.#fresh();
    return this.#floats;
  }

  text(at: number, length: number): string {
    return this.bytes.toString("utf8", at, at + length);
  }

  /** A name: text, or its bytes when it is not UTF-8. */
  name(at: number, length: number): Path {
    const name = this.text(at, length);
    return name.includes("\ufffd") ? Buffer.from(this.bytes.subarray(at, at + length)) : name;
  }

  /** The buffers that `count` pairs of an address and a length speak of. */
  vectors(at: number, count: number): Buffer[] {
    const { words, bytes } = this;
    const first = at >>> 2;
    return Array.from({ length: count }, (_, index) => {
      const start = words[first + 2 * index] as number;
      return bytes.subarray(start, start + (words[first + 2 * index + 1] as number));
    });
  }
}
