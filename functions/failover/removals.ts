import type { Failover, FailoverGroup } from "../../core/api/failover/failover.ts";
import { deletionIdOf, type RunId, type SiteId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { restoredMax } from "../../core/api/run.ts";
import { partsOf } from "../../core/run/steps.ts";
import { beginMirrorRelease } from "../deletions/begin-mirror-release.ts";
import { beginRestoredDeletion } from "../deletions/begin-restored.ts";
import type { Deps } from "../ports/deps.ts";
import { type RebuildFact, readFacts } from "../runs/facts.ts";
import { loadRun } from "../runs/runs.ts";
import { needGroup, stopAt, thereIn } from "./orders.ts";
import type { RunWork } from "./work.ts";

interface Removal {
  readonly siteId: SiteId;
  readonly made: readonly RunId[];
  /** What has changed since stays. Undefined: all of it goes. */
  readonly since: FailoverGroup | undefined;
}

/** What restores have made somewhere is deleted, some of it at a time. */
const remove = (removalOf: (failover: Failover) => Removal): RunWork => ({
  type: "run",
  idOf: ({ planId }, slot) => deletionIdOf(planId, slot),
  from: ({ clock }) => clock.now(),
  begin: async (deps, failover, inFailover) => {
    const { siteId, made, since } = removalOf(failover);
    const next = (await madeAt(deps, siteId, made))[failover.stage];
    if (next === undefined) return {};
    await beginRestoredDeletion(deps, { ...next, siteId, unchangedSince: since?.id, inFailover });
    return undefined;
  },
  result: async (_, __, run) => ({
    isStage: true,
    warnings: partsOf(run).flatMap(([, { warning }]) => (warning === null ? [] : [warning])),
  }),
});

interface Portion {
  readonly restoreId: RunId;
  readonly objects: readonly string[];
  /** It is the restore's last: what nobody was told of goes with it. */
  readonly rest: boolean;
}

/**
 * What was made, as its site has told, in portions that are deleted at once. A restore that was
 * ended may have made more than that, and has a portion also where nothing was told.
 */
const madeAt = async (deps: Deps, siteId: SiteId, made: readonly RunId[]): Promise<readonly Portion[]> => {
  const portions: Portion[] = [];
  for (const restoreId of made) {
    if ((await loadRun(deps, restoreId)) === undefined) continue;
    const facts = await readFacts<RebuildFact>(deps, restoreId, "rebuilding", siteId);
    const ids = facts.map(({ object }: { readonly object: ObjectConfig }) => object.id);
    for (let from = 0; from === 0 || from < ids.length; from += restoredMax) {
      const objects = ids.slice(from, from + restoredMax);
      portions.push({ restoreId, objects, rest: from + restoredMax >= ids.length });
    }
  }
  return portions;
};

/** At the site that it failed over to: only what is as a group has it. */
export const removeThere = (since: (failover: Failover) => FailoverGroup | undefined): RunWork =>
  remove((failover) => ({ siteId: failover.to, made: failover.made, since: since(failover) }));

/**
 * At home: what was made beside what is not overwritten, and may have been in use. Where nothing is
 * known of what came back, as a failback has begun anew, it has to be as the failover left it.
 */
export const removeHere: RunWork = remove(({ home, madeBeside, backGroup, group }) => ({
  siteId: home,
  made: madeBeside,
  since: needGroup(backGroup ?? group),
}));

const stopThere = stopAt(thereIn);
const removeCopies = removeThere(() => undefined);
const isStop = ({ stage }: Failover): boolean => stage === 0;

/** A test's copies are switched off, and then they go, whatever was written to them. */
const removeTest: RunWork = {
  ...removeCopies,
  idOf: (failover, slot) => (isStop(failover) ? stopThere : removeCopies).idOf(failover, slot),
  begin: async (deps, failover, of) => {
    if (!isStop(failover)) return removeCopies.begin(deps, { ...failover, stage: failover.stage - 1 }, of);
    return failover.madeThere === undefined ? { isStage: true } : stopThere.begin(deps, failover, of);
  },
  result: async (deps, failover, run) =>
    isStop(failover) ? { isStage: true } : removeCopies.result(deps, failover, run),
};

const removeSentBack = removeThere(({ backGroup }) => backGroup);

/** What was sent back lay in mirrors at home: they go last, and the groups stay. */
const removeBoth: RunWork = {
  ...removeSentBack,
  begin: async (deps, failover, of) => {
    const portions = await madeAt(deps, failover.to, failover.made);
    if (failover.stage !== portions.length) return removeSentBack.begin(deps, failover, of);
    await beginMirrorRelease(deps, { planId: failover.planId, siteId: failover.home, inFailover: of });
    return undefined;
  },
};
const ofKind = ({ kind }: Failover): RunWork => (kind === "test" ? removeTest : removeBoth);

export const removeAtEnd: RunWork = {
  ...removeBoth,
  idOf: (failover, slot) => ofKind(failover).idOf(failover, slot),
  begin: (deps, failover, of) => ofKind(failover).begin(deps, failover, of),
  result: (deps, failover, run) => ofKind(failover).result(deps, failover, run),
};
