/**
 * Passes an iterable's chunks on. Calls `onSent` when the consumer comes back after the last, and `onStall` when it has not come
 * back within `stallMs` of taking one. How long the source takes for the next chunk does not matter.
 */
export async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  options: { readonly stallMs: number; readonly onSent: () => void; readonly onStall: () => void },
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of chunks) {
    const timer = setTimeout(options.onStall, options.stallMs);
    try {
      yield chunk;
    } finally {
      clearTimeout(timer);
    }
  }
  options.onSent();
}
