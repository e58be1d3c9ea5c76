// Answers every request with one line, and counts: each request has an instance of its own, so the count stays 1.

import { Fields, OutgoingBody, OutgoingResponse, ResponseOutparam } from 'wasi:http/types@0.2.12';

const encoder = new TextEncoder();
let requests = 0;

export const incomingHandler = {
  handle(request, out) {
    requests += 1;
    const line = encoder.encode(`Hello from JavaScript over HTTP! ${request.pathWithQuery()} request ${requests}\n`);
    const headers = Fields.fromList([
      ['content-type', encoder.encode('text/plain; charset=utf-8')],
      ['content-length', encoder.encode(String(line.length))],
    ]);
    const response = new OutgoingResponse(headers);
    const body = response.body();
    ResponseOutparam.set(out, { tag: 'ok', val: response });
    const stream = body.write();
    stream.blockingWriteAndFlush(line);
    stream[Symbol.dispose]();
    OutgoingBody.finish(body, undefined);
  },
};
