/**
 * Does something for each, one after the other. One that fails keeps none of the
 * others from being done.
 * @throws what the first that failed threw, after the last
 */
export const forEach = async <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> => {
  const failures: unknown[] = [];
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
};
