// The other end of a message port that does nothing but answer, and a worker that suspends on it:
// the least that a system call through messages can cost.

import { serve } from "./scope.js";

/** `(module (import "e" "f" (func $f)) (func (export "run") (param i32) (loop (call $f) ...)))` */
const LOOP = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x60, 0x00, 0x00, 0x60, 0x01,
  0x7f, 0x00, 0x02, 0x07, 0x01, 0x01, 0x65, 0x01, 0x66, 0x00, 0x00, 0x03, 0x02, 0x01, 0x01, 0x07,
  0x07, 0x01, 0x03, 0x72, 0x75, 0x6e, 0x00, 0x01, 0x0a, 0x12, 0x01, 0x10, 0x00, 0x03, 0x40, 0x10,
  0x00, 0x20, 0x00, 0x41, 0x01, 0x6b, 0x22, 0x00, 0x0d, 0x00, 0x0b, 0x0b,
]);

serve(async ({ port, echo, count }) => {
  if (echo) {
    port.onmessage = (event) => port.postMessage(event.data);
    return {};
  }
  if (typeof WebAssembly.Suspending !== "function") {
    return { leftOut: "this engine has no JSPI" };
  }
  const request = new Uint8Array(104);
  let answered;
  port.onmessage = () => answered();
  const call = () =>
    new Promise((resolve) => {
      answered = resolve;
      port.postMessage(request.slice());
    });
  const module = new WebAssembly.Module(LOOP);
  const instance = new WebAssembly.Instance(module, { e: { f: new WebAssembly.Suspending(call) } });
  const run = WebAssembly.promising(instance.exports.run);
  await run(count);
  const started = performance.now();
  await run(count);
  return { ns: ((performance.now() - started) * 1e6) / count };
});
