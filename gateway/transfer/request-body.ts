import type { Readable } from "node:stream";
import { VisibleError } from "../../core/api/errors.ts";

/** Small pieces that the network brings are put together to so many bytes. */
const gatheredBytes = 256 * 1024;

const events = ["readable", "end", "error", "close"] as const;

/**
 * A request's body in chunks that are the consumer's own, buffer and all. Reads only when it is asked for more, which is
 * what holds the sender back. Ends at once when the signal is aborted, and leaves the request open, so that it can be answered.
 * @throws LINK_BROKEN when the connection ends before the body, the signal's reason
 */
export async function* requestBody(request: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  let changed = Promise.withResolvers<void>();
  const wake = () => changed.resolve();
  for (const event of events) request.on(event, wake);
  signal.addEventListener("abort", wake);
  let gathered = Buffer.allocUnsafeSlow(gatheredBytes);
  let filled = 0;
  try {
    for (;;) {
      signal.throwIfAborted();
      const piece = request.read() as Buffer | null;
      if (piece === null) {
        if (request.readableEnded) break;
        if (request.destroyed) throw broken(request.errored);
        await changed.promise;
        changed = Promise.withResolvers();
      }
      for (let at = 0; piece !== null && at < piece.length; ) {
        const copied = piece.copy(gathered, filled, at);
        at += copied;
        filled += copied;
        if (filled < gatheredBytes) continue;
        yield gathered;
        gathered = Buffer.allocUnsafeSlow(gatheredBytes);
        filled = 0;
      }
    }
    if (filled > 0) yield gathered.subarray(0, filled);
  } finally {
    for (const event of events) request.off(event, wake);
    signal.removeEventListener("abort", wake);
  }
}

const broken = (cause: Error | null): VisibleError =>
  new VisibleError("LINK_BROKEN", "The sender's connection ended before its extent did.", { cause });
