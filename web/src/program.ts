// Programs: getting their bytes, reading what the engine does not tell, and compiling them.

import { HolmError } from "./errors.js";
import { FUNCTIONS, SIGNATURES } from "./generated/p1.js";
import { P1 } from "./guest/imports.js";
import { RENAMED_START } from "./guest/invoke.js";
import { isNode, packageFile } from "./platform.js";
import type { Program } from "./types.js";

/** A memory that a program imports. */
export interface MemoryImport {
  module: string;
  name: string;
  initial: number;
  maximum?: number;
  shared: boolean;
}

/** A compiled program with what is known of it. */
export interface Compiled {
  module: WebAssembly.Module;
  memory?: MemoryImport;
  /** Types of the parameters of its exported functions; absent when only the module is known. */
  exports?: ReadonlyMap<string, string[]>;
  /** Bytes by which its code lies behind where it was in what was given. */
  moved?: number;
}

/** Pages of linear memory that any program may have. */
const PAGES_MAX = 65536;
const PAGE_BYTES = 65536;
const COMPONENT_LAYER = 1;
/** Bytes that an entry of a table is counted as, as natively. */
const ENTRY_BYTES = 16;
/** What the description of a table begins with whose entries have an initial value. */
const TABLE_WITH_VALUE = 0x40;
/** Sections that come after all that is looked at here: elements, code, data, and the count of data. */
const LATE_SECTIONS: readonly number[] = [9, 10, 11, 12];

/** Bytes of a program, read in order. */
class Reader {
  at: number;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) {
      throw new HolmError("program", "the program ends in the middle: it is cut off or damaged");
    }
    this.at += 1;
    return byte;
  }

  /** An unsigned number in LEB128, up to 64 bits of which JavaScript keeps 53. */
  number(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) {
        return value;
      }
    }
    throw new HolmError("program", "the program is damaged: a number in it does not end");
  }

  text(): string {
    const length = this.number();
    const text = new TextDecoder().decode(this.bytes.subarray(this.at, this.at + length));
    this.at += length;
    return text;
  }

  limits(): { initial: number; maximum?: number; shared: boolean } {
    const flags = this.byte();
    const initial = this.number();
    const shared = (flags & 2) !== 0;
    return (flags & 1) !== 0 ? { initial, maximum: this.number(), shared } : { initial, shared };
  }

  reference(): void {
    const byte = this.byte();
    if (byte === 0x63 || byte === 0x64) {
      this.number();
    }
  }
}

const VALUE_TYPES: Readonly<Record<number, string>> = {
  127: "i32",
  126: "i64",
  125: "f32",
  124: "f64",
};

interface Section {
  id: number;
  /** Where its header, its contents and what follows it begin. */
  start: number;
  content: number;
  end: number;
}

/** Fails unless bytes begin as a module does. */
function checkMagic(bytes: Uint8Array): void {
  const magic = [0x00, 0x61, 0x73, 0x6d];
  if (magic.some((byte, at) => bytes[at] !== byte)) {
    throw new HolmError("program", "it is no WebAssembly program: it does not begin with \\0asm", {
      help: "give the bytes of a .wasm file; a server that answers a missing file with a page is a common cause",
    });
  }
  if (bytes[6] === COMPONENT_LAYER) {
    throw new HolmError("program", "it is a component; this host runs modules (WASI 0.1)");
  }
}

function sections(bytes: Uint8Array): Section[] {
  checkMagic(bytes);
  const found: Section[] = [];
  const reader = new Reader(bytes, 8);
  while (reader.at < bytes.length) {
    const start = reader.at;
    const id = reader.byte();
    const length = reader.number();
    const content = reader.at;
    if (content + length > bytes.length) {
      throw new HolmError("program", "the program ends in the middle: it is cut off or damaged");
    }
    found.push({ id, start, content, end: content + length });
    reader.at = content + length;
  }
  return found;
}

/** Most bytes of a section's header: its id, and a length of 32 bits. */
const SECTION_HEADER_MAX = 6;

