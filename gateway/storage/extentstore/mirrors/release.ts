import type { Owner } from "../../control.ts";
import { rememberRelease } from "../cluster/order.ts";
import type { Database } from "../database/database.ts";
import { dropMirrorObjects, dropMirrorVolumes } from "./stale.ts";

/** All mirrors of an owner go, whatever was being written to them. Inside a transaction. */
export const releaseMirrors = (
  database: Database,
  { owner, sequence }: { readonly owner: Owner; readonly sequence: number },
): void => {
  const { planId, source } = owner;
  rememberRelease(database, owner, sequence);
  dropMirrorVolumes(
    database,
    database
      .all<{ volumeId: string }>("SELECT volumeId FROM mirrors WHERE planId = ? AND source = ?", planId, source)
      .map(({ volumeId }) => volumeId),
  );
  dropMirrorObjects(
    database,
    database.all<{ number: number; vmId: string | null }>(
      "SELECT number, vmId FROM mirrorObjects WHERE planId = ? AND source = ?",
      planId,
      source,
    ),
  );
};
