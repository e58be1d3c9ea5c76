// A guest's worker: runs one program after the other, each with calls to the kernel's worker.

import { workerScope } from "../platform.js";
import type { FromGuest, GuestEnd, ToGuest } from "../protocol.js";
import { SharedChannel } from "./channel.js";
import { Encoder, GuestMemory } from "./encoder.js";
import { blockingImports, P1, suspendingImports } from "./imports.js";
import { type During, type Enter, EntryError, invoke } from "./invoke.js";
import { localFunctions } from "./local.js";
import { PortChannel } from "./port.js";
import { explainTrap, forgetLeaving, hasLeft, kindOf, STACK_LINES, trapPlaces } from "./trap.js";

type Run = Extract<ToGuest, { run: WebAssembly.Module }>;

Error.stackTraceLimit = STACK_LINES;
const scope = await workerScope<ToGuest, FromGuest>();
const guest = new GuestMemory();
const encoder = new Encoder(guest);
let port: MessagePort | undefined;
let channel: SharedChannel | PortChannel | undefined;

scope.listen((message) => {
  if ("connect" in message) {
    port = message.connect;
    channel =
      message.channel !== undefined && message.bell !== undefined
        ? new SharedChannel(message.channel, message.bell, port, encoder)
        : new PortChannel(port, encoder);
    return;
  }
  const { task } = message;
  void run(message).then((done) => {
    guest.attach(undefined);
    // The kernel first, so that it knows before the page asks it for the next.
    if (channel instanceof SharedChannel) {
      channel.announce();
    }
    port?.postMessage({ task, ended: done.end });
    scope.post({ done });
  });
});
scope.post({ ready: true });

/** Runs a program to its end. */
async function run(message: Run): Promise<GuestEnd> {
  if (channel === undefined) {
    return { end: "failed", kind: "protocol", message: "the worker is not connected" };
  }
  const { task } = message;
  const local = message.local === undefined ? {} : localFunctions(message.local, guest);
  let imports: WebAssembly.ModuleImports;
  let enter: Enter;
  if (channel instanceof SharedChannel) {
    const shared = channel;
    shared.reset();
    imports = blockingImports(encoder, (length) => shared.call(task, length), local);
    enter = (entry, ...values) => entry(...(values as never[]));
  } else {
    const messages = channel;
    imports = suspendingImports(encoder, (length) => messages.call(length), local);
    enter = (entry, ...values) => WebAssembly.promising(entry)(...values);
  }
  forgetLeaving();
  let during: During = "instantiation";
  try {
    const memory = message.memory;
    const imported = memory === undefined ? undefined : new WebAssembly.Memory(memory);
    guest.attach(imported);
    const given: WebAssembly.Imports = { [P1]: imports };
    if (memory !== undefined && imported !== undefined) {
      given[memory.module] = { ...given[memory.module], [memory.name]: imported };
    }
    const instance = new WebAssembly.Instance(message.run, given);
    if (instance.exports.memory instanceof WebAssembly.Memory) {
      guest.attach(instance.exports.memory);
    }
    const results = await invoke(instance, message.invoke, enter, (now) => {
      during = now;
    });
    return { end: "returned", results };
  } catch (error) {
    return ended(error, during);
  }
}

/** What is said of a trap outside of the program's entry, as natively. */
const PHASES: Readonly<Record<During, string>> = {
  instantiation: " while it was being set up (its start function or data segments)",
  initialisation: " in `_initialize`",
  entry: "",
};

/** What an error out of a guest says about its end. */
function ended(error: unknown, during: During): GuestEnd {
  if (hasLeft()) {
    return { end: "left" };
  }
  if (error instanceof EntryError) {
    return { end: "failed", kind: "entry", message: error.message };
  }
  if (error instanceof WebAssembly.LinkError) {
    return { end: "failed", kind: "imports", message: error.message };
  }
  if (error instanceof RangeError && /memory/i.test(error.message)) {
    return {
      end: "failed",
      kind: "memory",
      message: `there is no memory for it: ${error.message}`,
    };
  }
  const trap = explainTrap(error);
  if (trap === undefined) {
    return { end: "failed", kind: "guest", message: String(error) };
  }
  trap.message += PHASES[during];
  return { end: "trapped", trap, kind: kindOf(error), during, places: trapPlaces(error) };
}
