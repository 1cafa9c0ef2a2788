import { VisibleError } from "../../core/api/errors.ts";
import type { Failover, FailoverGroup, FailoverObject } from "../../core/api/failover/failover.ts";
import type { Order } from "../../core/api/failover/order.ts";
import type { PlanStage } from "../../core/api/failover/stage.ts";
import { type GroupId, type RunId, restoreIdOf, type SiteId } from "../../core/api/ids.ts";
import type { StepResult } from "../../core/failover/events.ts";
import { inStages } from "../../core/plan/stages.ts";
import { beginOrder } from "../orders/begin-order.ts";
import { type Compared, hasChanged, readCompared, readObstacles, readStopped } from "../orders/order-answers.ts";
import type { Deps } from "../ports/deps.ts";
import { inTheWay } from "./in-the-way.ts";
import { broughtHome, without } from "./objects.ts";
import { rebuildThere } from "./rebuild.ts";
import { readStages } from "./stages.ts";
import type { RunWork } from "./work.ts";

/** What is ordered of a site is a restore that reads nothing. */
export const restoreWork: Omit<RunWork, "begin" | "result"> = {
  type: "run",
  idOf: ({ planId }, slot) => restoreIdOf(planId, slot),
  from: ({ clock }) => clock.now(),
};

/** The site whose objects are meant, a group that names them, and what stands for them. */
interface About {
  readonly siteId: SiteId;
  readonly group: FailoverGroup;
  readonly readAt: SiteId;
  readonly standIns: readonly RunId[];
}

/** A failover that has come so far has it. */
export const needGroup = (group: FailoverGroup | undefined): FailoverGroup => {
  if (group !== undefined) return group;
  throw new VisibleError("GROUP_UNKNOWN", "The failover has no restore point to go by.", {
    hint: "Undo it, and begin another one. See: smtx-backup failover list",
  });
};

/** What the objects at the other site are named by, and what stands for them there. */
export const thereIn = ({ to, group, madeThere }: Failover): About => ({
  siteId: to,
  group: needGroup(group),
  readAt: to,
  standIns: madeThere === undefined ? [] : [madeThere],
});

/** The same at home, before anything was sent back. */
export const homeBefore = ({ home, to, group, placeBefore }: Failover): About => ({
  siteId: home,
  group: needGroup(group),
  readAt: to,
  standIns: placeBefore?.standIns ?? [],
});

/** What stands for the objects at home once they are back. */
export const standInsHome = ({ placeBefore, madeHere }: Failover): readonly RunId[] => [
  ...(placeBefore?.standIns ?? []),
  ...(madeHere === undefined ? [] : [madeHere]),
];

export const homeAfter = (failover: Failover): About => ({
  siteId: failover.home,
  group: needGroup(failover.backGroup),
  readAt: failover.home,
  standIns: standInsHome(failover),
});

export const lookThere: RunWork = {
  ...restoreWork,
  begin: async (deps, failover, inFailover) => {
    if (failover.madeThere !== undefined) return {};
    const { siteId, group } = thereIn(failover);
    const stages = await readStages(deps, failover.planId);
    const rebuild = rebuildThere(failover);
    await beginOrder(deps, { order: "look", inFailover, siteId, groupId: group.id, rebuild, stages });
    return undefined;
  },
  result: async (deps, { to }, run) => {
    const obstructed = await readObstacles(deps, run.id);
    const [first, ...others] = obstructed.flatMap(({ obstacles }) => obstacles);
    if (first === undefined) return {};
    throw inTheWay(to, [first, ...others]);
  },
};

export const stopAt = (about: (failover: Failover) => About): RunWork => ({
  ...restoreWork,
  begin: async (deps, failover, inFailover) => {
    await orderOf(deps, "stop", about(failover), inFailover);
    return undefined;
  },
  result: async (deps, _, run) => ({ unstoppable: (await readStopped(deps, run.id)).cantBe }),
});

const orderOf = async (
  deps: Deps,
  order: Exclude<Order, "look" | "start">,
  { siteId, group, readAt, standIns }: About,
  inFailover: Parameters<RunWork["begin"]>[2],
): Promise<void> => {
  await beginOrder(deps, { order, inFailover, siteId, groupId: group.id, readAt, standIns });
};

interface Comparison {
  /** Of the failover, as it is then. */
  readonly about: (failover: Failover) => About;
  /** With which it is compared, at the same site. */
  readonly with: (failover: Failover) => FailoverGroup | undefined;
}

