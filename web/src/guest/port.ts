// A guest's calls through messages: the guest is suspended (JSPI) until the answer comes.

import { REQUEST_MAX } from "../generated/p1.js";
import type { Encoder } from "./encoder.js";
import { Replies } from "./reply.js";

/** Bytes up to which copying costs less than handing a buffer over. */
const COPIED = 16384;

/** The guest's end of a message port. */
export class PortChannel {
  readonly #port: MessagePort;
  readonly #replies: Replies;
  readonly #request = new Uint8Array(REQUEST_MAX);
  #resolve: (answer: number) => void = () => {};

  constructor(port: MessagePort, encoder: Encoder) {
    this.#port = port;
    this.#replies = new Replies(encoder.guest);
    encoder.target(this.#request.buffer, 0, REQUEST_MAX);
    port.onmessage = (message: MessageEvent<Uint8Array>) =>
      this.#resolve(this.#replies.apply(message.data.buffer, 0));
  }

  /** Makes the call that the encoder wrote; answers its errno, or LEAVE. */
  call(length: number): Promise<number> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      const request = this.#request.slice(0, length);
      this.#port.postMessage(request, length > COPIED ? [request.buffer] : []);
    });
  }
}
