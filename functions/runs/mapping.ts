import type { RunId, SiteId } from "../../core/api/ids.ts";
import { type Mapping, type ObjectConfig, switchesOf } from "../../core/api/object.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { RebuildWishes } from "../../core/api/restore/wishes.ts";
import type { Run } from "../../core/api/run.ts";
import type { Site } from "../../core/api/site.ts";
import { mappedTo, switchMapping } from "../../core/object/switches.ts";
import { mappingKey, planKey, siteKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { readFacilities } from "../sites/facilities.ts";
import { readRunPlan } from "./facts.ts";
import { putOnce } from "./put-once.ts";

/**
 * Where a run's mirrors at a target lie, and which of its switches take the place of the source's
 * (W7): as the sites say, and the plan before them. Written down when the first of them is
 * prepared; later changes are for later runs.
 */
export const ensureMapping = async (deps: Deps, run: Run, target: SiteId): Promise<Mapping> => {
  const key = mappingKey(run.id, target);
  const wishes = run.sender === undefined ? undefined : (await readRunPlan(deps, run.id)).restore?.wishes;
  const body = withWishes(await mappingNow(deps, run, target), wishes);
  if (await putOnce(deps, { key, body })) return body;
  return (await deps.store.get<Mapping>(key))?.body ?? body;
};

/** What a person wishes for goes before what sites and plan say. */
const withWishes = ({ pool: usual, switches }: Mapping, wishes: RebuildWishes = {}): Mapping => {
  const { pool = usual } = wishes;
  return { ...(pool !== undefined && { pool }), switches: { ...switches, ...wishes.switches } };
};

/** The same as it would be now. What comes back to its own site finds its own switches there. */
export const mappingNow = async (
  deps: Deps,
  { source, planId }: Pick<Run, "source" | "planId">,
  target: SiteId,
): Promise<Mapping> => {
  if (target === source) {
    const own = (await readFacilities(deps, source))?.switches ?? [];
    return { switches: Object.fromEntries(own.map(({ name }) => [name, name])) };
  }
  const [site, plan] = await Promise.all([
    deps.store.get<Site>(siteKey(source)),
    deps.store.get<Plan>(planKey(planId)),
  ]);
  const told = plan?.body.targets.find((one) => one.site === target);
  const switches = switchMapping(site?.body.switchMaps?.[target], told?.switches ?? {});
  return { ...(told?.pool !== undefined && { pool: told.pool }), switches };
};

/**
 * What the preparation of one object's mirror is told of it.
 * @param pool as its shard was told
 * @returns undefined where the mirror is as the object is
 */
export const mappingFor = async (
  deps: Pick<Deps, "store">,
  { runId, target, pool }: { readonly runId: RunId; readonly target: SiteId; readonly pool: string | undefined },
  object: ObjectConfig,
): Promise<Mapping | undefined> => {
  const inPool = pool !== undefined && { pool };
  const used = switchesOf(object);
  if (used.length === 0) return inPool ? { ...inPool, switches: {} } : undefined;
  const { switches = {} } = (await deps.store.get<Mapping>(mappingKey(runId, target)))?.body ?? {};
  const mapped = used.flatMap((name) => {
    const there = mappedTo(switches, name);
    return there === undefined ? [] : [[name, there] as const];
  });
  return { ...inPool, switches: Object.fromEntries(mapped) };
};
