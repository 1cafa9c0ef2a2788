import { z } from "zod";

/** So many items has a page of a list at most. */
export const pageItemsMax = 100;

/** Where the next page begins. */
export const cursorSchema = z.string().min(1).max(2000);

/** A part of a list; without a cursor the list is at its end. */
interface Page {
  readonly cursor?: string | undefined;
}

/**
 * The pages of a list, from its beginning or from `cursor` on, as long as there are more and
 * somebody wants them: none is read before that.
 * @param read is given where its page begins; undefined: at the beginning
 * @throws what `read` throws
 */
export async function* pagesOf<P extends Page>(
  read: (cursor: string | undefined) => Promise<P>,
  cursor?: string,
): AsyncGenerator<P, void> {
  let next = cursor;
  do {
    const page = await read(next);
    yield page;
    next = page.cursor;
  } while (next !== undefined);
}

/** The items of all pages. */
export const allItems = async <T>(pages: AsyncIterable<Page & { readonly items: readonly T[] }>): Promise<T[]> => {
  const all: T[] = [];
  for await (const { items } of pages) all.push(...items);
  return all;
};
