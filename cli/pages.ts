import type { Context } from "./context.ts";
import { counted } from "./render/units.ts";

interface Page<T> {
  readonly items: readonly T[];
  readonly cursor?: string | undefined;
  readonly unreadable?: number | undefined;
}

const pageItems = 100;

/**
 * A list from its first page on, up to a number of items. `read` takes the query of one page. What the API could not read is not
 * in it, and a warning says so.
 */
export const listed = async <T>(
  { warn }: Pick<Context, "warn">,
  read: (query: { readonly limit: string; readonly cursor?: string }) => Promise<Page<T>>,
  limit = 10_000,
): Promise<readonly T[]> => {
  const items: T[] = [];
  let cursor: string | undefined;
  let unreadable = 0;
  do {
    const wanted = String(Math.min(pageItems, limit - items.length));
    const page = await read({ limit: wanted, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.items);
    unreadable += page.unreadable ?? 0;
    cursor = page.cursor;
  } while (cursor !== undefined && items.length < limit);
  if (unreadable > 0) {
    warn(
      `${counted(unreadable, "line")} of this list can't be read, and not shown; the control plane's log says which.`,
    );
  }
  return items;
};
