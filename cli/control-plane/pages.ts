import { pagesOf } from "../../core/api/pages.ts";
import type { Context } from "../context/context.ts";
import { counted } from "../render/units.ts";

interface Page<T> {
  readonly items: readonly T[];
  readonly cursor?: string | undefined;
  readonly unreadable?: number | undefined;
}

const pageItems = 100;

type Read<T> = (query: { readonly limit: string; readonly cursor?: string }) => Promise<Page<T>>;

const itemsMax = 10_000;

/**
 * A whole list; one that is longer than any should be is cut, and a warning says so. `read` takes
 * the query of one page.
 */
export const listed = async <T>(context: Pick<Context, "warn">, read: Read<T>): Promise<readonly T[]> => {
  const { items, more } = await listedUpTo(context, read, itemsMax);
  if (more) context.warn(`Only the first ${itemsMax} of this list are shown.`);
  return items;
};

/**
 * A list from its first page on, up to a number of items, and whether there are more. What the API
 * could not read is not in it, and a warning says so.
 */
export const listedUpTo = async <T>(
  { warn }: Pick<Context, "warn">,
  read: Read<T>,
  limit: number,
): Promise<{ readonly items: readonly T[]; readonly more: boolean }> => {
  const items: T[] = [];
  let unreadable = 0;
  const pages = pagesOf((cursor) => {
    // One more than wanted tells whether there are more.
    const wanted = String(Math.min(pageItems, limit + 1 - items.length));
    return read({ limit: wanted, ...(cursor === undefined ? {} : { cursor }) });
  });
  for await (const page of pages) {
    items.push(...page.items);
    unreadable += page.unreadable ?? 0;
    if (items.length > limit) break;
  }
  if (unreadable > 0) {
    warn(
      `${counted(unreadable, "line")} of this list can't be read, and not shown; the control plane's log says which.`,
    );
  }
  return { items: items.slice(0, limit), more: items.length > limit };
};

/** Below a table that was cut. */
export const moreText = (more: boolean, limit: number): string =>
  more ? `\nThere are more than these ${limit}. To see them: --limit N` : "";
