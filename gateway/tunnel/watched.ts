/**
 * Passes an iterable's chunks on. Calls `onBegun` when the consumer wants the first one, `onTaken` when it comes back for more after
 * the first, `onSent` after the last, and `onStall` when it has not come back within `stallMs` of taking one. How long the
 * source takes for the next chunk does not matter.
 */
export async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  options: {
    readonly stallMs: number;
    readonly onBegun: () => void;
    readonly onTaken: () => void;
    readonly onSent: () => void;
    readonly onStall: () => void;
  },
): AsyncGenerator<Uint8Array, void, void> {
  options.onBegun();
  for await (const chunk of chunks) {
    const timer = setTimeout(options.onStall, options.stallMs);
    try {
      yield chunk;
      options.onTaken();
    } finally {
      clearTimeout(timer);
    }
  }
  options.onSent();
}
