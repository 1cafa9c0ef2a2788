/**
 * `Promise.all` over `list`, with at most `concurrencyMax` calls of `action` going on at
 * once. After the first failure no further call is begun, and those that go on are awaited
 * before it is thrown.
 */
export const mapBounded = async <T, R>(
  list: readonly T[],
  concurrencyMax: number,
  action: (item: T) => Promise<R>,
): Promise<R[]> => {
  const results: R[] = [];
  const entries = list.entries();
  let hasFailed = false;
  const work = async () => {
    for (const [index, item] of entries) {
      if (hasFailed) return;
      try {
        results[index] = await action(item);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(concurrencyMax, list.length) }, work);
  const settled = await Promise.allSettled(workers);
  for (const one of settled) if (one.status === "rejected") throw one.reason;
  return results;
};
