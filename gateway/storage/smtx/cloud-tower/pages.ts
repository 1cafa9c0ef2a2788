import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import type { TowerQueries } from "./asking.ts";

const pageLength = 200;
/** More than a CloudTower has of anything. */
const rowsMax = 200_000;
/** How often it is begun anew, where something came or went before the page that was read last. */
const beginningsMax = 8;

interface PagesOptions<T> {
  readonly tower: TowerQueries;
  readonly operation: string;
  readonly body: object;
  readonly schema: z.ZodType<T>;
  readonly call?: StorageCall;
}

/**
 * All rows, in the order of their ids. Each page begins with the row that the one before ended
 * with: where it does not, rows have moved, and it is begun anew. A cursor would end the list early
 * when its own row is deleted.
 */
export const allPages = async <T extends { readonly id: string }>(options: PagesOptions<T>): Promise<readonly T[]> => {
  for (let beginnings = 0; beginnings < beginningsMax; beginnings += 1) {
    const rows = await unmovedRows(options);
    if (rows !== undefined) return rows;
  }
  throw new VisibleError(
    "CLUSTER_BUSY",
    `What ${options.operation} lists changed ${beginningsMax} times while it was read.`,
    {
      hint: "It will be tried again.",
    },
  );
};

/**
 * Undefined where rows have moved. A page may be shorter than it was asked to be; the last one is
 * empty.
 */
const unmovedRows = async <T extends { readonly id: string }>(
  options: PagesOptions<T>,
): Promise<readonly T[] | undefined> => {
  const { tower, operation, body, schema, call } = options;
  const rows: T[] = [];
  for (;;) {
    const last = rows.at(-1);
    const overlap = last === undefined ? 0 : 1;
    const page = { orderBy: "id_ASC", skip: rows.length - overlap, first: pageLength + overlap };
    const found = await tower.query(operation, { ...body, ...page }, z.array(schema), call);
    if (last !== undefined && found[0]?.id !== last.id) return undefined;
    if (found.length <= overlap) return rows;
    rows.push(...found.slice(overlap));
    if (rows.length > rowsMax) throw tooMany(operation);
  }
};

const tooMany = (operation: string) =>
  new VisibleError("CLUSTER_TASK_FAILED", `CloudTower lists more than ${rowsMax} rows for ${operation}.`, {
    hint: "See that storage.cluster names one cluster.",
    retryable: false,
  });