/** The sections before the late ones, once all bytes of them are there; `undefined` before. */
function earlySections(bytes: Uint8Array): Section[] | undefined {
  if (bytes.length < 8) {
    return undefined;
  }
  checkMagic(bytes);
  const found: Section[] = [];
  const reader = new Reader(bytes, 8);
  while (reader.at + SECTION_HEADER_MAX <= bytes.length) {
    const start = reader.at;
    const id = reader.byte();
    if (LATE_SECTIONS.includes(id)) {
      return found;
    }
    const length = reader.number();
    const content = reader.at;
    found.push({ id, start, content, end: content + length });
    reader.at = content + length;
  }
  return undefined;
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  do {
    const more = value >= 0x80;
    bytes.push((value & 0x7f) | (more ? 0x80 : 0));
    value = Math.floor(value / 0x80);
  } while (value > 0);
  return bytes;
}

/** A function's type, its parameters and results by name. */
interface FunctionType {
  parameters: string[];
  results: string[];
}

/** Functions that are imported come first in the index space. */
interface Shape {
  memory?: MemoryImport;
  imported: { module: string; name: string; type: number }[];
  functionTypes: number[];
  types: FunctionType[];
  exported: Map<string, number>;
  start?: number;
  /** Bytes of its own memories and its tables at the start. */
  memoryBytes: number;
}

function shape(bytes: Uint8Array, all: readonly Section[]): Shape {
  const found: Shape = {
    imported: [],
    functionTypes: [],
    types: [],
    exported: new Map(),
    memoryBytes: 0,
  };
  for (const section of all) {
    const reader = new Reader(bytes.subarray(0, section.end), section.content);
    switch (section.id) {
      case 1:
        readTypes(reader, found);
        break;
      case 2:
        readImports(reader, found);
        break;
      case 3:
        for (let left = reader.number(); left > 0; left -= 1) {
          found.functionTypes.push(reader.number());
        }
        break;
      case 4:
        for (let left = reader.number(); left > 0; left -= 1) {
          if (reader.bytes[reader.at] === TABLE_WITH_VALUE) {
            // Its initial value would have to be read to get to the next.
            break;
          }
          reader.reference();
          found.memoryBytes += reader.limits().initial * ENTRY_BYTES;
        }
        break;
      case 5:
        for (let left = reader.number(); left > 0; left -= 1) {
          found.memoryBytes += reader.limits().initial * PAGE_BYTES;
        }
        break;
      case 7:
        for (let left = reader.number(); left > 0; left -= 1) {
          const name = reader.text();
          const kind = reader.byte();
          const index = reader.number();
          if (kind === 0) {
            found.exported.set(name, index);
          }
        }
        break;
      case 8:
        found.start = reader.number();
        break;
      default:
        break;
    }
  }
  return found;
}

/** Function types; reading ends at the first type of another kind, which no p1 export has. */
function readTypes(reader: Reader, found: Shape): void {
  for (let left = reader.number(); left > 0; left -= 1) {
    if (reader.byte() !== 0x60) {
      return;
    }
    const list = () => {
      const types: string[] = [];
      for (let count = reader.number(); count > 0; count -= 1) {
        const byte = reader.byte();
        if (byte === 0x63 || byte === 0x64) {
          reader.number();
        }
        types.push(VALUE_TYPES[byte] ?? "reference");
      }
      return types;
    };
    found.types.push({ parameters: list(), results: list() });
  }
}

function readImports(reader: Reader, found: Shape): void {
  for (let left = reader.number(); left > 0; left -= 1) {
    const module = reader.text();
    const name = reader.text();
    switch (reader.byte()) {
      case 0:
        found.imported.push({ module, name, type: reader.number() });
        break;
      case 1:
        reader.reference();
        reader.limits();
        break;
      case 2:
        found.memory = { module, name, ...reader.limits() };
        break;
      case 3:
        reader.reference();
        reader.byte();
        break;
      default:
        reader.byte();
        reader.number();
        break;
    }
  }
}

