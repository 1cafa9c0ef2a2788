import type { Failover, FailoverGroup } from "../../core/api/failover/failover.ts";
import { type Group, holdsMax } from "../../core/api/group.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { endStates } from "../../core/failover/table.ts";
import { retrying } from "../documents/conflicts.ts";
import { groupKey } from "../documents/records.ts";
import { dropHold, readGroups, withHold } from "../groups/groups.ts";
import type { Deps } from "../ports/deps.ts";
import { whileStill } from "./failovers.ts";

/** The groups that a failover goes by as long as it has not ended, and where they are. */
const kept = ({ home, to, group, homeGroup, backGroup }: Failover): readonly (readonly [FailoverGroup, SiteId])[] =>
  [group, homeGroup, backGroup].flatMap((one) =>
    one === undefined ? [] : ([[one, home] as const, [one, to] as const] as const),
  );

/** They are not reclaimed: by them it is known what has changed, and what things are called. */
export const keepGroups = async (deps: Deps, failover: Failover): Promise<void> => {
  for (const [group, siteId] of kept(failover)) await keep(deps, failover, group, siteId);
};

/** It has ended. Another one than now was kept before something was sent. */
export const letGroupsGo = async (deps: Deps, failover: Failover): Promise<void> => {
  for (const { body } of await readGroups(deps, failover.planId)) {
    if (body.holds.includes(failover.id)) await dropHold(deps, body.id, body.siteId, failover.id);
  }
};

const isOpen = ({ state }: Failover): boolean => !endStates.has(state);

const keep = (deps: Deps, { id }: Failover, group: FailoverGroup, siteId: SiteId): Promise<void> =>
  retrying(deps, async () => {
    const stored = await deps.store.get<Group>(groupKey(group.id, siteId));
    if (stored?.body.state !== "published" || stored.body.holds.includes(id)) return;
    if (stored.body.holds.length >= holdsMax) return;
    const guard = await whileStill(deps, id, isOpen);
    if (guard === undefined) return;
    const body = withHold(stored.body, { runId: id, kind: "failover" });
    await deps.store.commit([{ type: "put", key: stored.key, body, expect: { version: stored.version } }, guard]);
  });
