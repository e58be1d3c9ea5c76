// A guest's calls through messages: the guest is suspended (JSPI) until the answer comes.

import { REQUEST_MAX } from "../generated/p1.js";
import type { Encoder } from "./encoder.js";
import { Replies } from "./reply.js";

/** The guest's end of a message port. */
export class PortChannel {
  readonly #port: MessagePort;
  readonly #replies: Replies;
  readonly #request = new ArrayBuffer(REQUEST_MAX);
  #answer: ((reply: ArrayBuffer) => void) | undefined;

  constructor(port: MessagePort, encoder: Encoder) {
    this.#port = port;
    this.#replies = new Replies(encoder.guest);
    encoder.target(this.#request, 0, REQUEST_MAX);
    port.onmessage = (message: MessageEvent<ArrayBuffer>) => this.#answer?.(message.data);
  }

  /** Makes the call that the encoder wrote; answers its errno, or LEAVE. */
  async call(task: number, length: number): Promise<number> {
    const request = this.#request.slice(0, length);
    const reply = await new Promise<ArrayBuffer>((resolve) => {
      this.#answer = resolve;
      this.#port.postMessage({ task, request }, [request]);
    });
    return this.#replies.apply(reply, 0);
  }
}
