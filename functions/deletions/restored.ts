import type { DeletionWish } from "../../core/api/deletion/request.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { planIdOf, type RunId, type SiteId } from "../../core/api/ids.ts";
import { foldedName, shownName } from "../../core/api/name.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { pagesOf } from "../../core/api/pages.ts";
import { isRule, type PlanEntry } from "../../core/api/plan.ts";
import { type DeletionPlan, restoredMax } from "../../core/api/run.ts";
import { fitsRule } from "../../core/object/rule.ts";
import { hasEnded } from "../../core/run/steps.ts";
import { findLock, objectLocked } from "../locks/locks.ts";
import type { Deps } from "../ports/deps.ts";
import { listWholePlans, readPlan, readWholePlan } from "../queries/plans.ts";
import { type RebuildFact, readFacts } from "../runs/facts.ts";
import { needRun } from "../runs/runs.ts";
import type { Wanted } from "./going-now.ts";

type Wish = Extract<DeletionWish, { type: "restored" }>;

/**
 * What of that which a restore has made is meant, as its site told when it made it. Whether it is
 * that still the site's own store judges, when it deletes.
 * @param rest what nobody was told of is meant, too, so nothing need be known
 * @throws VisibleError RUN_UNKNOWN, OBJECT_UNKNOWN, PLAN_BUSY (the restore goes on), OBJECT_LOCKED,
 *   OBJECT_PROTECTED
 */
export const readRestored = async (deps: Deps, wish: Wish, rest = false): Promise<Wanted> => {
  const { restoreId, siteId } = wish;
  const objects = await madeBy(deps, wish);
  if (objects.length === 0 && !rest) throw notMade(undefined, restoreId);
  const lock = await findLock(deps, siteId, objects.flatMap(lockablesIn));
  if (lock !== undefined) throw objectLocked(lock);
  await refuseProtected(deps, siteId, objects);
  const plan = await readPlan(deps, planIdOf(restoreId));
  if (plan.status !== "deleted" && plan.place?.standIns.includes(restoreId)) throw standsIn(plan.name, restoreId);
  const site = { siteId, groups: [], mirrors: false };
  const restored: DeletionPlan["restored"] = {
    restoreId,
    objects: objects.map(({ kind, id, name }) => ({ kind, id, name })),
  };
  return {
    ...{ wish, plan, planThen: plan, upTo: Math.max(1, plan.sequence) },
    told: { sites: [site], last: false, despiteKeepUntil: false, restored },
    sites: [{ ...site, at: { here: [], rules: new Map() }, going: [] }],
  };
};

const lockablesIn = ({ id, name, volumes }: ObjectConfig) =>
  [id, ...volumes.map((volume) => volume.id)].map((one) => ({ id: one, name }));

const madeBy = async (deps: Deps, { restoreId, siteId, objects: wanted }: Wish): Promise<readonly ObjectConfig[]> => {
  const { run } = await needRun(deps, restoreId);
  const part = run.targets[siteId];
  if (part !== undefined && !hasEnded(part)) throw goesOn(restoreId);
  const made = (await readFacts<RebuildFact>(deps, restoreId, "rebuilding", siteId)).map(({ object }) => object);
  for (const text of wanted ?? []) if (!made.some((object) => isMeant(object, text))) throw notMade(text, restoreId);
  const meant = wanted === undefined ? made : made.filter((one) => wanted.some((text) => isMeant(one, text)));
  if (meant.length > restoredMax) throw tooMany(restoreId);
  return [...new Map(meant.map((object) => [object.id, object])).values()];
};

const isMeant = ({ id, name }: ObjectConfig, text: string): boolean =>
  id === text || foldedName(name) === foldedName(text);

const plansPerPage = 100;

/** What a living plan protects is somebody's work by now. */
const refuseProtected = async (deps: Deps, siteId: SiteId, objects: readonly ObjectConfig[]): Promise<void> => {
  for await (const { items } of pagesOf((cursor) => listWholePlans(deps, { limit: plansPerPage, cursor }))) {
    for (const { id, name, source } of items) {
      if (source !== siteId) continue;
      const { objects: entries } = await readWholePlan(deps, id);
      const isOf = (object: ObjectConfig) => entries.some((entry) => isEntryOf(entry, object));
      const needed = objects.find(isOf);
      if (needed !== undefined) throw isProtected(name, needed);
    }
  }
};

const isEntryOf = (entry: PlanEntry, object: ObjectConfig): boolean =>
  isRule(entry) ? fitsRule(entry, object) : entry.kind === object.kind && entry.id === object.id;

const goesOn = (restoreId: RunId) =>
  new VisibleError("PLAN_BUSY", `The restore ${restoreId} has not ended.`, {
    hint: `Wait until it has, or cancel it: smtx-backup run cancel ${restoreId}`,
  });

const notMade = (text: string | undefined, restoreId: RunId) =>
  new VisibleError(
    "OBJECT_UNKNOWN",
    text === undefined
      ? `The run ${restoreId} has made nothing there.`
      : `The run ${restoreId} has made no “${shownName(text)}” there.`,
    { hint: `See what it has made, and where: smtx-backup run show ${restoreId}` },
  );

const tooMany = (restoreId: RunId) =>
  new VisibleError("BAD_REQUEST", `The run ${restoreId} has made more than ${restoredMax} objects.`, {
    hint: "Name some of them at a time.",
  });

const isProtected = (plan: string, object: ObjectConfig) =>
  new VisibleError("OBJECT_PROTECTED", `The plan “${plan}” protects “${shownName(object.name)}” (${object.id}).`, {
    hint: `Take it out of the plan first: smtx-backup plan update ${plan} -f FILE`,
  });

const standsIn = (plan: string, restoreId: RunId) =>
  new VisibleError("OBJECT_PROTECTED", `What ${restoreId} has made stands for the objects of the plan “${plan}”.`, {
    hint: `See where they are with: smtx-backup plan show ${plan}`,
  });
