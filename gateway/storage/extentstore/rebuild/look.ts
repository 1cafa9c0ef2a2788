import { VisibleError } from "../../../../core/api/errors.ts";
import type { RebuildObjectOptions } from "../../control.ts";
import type { Database } from "../database/database.ts";
import { obstacles } from "./obstacles.ts";
import { knownRebuild } from "./rebuild.ts";
import { rebuildSource } from "./rebuild-source.ts";

/** What a rebuild would be refused with. Inside a transaction. */
export const rebuildObstacles = (database: Database, options: RebuildObjectOptions): VisibleError[] => {
  const found: VisibleError[] = [];
  const ask = <T>(question: () => T): T | undefined => {
    try {
      return question();
    } catch (error) {
      if (!VisibleError.is(error)) throw error;
      found.push(error);
      return undefined;
    }
  };
  const known = ask(() => knownRebuild(database, options));
  if (known !== undefined || found.length > 0) return found;
  const source = ask(() => rebuildSource(database, options));
  if (source !== undefined) for (const refuse of obstacles(database, options, source)) ask(refuse);
  return found;
};
