import type { Database } from "../../extentstore/database/database.ts";
import type { FoundCluster } from "../inventory/found.ts";
import { syncRecords } from "../inventory/sync.ts";

/** Reads the records as they would be beside what the cluster has now; nothing of that is kept. */
export const besideCluster = <T>(database: Database, found: FoundCluster, work: () => T): T => {
  database.execute("SAVEPOINT beside");
  try {
    syncRecords(database, found);
    return work();
  } finally {
    database.execute("ROLLBACK TO beside");
    database.execute("RELEASE beside");
  }
};
