import type { GroupId, RunId, SiteId } from "../../core/api/ids.ts";
import { ignoringConflict } from "../documents/conflicts.ts";
import { tryDrain } from "../engine/engine.ts";
import type { Deps } from "../ports/deps.ts";
import type { InFailover } from "../restores/begin.ts";
import { deletionRun } from "./deletion-run.ts";
import { readRestored } from "./restored.ts";

/** What a failover deletes of that which a restore of its own has made. */
interface Restored {
  readonly restoreId: RunId;
  readonly siteId: SiteId;
  /** Ids of the site's. */
  readonly objects: readonly string[];
  /** And what else it has made there, of which nobody was told. */
  readonly rest: boolean;
  /** Only what is as this group has it. Absent: all the same. */
  readonly unchangedSince?: GroupId | undefined;
  readonly inFailover: InFailover;
}

/**
 * Begins to delete that. Whether it may go is looked at when the site's turn comes.
 * @throws VisibleError as `readRestored`
 */
export const beginRestoredDeletion = async (deps: Deps, wanted: Restored): Promise<void> => {
  const { restoreId, siteId, objects, rest, unchangedSince, inFailover } = wanted;
  const found = await readRestored(deps, { type: "restored", restoreId, siteId, objects: [...objects] }, rest);
  const how = { ...(rest && { rest }), ...(unchangedSince && { unchangedSince }) };
  const restored = found.told.restored && { ...found.told.restored, ...how };
  const of = { ...found, told: { ...found.told, ...(restored && { restored }) } };
  const { outbox, changes } = deletionRun(of, { ...inFailover, now: deps.clock.now() });
  // Who was faster has begun the same.
  if (await ignoringConflict(() => deps.store.commit(changes))) await tryDrain(deps, outbox);
};
