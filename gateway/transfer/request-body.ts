import type { Readable } from "node:stream";
import { VisibleError } from "../../core/api/errors.ts";
import { chunkBytes, takeChunkBuffer } from "./threads/chunk-buffers.ts";

const events = ["end", "error", "close"] as const;

/**
 * A request's body in chunks that are the consumer's own, buffer and all: the small pieces that the network brings, put
 * together. Reads only when it is asked for more, which is what holds the sender back. Ends at once when the signal is
 * aborted, and leaves the request open, so that it can be answered.
 * @throws LINK_BROKEN when the connection ends before the body, the signal's reason
 */
export async function* requestBody(request: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  let changed = Promise.withResolvers<void>();
  const wake = () => changed.resolve();
  const full: Uint8Array[] = [];
  let gathered = takeChunkBuffer();
  let filled = 0;
  const onData = (piece: Buffer) => {
    for (let at = 0; at < piece.length; ) {
      const copied = piece.copy(gathered, filled, at);
      at += copied;
      filled += copied;
      if (filled < chunkBytes) continue;
      full.push(gathered);
      gathered = takeChunkBuffer();
      filled = 0;
    }
    release(piece);
    if (full.length === 0) return;
    request.pause();
    wake();
  };
  request.pause();
  request.on("data", onData);
  for (const event of events) request.on(event, wake);
  signal.addEventListener("abort", wake);
  try {
    for (;;) {
      signal.throwIfAborted();
      const chunk = full.shift();
      if (chunk !== undefined) yield chunk;
      else if (request.readableEnded) break;
      else if (request.destroyed) throw broken(request.errored);
      else {
        request.resume();
        await changed.promise;
        changed = Promise.withResolvers();
      }
    }
    if (filled > 0) yield gathered.subarray(0, filled);
  } finally {
    request.pause();
    request.off("data", onData);
    for (const event of events) request.off(event, wake);
    signal.removeEventListener("abort", wake);
  }
}

/**
 * Gives a piece's memory back at once. Thousands of them would wait for the collector, outside its heap, and make it
 * collect all of that heap each time they come to 64 MB.
 */
const release = ({ buffer, byteLength }: Buffer): void => {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
};

const broken = (cause: Error | null): VisibleError =>
  new VisibleError("LINK_BROKEN", "The sender's connection ended before its extent did.", { cause });
