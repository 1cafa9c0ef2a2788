/**
 * Like `Promise.all`, but what uses the same things has ended when this rejects.
 * @throws what the first in the list throws that fails
 */
export const allOf = async <T extends readonly unknown[]>(
  works: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> => {
  await Promise.allSettled(works);
  return Promise.all(works) as Promise<unknown> as Promise<T>;
};
