/**
 * Pieces that are read one after the other. The next one is read while the caller is busy with this
 * one; a reading that has begun is waited for before the loop is left, so that what it reads from
 * can be closed. What a piece was read into is filled again with something else once the next piece
 * was asked for.
 * @throws what `fill` throws, and the signal's reason
 */
export async function* readAhead<Piece, Buffers>({
  pieces,
  makeBuffers,
  fill,
  signal,
}: {
  readonly pieces: Iterable<Piece>;
  readonly makeBuffers: () => Buffers;
  readonly fill: (buffers: Buffers, piece: Piece) => Promise<void>;
  readonly signal: AbortSignal;
}): AsyncGenerator<{ readonly piece: Piece; readonly buffers: Buffers }, void, void> {
  const iterator = pieces[Symbol.iterator]();
  let [current, next] = [makeBuffers(), makeBuffers()];
  // Settled rather than awaited later: a reading that fails while nobody waits for it
  // would end the process.
  const begin = () => {
    const { done, value } = iterator.next();
    return done ? undefined : { piece: value, reading: Promise.allSettled([fill(next, value)]) };
  };
  let ahead = begin();
  try {
    while (ahead !== undefined) {
      const { piece, reading } = ahead;
      const [outcome] = await reading;
      if (outcome.status === "rejected") throw outcome.reason;
      signal.throwIfAborted();
      [current, next] = [next, current];
      ahead = begin();
      yield { piece, buffers: current };
    }
  } finally {
    await ahead?.reading;
  }
}
