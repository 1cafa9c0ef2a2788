/**
 * Passes an iterable's chunks on. Calls `onTaken` when the consumer comes back, `onSent` when it
 * does so after the last, and `onStall` when it has not come back within `stallMs` of taking one.
 * How long the source takes for the next chunk does not matter.
 */
export async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  options: {
    readonly stallMs: number;
    readonly onTaken: () => void;
    readonly onSent: () => void;
    readonly onStall: () => void;
  },
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of chunks) {
    const timer = setTimeout(options.onStall, options.stallMs);
    try {
      yield chunk;
    } finally {
      clearTimeout(timer);
    }
    options.onTaken();
  }
  options.onSent();
}