/** Bytes with the sections replaced that `replace` answers for. */
function rebuilt(
  bytes: Uint8Array,
  all: readonly Section[],
  replace: (section: Section) => number[] | Uint8Array | undefined,
): Uint8Array<ArrayBuffer> {
  const parts: (number[] | Uint8Array)[] = [bytes.subarray(0, 8)];
  for (const section of all) {
    const content = replace(section);
    if (content === undefined) {
      parts.push(bytes.subarray(section.start, section.end));
    } else if (content.length > 0) {
      parts.push([section.id, ...leb(content.length)], content);
    }
  }
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A memory section whose memories have at most `pages` pages. */
function limited(bytes: Uint8Array, section: Section, pages: number): number[] {
  const reader = new Reader(bytes.subarray(0, section.end), section.content);
  const count = reader.number();
  const content = leb(count);
  for (let left = count; left > 0; left -= 1) {
    const flags = reader.bytes[reader.at] as number;
    const { initial, maximum } = reader.limits();
    // Several memories share what is granted.
    const most = Math.max(initial, Math.floor(pages / count));
    content.push(flags | 1, ...leb(initial), ...leb(Math.min(maximum ?? PAGES_MAX, most)));
  }
  return content;
}

function tooMuch(initial: number, pages: number): HolmError {
  const mebibytes = (count: number) => `${Math.ceil((count * PAGE_BYTES) / 2 ** 20)} MiB`;
  return new HolmError(
    "memory",
    `the program needs ${mebibytes(initial)} of memory to start, and may have ${mebibytes(pages)}`,
    { help: `grant more: --memory ${Math.ceil((initial * PAGE_BYTES) / 2 ** 20)}MiB` },
  );
}

/** The export section with one more export, a function. */
function withExport(bytes: Uint8Array, section: Section, name: string, index: number): number[] {
  const reader = new Reader(bytes.subarray(0, section.end), section.content);
  const count = reader.number();
  const text = new TextEncoder().encode(name);
  return [
    ...leb(count + 1),
    ...bytes.subarray(reader.at, section.end),
    ...leb(text.length),
    ...text,
    0,
    ...leb(index),
  ];
}

/**
 * Compiles a program. A start section becomes an export, so that the functions which it calls
 * find the program's memory; with a limit, its memories cannot grow beyond.
 */
export async function compile(program: Program, memoryBytes?: number): Promise<Compiled> {
  const given = await program;
  if (given instanceof WebAssembly.Module) {
    check(given);
    return compiledBefore.get(given) ?? { module: given };
  }
  const pages = Math.floor((memoryBytes ?? PAGES_MAX * PAGE_BYTES) / PAGE_BYTES);
  const source = await sourceOf(given as BufferSource | Blob | Response | URL | string);
  if (source instanceof Uint8Array) {
    return compileBytes(source, pages);
  }
  const streams = source.headers.get("content-type")?.startsWith("application/wasm") === true;
  if (!streams || pages < PAGES_MAX || source.body === null) {
    return compileBytes(new Uint8Array(await source.arrayBuffer()), pages);
  }
  return compileStream(source);
}

function compileBytes(given: Uint8Array<ArrayBuffer>, pages: number): Promise<Compiled> {
  const all = sections(given);
  const found = shape(given, all);
  const { start, memory } = found;
  const needed = found.memoryBytes + (memory?.initial ?? 0) * PAGE_BYTES;
  if (pages < PAGES_MAX && needed > pages * PAGE_BYTES) {
    throw tooMuch(needed / PAGE_BYTES, pages);
  }
  const moves = movesStart(all, found);
  let bytes = given;
  if (moves || pages < PAGES_MAX) {
    bytes = rebuilt(bytes, all, (section) => {
      if (section.id === 5 && pages < PAGES_MAX) {
        return limited(given, section, pages);
      }
      if (section.id === 8 && moves) {
        return [];
      }
      return section.id === 7 && start !== undefined
        ? withExport(given, section, RENAMED_START, start)
        : undefined;
    });
  }
  // Called at once: whoever gave the bytes may change them as soon as we wait.
  const compiled = known(found, pages, WebAssembly.compile(bytes));
  const moved = bytes.length - given.length;
  return moved === 0 ? compiled : compiled.then((known) => ({ ...known, moved }));
}

/** Compiles while the bytes come, unless what comes first shows that they must be changed. */
async function compileStream(response: Response): Promise<Compiled> {
  const reader = (response.clone().body as ReadableStream<Uint8Array>).getReader();
  let bytes = new Uint8Array(0);
  let early: Section[] | undefined;
  let whole = false;
  const more = async () => {
    const { done, value } = await reader.read();
    whole = done;
    if (value !== undefined) {
      const longer = new Uint8Array(bytes.length + value.length);
      longer.set(bytes);
      longer.set(value, bytes.length);
      bytes = longer;
    }
  };
  try {
    while (early === undefined && !whole) {
      await more();
      early = earlySections(bytes);
    }
  } catch (error) {
    void reader.cancel().catch(() => {});
    void response.body?.cancel().catch(() => {});
    throw error;
  }
  const found = early === undefined ? undefined : shape(bytes, early);
  void reader.cancel().catch(() => {});
  if (early === undefined || found === undefined || movesStart(early, found)) {
    return compileBytes(new Uint8Array(await response.arrayBuffer()), PAGES_MAX);
  }
  const module = WebAssembly.compileStreaming(response).catch((cause) => {
    // What the engine says of the program itself is for others to explain.
    if (cause instanceof WebAssembly.CompileError || cause instanceof RangeError) {
      throw cause;
    }
    throw new HolmError("download", `${response.url}: the download failed: ${String(cause)}`, {
      cause,
    });
  });
  return known(found, PAGES_MAX, module);
}

/** Whether a program's start section becomes an export. */
function movesStart(all: readonly Section[], found: Shape): boolean {
  return found.start !== undefined && all.some((section) => section.id === 7);
}

/** What is known of a program, with its module. */
async function known(
  found: Shape,
  pages: number,
  compiling: Promise<WebAssembly.Module>,
): Promise<Compiled> {
  const module = await explained(compiling);
  check(module);
  checkTypes(found);
  const { memory } = found;
  const exports = new Map<string, string[]>();
  const imported = found.imported.length;
  for (const [name, index] of found.exported) {
    const type =
      index < imported ? found.imported[index]?.type : found.functionTypes[index - imported];
    const known = type === undefined ? undefined : found.types[type];
    if (known !== undefined) {
      exports.set(name, known.parameters);
    }
  }
  if (memory !== undefined) {
    memory.maximum = Math.min(memory.maximum ?? pages, pages);
  }
  const result = memory === undefined ? { module, exports } : { module, exports, memory };
  compiledBefore.set(module, result);
  return result;
}

/** What is known of modules that were compiled here, for when only the module is given. */
const compiledBefore = new WeakMap<WebAssembly.Module, Compiled>();

/** The bytes of a program, or an answer that brings them. */
async function sourceOf(
  given: BufferSource | Blob | Response | URL | string,
): Promise<Uint8Array<ArrayBuffer> | Response> {
  if (given instanceof ArrayBuffer) {
    return new Uint8Array(given);
  }
  if (ArrayBuffer.isView(given)) {
    const { buffer, byteOffset, byteLength } = given;
    return buffer instanceof ArrayBuffer
      ? new Uint8Array(buffer, byteOffset, byteLength)
      : new Uint8Array(buffer, byteOffset, byteLength).slice();
  }
  if (given instanceof Blob) {
    return new Uint8Array(await given.arrayBuffer());
  }
  let response: Response | Uint8Array<ArrayBuffer>;
  if (typeof given === "string" || given instanceof URL) {
    try {
      response = await packageFile(isNode ? new URL(given, `file://${process.cwd()}/`) : given);
    } catch (cause) {
      throw new HolmError("download", `${given} could not be fetched: ${String(cause)}`, {
        help: "is the address right, and does its server allow other pages to read it (CORS)?",
        cause,
      });
    }
  } else {
    response = given as Response;
  }
  if (response instanceof Uint8Array) {
    return response;
  }
  if (!response.ok) {
    throw new HolmError("download", `${response.url}: the server answered ${response.status}`);
  }
  return response;
}

/** Features of the core language that engines have not had for ever, by the words they refuse with. */
const FEATURES: readonly [RegExp, string][] = [
  [
    /legacy|deprecated|invalid opcode (0x)?6\b|mixing|exnref|throw_ref|try_table/i,
    "exceptions: Chrome 137, Firefox 131, Safari 18.4 and Node 25 have the standard ones; a module with the older ones and the standard ones mixed runs nowhere",
  ],
  [
    /memory64|i64 index|0x0?4 .*limits|memory limits flags/i,
    "64-bit memories: Chrome 133, Firefox 134 and Node 24 have them",
  ],
  [/multi|memories/i, "several memories: Chrome 120, Firefox 125 and Node 22 have them"],
  [
    /extended.const|constant expression|opcode 0x6a|opcode 0x7c/i,
    "extended constant expressions: Chrome 114, Firefox 112 and Node 21 have them",
  ],
  [/relaxed/i, "relaxed SIMD: Chrome 114, Firefox 145 and Node 21 have it"],
  [/tail|return_call/i, "tail calls: Chrome 112, Firefox 121, Safari 18.2 and Node 20 have them"],
  [
    /gc|struct|rec group|0x5[0ef]|0x4e/i,
    "garbage collection: Chrome 119, Firefox 120, Safari 18.2 and Node 22 have it",
  ],
];

/** A module, or why the engine refuses it. */
async function explained(compiling: Promise<WebAssembly.Module>): Promise<WebAssembly.Module> {
  try {
    return await compiling;
  } catch (cause) {
    if (cause instanceof HolmError) {
      throw cause;
    }
    const words = cause instanceof Error ? cause.message : String(cause);
    if (/memory/i.test(words) && cause instanceof RangeError) {
      throw new HolmError("memory", `there is no memory to compile the program: ${words}`, {
        cause,
      });
    }
    const feature = FEATURES.find(([pattern]) => pattern.test(words))?.[1];
    throw new HolmError("program", `this engine refuses the program: ${words}`, {
      help:
        feature === undefined
          ? "it may be damaged, or use a feature that this engine does not have"
          : `it may use ${feature}`,
      cause,
    });
  }
}

/** Every import must be one that is there. */
function check(module: WebAssembly.Module): void {
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (
      kind === "memory" ||
      (from === P1 && kind === "function" && SIGNATURES[name] !== undefined)
    ) {
      continue;
    }
    const near = from === P1 ? nearest(name) : undefined;
    throw new HolmError(
      "imports",
      `the program imports the ${kind} ${from}.${name}, which nothing here provides`,
      {
        help:
          near === undefined
            ? `programs may import the functions of ${P1} (WASI 0.1)`
            : `${P1} has ${near}`,
      },
    );
  }
}