/** Looks what has changed since a group was taken, or came. */
export const compareAt = ({ about, with: other }: Comparison): RunWork => ({
  ...restoreWork,
  begin: async (deps, failover, inFailover) => {
    const { siteId, standIns } = about(failover);
    const group = needGroup(other(failover));
    await orderOf(deps, "compare", { siteId, group, readAt: siteId, standIns }, inFailover);
    return undefined;
  },
  result: async (deps, _, run) => comparison(await readCompared(deps, run.id)),
});

const isGone = ({ power }: Compared): boolean => power === "gone";

const comparison = (compared: readonly Compared[]): StepResult => {
  const changed = compared.filter(hasChanged);
  const gone = compared.filter(isGone);
  return {
    changed: changed.map(({ kind, id, name }) => ({ kind, id, name })),
    changedCount: changed.length,
    unchangedCount: compared.length - changed.length - gone.length,
    missingCount: gone.length,
    on: compared.filter(({ power }) => power === "on").map(({ kind, id, name }) => ({ kind, id, name })),
  };
};

const gone: ReadonlySet<string> = new Set(["GROUP_UNKNOWN", "GROUP_NOT_RESTORABLE", "OBJECT_UNKNOWN"]);

/**
 * What at home is as it was left. Where home has nothing any more that tells it, nothing counts as
 * that, and none of it is overwritten.
 */
export const compareHere: RunWork = {
  ...restoreWork,
  begin: async (deps, failover, inFailover) => {
    const { home, homeGroup } = failover;
    const { standIns } = homeBefore(failover);
    needGroup(failover.backGroup);
    const objects = await broughtHome(deps, failover);
    try {
      const groupId: GroupId = needGroup(homeGroup).id;
      await beginOrder(deps, { order: "compare", inFailover, siteId: home, groupId, standIns, objects });
      return undefined;
    } catch (error) {
      if (!VisibleError.is(error) || !gone.has(error.code)) throw error;
      const changed = objects.map(({ kind, id, name }) => ({ kind, id, name }));
      return { changed, changedCount: changed.length };
    }
  },
  result: async (deps, failover, run) => {
    const back = await broughtHome(deps, failover);
    const compared = await readCompared(deps, run.id);
    const result = comparison(compared);
    // What has come since is not there.
    const isNew = without(back, compared).length;
    return { ...result, missingCount: (result.missingCount ?? 0) + isNew };
  },
};

/** What of that which came back is rolled back, and what is made: by what the comparison found. */
export const dividedHere = async (deps: Deps, failover: Failover) => {
  const all = await broughtHome(deps, failover);
  const { comparedBy, discardChanges = false } = failover;
  const compared = comparedBy === undefined ? [] : await readCompared(deps, comparedBy);
  const there = compared.filter((object) => !isGone(object));
  const rolled = there.filter((object) => discardChanges || !hasChanged(object));
  const changed = discardChanges ? [] : comparedBy === undefined ? all : there.filter(hasChanged);
  return { rolled, changed, missing: comparedBy === undefined ? [] : without(all, there) };
};

interface Starting {
  readonly about: (failover: Failover) => About;
  readonly objects: (deps: Deps, failover: Failover) => Promise<readonly FailoverObject[]>;
  /** Whether a person is asked between stages, where the plan says so. */
  readonly asks: boolean;
}

/** Machines are switched on, a stage at a time. */
export const startAt = ({ about, objects, asks }: Starting): RunWork => ({
  ...restoreWork,
  begin: async (deps, failover, inFailover) => {
    const stage = (await staged(deps, failover, objects))[failover.stage];
    if (stage === undefined) return {};
    const { siteId, group, readAt, standIns } = about(failover);
    const pause = stage.stage && pauseOf(stage.stage);
    await beginOrder(deps, {
      ...{ order: "start", inFailover, siteId, groupId: group.id, readAt, standIns },
      ...{ objects: stage.objects, pause },
    });
    return undefined;
  },
  result: async (deps, failover) => {
    const stage = (await staged(deps, failover, objects))[failover.stage];
    return { isStage: true, message: asks ? stage?.stage?.message : undefined };
  },
});

const staged = async (deps: Deps, failover: Failover, objects: Starting["objects"]) =>
  inStages(await readStages(deps, failover.planId), await objects(deps, failover));

const pauseOf = ({ delaySeconds, ready, withinSeconds }: PlanStage) => ({
  ...(delaySeconds !== undefined && { delaySeconds }),
  ...(ready !== undefined && { ready }),
  ...(withinSeconds !== undefined && { withinSeconds }),
});
