// Errno values of the host as the guest sees them: numbers of WASI 0.1.

/** Numbers of WASI 0.1 that this package answers itself. */
export const Errno = {
  access: 2,
  busy: 10,
  invalid: 28,
  io: 29,
  noEntry: 44,
  notSupported: 58,
  stale: 72,
} as const;

/**
 * The errno names of WASI 0.1 in their order, from 1. ENOTCAPABLE, the last, is its own. The
 * table is that of the native host: what has no twin is the nearest that has the same remedy.
 */
const NAMES =
  "2BIG ACCES ADDRINUSE ADDRNOTAVAIL AFNOSUPPORT AGAIN ALREADY BADF BADMSG BUSY CANCELED CHILD " +
  "CONNABORTED CONNREFUSED CONNRESET DEADLK DESTADDRREQ DOM DQUOT EXIST FAULT FBIG HOSTUNREACH " +
  "IDRM ILSEQ INPROGRESS INTR INVAL IO ISCONN ISDIR LOOP MFILE MLINK MSGSIZE MULTIHOP " +
  "NAMETOOLONG NETDOWN NETRESET NETUNREACH NFILE NOBUFS NODEV NOENT NOEXEC NOLCK NOLINK NOMEM " +
  "NOMSG NOPROTOOPT NOSPC NOSYS NOTCONN NOTDIR NOTEMPTY NOTRECOVERABLE NOTSOCK NOTSUP NOTTY " +
  "NXIO OVERFLOW OWNERDEAD PERM PIPE PROTO PROTONOSUPPORT PROTOTYPE RANGE ROFS SPIPE SRCH STALE " +
  "TIMEDOUT TXTBSY XDEV";

/** Other names of the host for one of WASI's. */
const ALIASES: Readonly<Record<string, string>> = {
  WOULDBLOCK: "AGAIN",
  OPNOTSUPP: "NOTSUP",
  TIME: "TIMEDOUT",
};

/** Linux has them, and Node has no names for them. */
const LINUX: Readonly<Record<number, string>> = {
  35: "DEADLK",
  70: "NOLINK",
  85: "INTR",
  96: "AFNOSUPPORT",
  108: "PIPE",
  112: "HOSTUNREACH",
  123: "NODEV",
  125: "CANCELED",
  130: "OWNERDEAD",
  131: "NOTRECOVERABLE",
};

/** A failure with a number of WASI 0.1, found by this package and not by the host. */
export class Refusal extends Error {
  constructor(readonly wasi: number) {
    super(`errno ${wasi}`);
  }
}

/**
 * Tells the errno of WASI 0.1 for what a function of `node:fs` threw; `numbers` are the host's
 * (`constants.errno` of `node:os`).
 */
export function errnoTable(
  numbers: Readonly<Record<string, number | undefined>>,
  platform: string,
): (error: unknown) => number {
  const found = fromHost(numbers, platform);
  return (error) => {
    if (error instanceof Refusal) {
      return error.wasi;
    }
    const { errno, code } = error as NodeJS.ErrnoException;
    if (typeof errno === "number") {
      return found.get(-errno) ?? Errno.io;
    }
    // Node's permission model; everything else that Node itself refuses is an argument.
    return code === "ERR_ACCESS_DENIED" ? Errno.access : Errno.invalid;
  };
}

function fromHost(
  numbers: Readonly<Record<string, number | undefined>>,
  platform: string,
): Map<number, number> {
  const wasi = new Map(NAMES.split(" ").map((name, index) => [name, index + 1]));
  const found = new Map<number, number>();
  const add = (number: number | undefined, name: string) => {
    const to = wasi.get(name);
    if (number !== undefined && to !== undefined && !found.has(number)) {
      found.set(number, to);
    }
  };
  for (const name of wasi.keys()) {
    add(numbers[`E${name}`], name);
  }
  for (const [alias, name] of Object.entries(ALIASES)) {
    add(numbers[`E${alias}`], name);
  }
  if (platform === "linux") {
    for (const [number, name] of Object.entries(LINUX)) {
      add(Number(number), name);
    }
  }
  return found;
}
