// Writes system calls as records, with the ranges of guest memory that they read.
//
// The layout is that of crates/host-web/src/wire.rs; what each function reads is generated
// from the Rust tables.

import {
  REGION_HEADER,
  REQUEST_HEADER,
  TRANSFER_BYTES,
  VECTOR_SIZE,
  VECTORS_MAX,
} from "../generated/p1.js";

/** Bytes of a page of linear memory, as a shift. */
const PAGE_SHIFT = 16;

/** The memory of a guest, whose buffer changes when it grows. */
export class GuestMemory {
  #memory: WebAssembly.Memory | undefined;
  #shared = false;
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);

  attach(memory: WebAssembly.Memory | undefined): void {
    this.#memory = memory;
    this.#renew(memory?.buffer ?? new ArrayBuffer(0));
  }

  /**
   * Looks whether the memory has grown: once at the start of each call. Growing leaves the old
   * buffer without bytes, which costs less to see than asking for the new one; shared memory
   * keeps its old buffers.
   */
  refresh(): void {
    if (this.bytes.length === 0 || this.#shared) {
      const buffer = this.#memory?.buffer;
      if (buffer !== undefined && buffer !== this.bytes.buffer) {
        this.#renew(buffer);
      }
    }
  }

  #renew(buffer: ArrayBufferLike): void {
    this.#shared = !(buffer instanceof ArrayBuffer);
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }

  /** Whether a range is inside; a range of no bytes always is. */
  has(at: number, length: number): boolean {
    return length === 0 || at + length <= this.bytes.length;
  }
}

/** Writes one request after the other into a buffer. */
export class Encoder {
  readonly guest: GuestMemory;
  #bytes: Uint8Array = new Uint8Array(0);
  #words: Int32Array = new Int32Array(0);
  #longs: BigInt64Array = new BigInt64Array(0);
  #used = 0;

  constructor(guest: GuestMemory) {
    this.guest = guest;
  }

  /** Where requests are written: from `base` on, a multiple of 8. */
  target(buffer: ArrayBufferLike, base: number, length: number): void {
    this.#bytes = new Uint8Array(buffer, base, length);
    this.#words = new Int32Array(buffer, base, length >> 2);
    this.#longs = new BigInt64Array(buffer, base, length >> 3);
  }

  begin(index: number): void {
    this.guest.refresh();
    const words = this.#words;
    words[0] = index;
    words[1] = 0;
    words[2] = this.guest.bytes.length >>> PAGE_SHIFT;
    this.#used = REQUEST_HEADER;
  }

  i32(position: number, value: number): void {
    this.#words[4 + 2 * position] = value;
  }

  i64(position: number, value: bigint): void {
    this.#longs[2 + position] = value;
  }

  /** Completes the request; answers its length. */
  finish(): number {
    this.#words[3] = this.#used;
    return this.#used;
  }

  /** `count` records of `size` bytes; more than `most` are refused without being read. */
  records(at: number, count: number, size: number, most: number): void {
    at >>>= 0;
    count >>>= 0;
    if (count > 0 && count <= most && this.guest.has(at, count * size)) {
      this.#region(at, count * size);
    }
  }

  /** An array of vectors whose bytes the call writes. */
  buffers(at: number, count: number): void {
    this.#vectors(at >>> 0, count >>> 0);
  }

  /** An array of vectors with the bytes that they name. */
  data(at: number, count: number): void {
    const start = this.#vectors(at >>> 0, count >>> 0);
    if (start < 0) {
      return;
    }
    const words = this.#words;
    for (let vector = 0; vector < count >>> 0; vector += 1) {
      const place = (start + vector * VECTOR_SIZE) >> 2;
      const length = words[place + 1] as number;
      if (length > 0) {
        this.#region((words[place] as number) >>> 0, length);
      }
    }
  }

  /**
   * Copies an array of vectors, cut so that they name no more bytes than one call moves;
   * answers where the copy is, or -1 when the call will fail before it moves a byte.
   */
  #vectors(at: number, count: number): number {
    const guest = this.guest;
    if (count === 0 || count > VECTORS_MAX || !guest.has(at, count * VECTOR_SIZE)) {
      return -1;
    }
    const view = guest.view;
    let inside = true;
    for (let place = at; place < at + count * VECTOR_SIZE; place += VECTOR_SIZE) {
      inside &&= guest.has(view.getUint32(place, true), view.getUint32(place + 4, true));
    }
    const start = this.#used + REGION_HEADER;
    this.#region(at, count * VECTOR_SIZE);
    if (!inside) {
      return -1;
    }
    const words = this.#words;
    let room = TRANSFER_BYTES;
    for (let vector = 0; vector < count; vector += 1) {
      const place = ((start + vector * VECTOR_SIZE) >> 2) + 1;
      const length = (words[place] as number) >>> 0;
      words[place] = Math.min(length, room);
      room -= Math.min(length, room);
    }
    return start;
  }

  #region(at: number, length: number): void {
    const place = this.#used >> 2;
    this.#words[place] = at;
    this.#words[place + 1] = length;
    const start = this.#used + REGION_HEADER;
    const source = this.guest.bytes;
    if (length <= 32) {
      for (let offset = 0; offset < length; offset += 1) {
        this.#bytes[start + offset] = source[at + offset] as number;
      }
    } else {
      this.#bytes.set(source.subarray(at, at + length), start);
    }
    this.#used = (start + length + 7) & ~7;
    this.#words[1] = (this.#words[1] as number) + 1;
  }
}
