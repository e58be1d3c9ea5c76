// Archives that cases read, made here: a small tree in several formats, and one large file.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";

/** A file, and one in a directory. */
const TREE = { "hello.txt": "hello from an archive\n", "sub/deep.txt": "deep\n" };

/** Bytes of the large file of `large.tar`, of which a case reads little. */
const LARGE = 16 << 20;

/** Writes the archives to a folder. */
export async function writeFixtures(folder) {
  await mkdir(folder, { recursive: true });
  const small = tar(TREE);
  const noise = Buffer.alloc(LARGE);
  for (let at = 0, state = 1; at < LARGE; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    noise.writeUInt32LE(state, at);
  }
  const files = {
    "tree.tar": small,
    "tree.tar.gz": gzipSync(small),
    "tree.zip": zip(TREE),
    "large.tar": tar({ "noise.bin": noise, ...TREE }),
    "large.zip": zip({ "noise.bin": noise, ...TREE }),
    "broken.zip": zip(TREE).subarray(0, 60),
  };
  for (const [name, bytes] of Object.entries(files)) {
    await writeFile(join(folder, name), bytes);
  }
}

function tar(files) {
  const parts = [];
  for (const [name, content] of Object.entries(files)) {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write("0000644\0", 100);
    header.write("0000000\0", 108);
    header.write("0000000\0", 116);
    header.write(`${bytes.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000000000\0", 136);
    header.write("        0", 148);
    header.write("ustar\x0000", 257);
    const sum = header.reduce((sum, byte) => sum + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    parts.push(header, bytes, Buffer.alloc(-bytes.length & 511));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function zip(files) {
  const parts = [];
  const entries = [];
  let at = 0;
  for (const [name, content] of Object.entries(files)) {
    const bytes = Buffer.from(content);
    const squeezed = deflateRawSync(bytes);
    const stored = squeezed.length >= bytes.length;
    const body = stored ? bytes : squeezed;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(stored ? 0 : 8, 4);
    fields.writeUInt16LE(0x21, 8);
    fields.writeUInt32LE(crc32(bytes), 10);
    fields.writeUInt32LE(body.length, 14);
    fields.writeUInt32LE(bytes.length, 18);
    fields.writeUInt16LE(name.length, 22);
    parts.push(Buffer.from("PK\x03\x04"), fields, Buffer.from(name), body);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    entries.push(Buffer.from("PK\x01\x02\x14\x00"), fields, place, Buffer.from(name));
    at += 30 + name.length + body.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(Object.keys(files).length, 8);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, directory, end]);
}
