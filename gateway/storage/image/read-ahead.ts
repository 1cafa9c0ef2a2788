/** How much is read at once. Two pieces are in memory, whatever the size of an image. */
export const pieceBytes = 1024 * 1024;

export interface Piece<Buffers> {
  readonly offset: number;
  readonly length: number;
  /** Filled up to `length`; filled again with something else once the next piece was asked for. */
  readonly buffers: Buffers;
}

/**
 * The pieces of `sizeBytes` in order. The next one is read while the caller is busy with this one; a reading that has
 * begun is waited for before the loop is left, so that what it reads from can be closed.
 * @throws what `fill` throws, and the signal's reason
 */
export async function* readAhead<Buffers>({
  sizeBytes,
  makeBuffers,
  fill,
  signal,
}: {
  readonly sizeBytes: number;
  readonly makeBuffers: () => Buffers;
  readonly fill: (buffers: Buffers, offset: number, length: number) => Promise<void>;
  readonly signal: AbortSignal;
}): AsyncGenerator<Piece<Buffers>, void, void> {
  let [current, next] = [makeBuffers(), makeBuffers()];
  const lengthAt = (offset: number) => Math.min(pieceBytes, sizeBytes - offset);
  // Settled rather than awaited later: a reading that fails while nobody waits for it would end the process.
  const begin = (offset: number) => Promise.allSettled([fill(next, offset, lengthAt(offset))]);

  let reading = begin(0);
  try {
    for (let offset = 0; offset < sizeBytes; offset += pieceBytes) {
      const [outcome] = await reading;
      if (outcome.status === "rejected") throw outcome.reason;
      signal.throwIfAborted();
      [current, next] = [next, current];
      if (offset + pieceBytes < sizeBytes) reading = begin(offset + pieceBytes);
      yield { offset, length: lengthAt(offset), buffers: current };
    }
  } finally {
    await reading;
  }
}
