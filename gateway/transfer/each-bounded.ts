/**
 * Does `work` for each item, at most `concurrencyMax` at once, in order of their beginning. The
 * first failure ends the others by their signal, and is thrown when all have ended.
 */
export const eachBounded = async <Item>(
  items: Iterable<Item>,
  options: { readonly concurrencyMax: number; readonly signal: AbortSignal },
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const queue = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) {
      signal.throwIfAborted();
      await work(next.value, signal);
    }
  };
  const running = Array.from({ length: options.concurrencyMax }, () =>
    worker().catch((error: unknown) => {
      // The first reason stays; those that follow are the others' ends.
      failed.abort(error);
    }),
  );
  await Promise.all(running);
  signal.throwIfAborted();
};
