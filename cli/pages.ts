interface Page<T> {
  readonly items: readonly T[];
  readonly cursor?: string | undefined;
}

const pageItems = 100;

/** A list from its first page on, up to a number of items. `read` takes the query of one page. */
export const listed = async <T>(
  read: (query: { readonly limit: string; readonly cursor?: string }) => Promise<Page<T>>,
  limit = 10_000,
): Promise<readonly T[]> => {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const wanted = String(Math.min(pageItems, limit - items.length));
    const page = await read({ limit: wanted, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined && items.length < limit);
  return items;
};