function nearest(name: string): string | undefined {
  const start = name.slice(0, 6);
  return FUNCTIONS.find((known) => known.startsWith(start));
}

const TYPE_LETTERS: Readonly<Record<string, string>> = { i32: "i", i64: "I" };

/** Every import must have the type that the standard gives it. */
function checkTypes(found: Shape): void {
  for (const { module, name, type } of found.imported) {
    const wanted = SIGNATURES[name];
    const given = found.types[type];
    if (module !== P1 || wanted === undefined || given === undefined) {
      continue;
    }
    const letters = given.parameters.map((one) => TYPE_LETTERS[one] ?? "?").join("");
    const results = name === "proc_exit" ? "" : "i32";
    if (letters !== wanted || given.results.join() !== results) {
      const shown = (types: readonly string[]) => `(${types.join(", ")})`;
      const right = [...wanted].map((letter) => (letter === "i" ? "i32" : "i64"));
      throw new HolmError(
        "imports",
        `the program imports ${P1}.${name} with a wrong type: ${shown(given.parameters)} -> ${shown(given.results)}`,
        {
          help: `the standard has ${shown(right)} -> (${results}); rebuild it with a newer toolchain`,
        },
      );
    }
  }
}

/** Fails unless there is something to run: a command, or the export that is to be called. */
export function checkEntry(compiled: Compiled, invoke: string | undefined): void {
  const functions = WebAssembly.Module.exports(compiled.module)
    .filter((one) => one.kind === "function" && one.name !== RENAMED_START)
    .map((one) => one.name);
  const shown = functions.slice(0, 20).join(", ") || "none";
  if (invoke !== undefined) {
    if (!functions.includes(invoke)) {
      throw new HolmError("program", `the program has no function ${invoke} to call`, {
        help: `its functions: ${shown}`,
      });
    }
    return;
  }
  if (!functions.includes("_start") && !functions.includes("_initialize")) {
    throw new HolmError("program", "the program has no _start: it is a library, not a command", {
      help: `name an export to call: { invoke }; its functions: ${shown}`,
    });
  }
  const parameters = compiled.exports?.get("_start") ?? [];
  if (parameters.length > 0) {
    throw new HolmError(
      "program",
      `the program's _start takes (${parameters.join(", ")}), and a command's takes nothing`,
    );
  }
}
