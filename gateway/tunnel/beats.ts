import type { IncomingMessage, ServerResponse } from "node:http";

/** Answers that have begun with beats: their status is told, and what they come to still is to come. */
const beating = new WeakSet<ServerResponse>();

/** Whether nothing but beats has been sent of the answer. */
export const isBeating = (response: ServerResponse): boolean => beating.has(response);

/**
 * Sends white space every `everyMs`, which JSON may begin with, until the answer is there: TCP and a proxy say nothing of a peer that hangs.
 * The first beat fixes the status at 200, so an error that comes later is told by the body alone.
 *
 * A body that brings nothing for `silenceMs` is given up here as well, since a connection that beats are written to is never idle.
 * @returns what ends it
 */
export const startBeating = (
  request: IncomingMessage,
  response: ServerResponse,
  { silenceMs, everyMs }: { readonly silenceMs: number; readonly everyMs: number },
): (() => void) => {
  let bytesRead = request.socket.bytesRead;
  let readAtMs = performance.now();
  const timer = setInterval(() => {
    if (request.socket.bytesRead !== bytesRead || request.complete) {
      bytesRead = request.socket.bytesRead;
      readAtMs = performance.now();
    } else if (performance.now() - readAtMs > silenceMs) {
      request.socket.destroy();
      return;
    }
    // Somebody who reads no answers shall not fill our memory with beats.
    if (response.writableNeedDrain) return;
    if (!response.headersSent) {
      response.writeHead(200, { "content-type": "application/json" });
      beating.add(response);
    }
    if (isBeating(response) && !response.writableEnded) response.write("\n");
  }, everyMs);
  timer.unref();
  const stop = () => clearInterval(timer);
  response.once("close", stop);
  return stop;
};
