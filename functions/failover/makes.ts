import type { StepResult } from "../../core/failover/events.ts";
import { startRebuild } from "../rebuild/start-rebuild.ts";
import { startRollback } from "../rollback/start-rollback.ts";
import { dividedHere, needGroup, restoreWork, standInsHome } from "./orders.ts";
import { besidePrefix, rebuildThere } from "./rebuild.ts";
import type { RunWork } from "./work.ts";

const nothing = async (): Promise<StepResult> => ({});

export const makeThere: RunWork = {
  ...restoreWork,
  begin: async (deps, failover, inFailover) => {
    const { to: siteId, group } = failover;
    await startRebuild(deps, { ...rebuildThere(failover), groupId: needGroup(group).id, siteId, inFailover });
    return undefined;
  },
  result: nothing,
};

/** The group of what there was is kept so long. */
const keepSafetyDays = 3;

/** What is as it was left becomes what came back; the site refuses it of what has changed. */
export const rollBackHere: RunWork = {
  ...restoreWork,
  begin: async (deps, failover, inFailover) => {
    const { home, homeGroup, backGroup, discardChanges = false } = failover;
    const { rolled } = await dividedHere(deps, failover);
    if (rolled.length === 0) return {};
    const objects = rolled.map(({ id }) => id);
    const wish = {
      groupId: needGroup(backGroup).id,
      from: home,
      objects,
      discardChanges,
      powerOff: false,
      keepSafetyDays,
    };
    const standIns = [...standInsHome(failover)];
    await startRollback(deps, wish, { inFailover, standIns, unchangedSince: needGroup(homeGroup).id });
    return undefined;
  },
  result: nothing,
};

/** What has changed at home stays what it is, and gets a new one beside it. */
export const makeBeside: RunWork = {
  ...restoreWork,
  begin: async (deps, failover, inFailover) => {
    const { home: siteId, backGroup } = failover;
    const { changed, missing } = await dividedHere(deps, failover);
    const objects = [...changed, ...missing];
    if (objects.length === 0) return {};
    // What is not there gets its own name, and its addresses, which nobody has then.
    const keeps = changed.length === 0 ? { keepMacs: true, keepLunIds: true } : {};
    await startRebuild(deps, {
      ...{ inFailover, groupId: needGroup(backGroup).id, siteId, namePrefix: besidePrefix(failover), ...keeps },
      ...{ objects: objects.map(({ id }) => id) },
      ...(missing.length > 0 && { renames: missing.map(({ id, name }) => ({ object: id, name })) }),
    });
    return undefined;
  },
  result: nothing,
};
