import type { StorageCall } from "../../call.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { markOfZbs } from "../cluster/snapshot-refs.ts";
import type { ClusterContext } from "../context.ts";

const tables = ["snapshotsOfTables", "manifestsOfGroups"] as const;

/**
 * What the nodes' command line took, CloudTower may list later: from then on it is known by
 * CloudTower's id, which can do more with it.
 */
export const learnListed = async (
  { ledger, hands }: Pick<ClusterContext, "ledger" | "hands">,
  call?: StorageCall,
): Promise<void> => {
  const listed = await hands.listed(await ledger.read(unlisted, call), call);
  if (listed.size === 0) return;
  await ledger.change((database) => {
    for (const [ref, id] of listed) {
      for (const table of tables) database.run(`UPDATE ${table} SET snapshot = ? WHERE snapshot = ?`, id, ref);
    }
  }, call);
};

/** Of files CloudTower lists none. */
const unlisted = (database: Database): readonly string[] =>
  tables.flatMap((table) =>
    database
      .all<{ snapshot: string }>(
        `SELECT snapshot FROM ${table} WHERE snapshot GLOB ? LIMIT ${askedMax}`,
        `${markOfZbs}*`,
      )
      .map(({ snapshot }) => snapshot),
  );

const askedMax = 1000;
