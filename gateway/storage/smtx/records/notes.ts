import type { ContentStep, Database } from "../../extentstore/database/database.ts";

/**
 * What a transaction's work came to, and what it did with the contents of volumes and snapshots.
 */
export const noting = <T>(
  database: Database,
  work: () => T,
): { readonly result: T; readonly contents: readonly ContentStep[] } => {
  const contents: ContentStep[] = [];
  database.contents = contents;
  try {
    return { result: work(), contents };
  } finally {
    database.contents = undefined;
  }
};
