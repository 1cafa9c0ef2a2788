/**
 * Passes an iterable's chunks on. Calls `onBody` when the consumer wants the first one, and `onStall` when it has not
 * come back for more within `stallMs` of taking one. How long the source takes for the next chunk does not matter.
 */
export async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  options: { readonly stallMs: number; readonly onBody: () => void; readonly onStall: () => void },
): AsyncGenerator<Uint8Array, void, void> {
  options.onBody();
  for await (const chunk of chunks) {
    const timer = setTimeout(options.onStall, options.stallMs);
    try {
      yield chunk;
    } finally {
      clearTimeout(timer);
    }
  }
}
