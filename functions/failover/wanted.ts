import { createHash } from "node:crypto";
import { VisibleError } from "../../core/api/errors.ts";
import type { FailoverWish } from "../../core/api/failover/request.ts";
import type { Group } from "../../core/api/group.ts";
import { type GroupId, isRestoreId, planIdOf, type RunId, type SiteId } from "../../core/api/ids.ts";
import { isRule, type Plan, type PlanObject } from "../../core/api/plan.ts";
import type { Reason } from "../../core/api/reason.ts";
import { siteOfObjects } from "../../core/plan/place.ts";
import { hasEnded } from "../../core/run/steps.ts";
import { readGateways } from "../gateways/list.ts";
import type { Deps } from "../ports/deps.ts";
import { readNewest } from "../queries/newest-group.ts";
import { readLivingPlan, readWholePlan } from "../queries/plans.ts";
import { planRebuild } from "../rebuild/plan-rebuild.ts";
import { type Restorable, readPublishedGroup, readRestorable } from "../restores/restorable.ts";
import { readRunPlan } from "../runs/facts.ts";
import { loadRun } from "../runs/runs.ts";
import { type DatedObject, datedObjects } from "./dated.ts";
import { readCurrent } from "./failovers.ts";
import { deletion } from "./in-the-way.ts";
import { rebuildThere } from "./rebuild.ts";

/** What is wanted, as it would be done now. */
export interface WantedFailover {
  readonly wish: FailoverWish;
  readonly plan: Plan;
  readonly group: Group;
  readonly objects: readonly DatedObject[];
  readonly notes: readonly Reason[];
}

/**
 * Works out what a wish means now, and what is in its way as far as the site has told.
 * @throws VisibleError PLAN_UNKNOWN, BAD_REQUEST (the plan does not go there), FAILOVER_UNDER_WAY,
 *   GATEWAY_ABSENT, GROUP_UNKNOWN, GROUP_NOT_RESTORABLE, RUN_UNKNOWN, and as `planRebuild`
 */
export const readWantedFailover = async (deps: Deps, wish: FailoverWish): Promise<WantedFailover> => {
  const plan = await readLivingPlan(deps, wish.plan);
  const { to, kind, madeBy } = wish;
  refuseWhere(plan, wish);
  const current = await readCurrent(deps, plan.id, kind === "test");
  if (current !== undefined) throw underWay(plan, kind === "test");
  const homeAnswers = await answers(deps, plan.source);
  if (!(await answers(deps, to))) throw silent(to, "Start one there");
  if (kind === "planned" && !homeAnswers) throw silent(plan.source, "Leave out --planned where it is lost");
  const group = await groupMeant(deps, plan, wish);
  if (madeBy === undefined) {
    await refuseTaken(deps, wish, await readRestorable(deps, group.id, to));
  }
  const { objects: entries } = await readWholePlan(deps, plan.id);
  const named = entries.filter((entry): entry is PlanObject => !isRule(entry));
  const objects = await datedObjects(deps, group, named);
  const notes = [...notesOf(wish, plan, { objects, homeAnswers }), ...(await notesOfMade(deps, wish))];
  return { wish, plan, group, objects, notes };
};

/** What a failover can't choose is not offered: it has no prefix, and keeps addresses. */
const refuseTaken = async (deps: Deps, wish: FailoverWish, of: Restorable): Promise<void> => {
  const { kind, to } = wish;
  try {
    await planRebuild(deps, of, { ...rebuildThere({ kind, wishes: wish }), siteId: to });
  } catch (error) {
    const instead = VisibleError.is(error) && kind !== "test" ? insteadOf[error.code] : undefined;
    if (!VisibleError.is(error) || instead === undefined) throw error;
    const hint = `${instead}Or delete what is in the way, ${deletion(to)}`;
    throw new VisibleError(error.code, error.message, { hint, cause: error });
  }
};

const insteadOf: Readonly<Record<string, string>> = {
  OBJECT_NAME_TAKEN: "Give what is made there other names with --rename OLD=NEW. ",
  MAC_ADDRESS_TAKEN: "What fails over keeps its addresses: give that VM another one. ",
};

const refuseWhere = (plan: Plan, { to, kind }: FailoverWish): void => {
  const goesThere = plan.kind === "backup" && plan.targets.some(({ site }) => site === to);
  if (!goesThere) {
    throw new VisibleError("BAD_REQUEST", `The plan “${plan.name}” does not copy to ${to}: nothing of it is there.`, {
      hint: `See where it copies to with: smtx-backup plan show ${plan.name}`,
    });
  }
  if (kind !== "test" && siteOfObjects(plan) !== plan.source) {
    throw new VisibleError(
      "FAILOVER_UNDER_WAY",
      `The objects of the plan “${plan.name}” are at ${siteOfObjects(plan)}.`,
      {
        hint: `Bring them home first: smtx-backup failback ${plan.name}`,
      },
    );
  }
};

const underWay = ({ name }: Plan, isTest: boolean) =>
  isTest
    ? new VisibleError("FAILOVER_UNDER_WAY", `The plan “${name}” has a test that is not removed yet.`, {
        hint: `Remove it: smtx-backup failover undo ${name} --test`,
      })
    : new VisibleError("FAILOVER_UNDER_WAY", `The plan “${name}” has a failover that has not ended.`, {
        hint: `See it with: smtx-backup failover show ${name}`,
      });

const answers = async (deps: Deps, siteId: SiteId): Promise<boolean> =>
  (await readGateways(deps, siteId)).some(({ alive }) => alive);

const silent = (siteId: SiteId, instead: string) =>
  new VisibleError("GATEWAY_ABSENT", `No gateway of ${siteId} was heard of lately.`, {
    hint: `${instead}. See: smtx-backup gateway list --site ${siteId}`,
  });

/** @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE, RUN_UNKNOWN, BAD_REQUEST */
const groupMeant = async (deps: Deps, plan: Plan, { to, groupId, madeBy }: FailoverWish): Promise<Group> => {
  const made = madeBy === undefined ? undefined : await groupOfRebuild(deps, plan, to, madeBy);
  const wanted = groupId ?? made;
  if (wanted !== undefined) {
    const { body } = await readPublishedGroup(deps, wanted, to);
    if (body.planId === plan.id) return body;
    throw new VisibleError("GROUP_UNKNOWN", `The group ${wanted} is none of the plan “${plan.name}”.`, {
      hint: `List its groups with: smtx-backup group list --plan ${plan.name}`,
    });
  }
  const { group } = await readNewest(deps, plan.id, to);
  if (group !== undefined) return group;
  throw new VisibleError("GROUP_UNKNOWN", `The plan “${plan.name}” has no restore point at ${to}.`, {
    hint: `Back it up first: smtx-backup plan run ${plan.name}`,
  });
};

/** Of a rebuild that this control plane knows; one of before it is taken at its word. */
const groupOfRebuild = async (deps: Deps, plan: Plan, to: SiteId, madeBy: RunId): Promise<GroupId | undefined> => {
  const run = (await loadRun(deps, madeBy))?.run;
  // What another plan's restore has made stands for nothing of this one.
  if (run === undefined && isRestoreId(madeBy) && planIdOf(madeBy) === plan.id) return undefined;
  const part = run?.targets[to];
  const isGood = run?.planId === plan.id && run.kind === "rebuild" && part?.state === "succeeded" && hasEnded(part);
  if (isGood) return (await readRunPlan(deps, madeBy)).restore?.fromGroupId;
  throw new VisibleError("BAD_REQUEST", `The run ${madeBy} has not rebuilt the plan “${plan.name}” at ${to}.`, {
    hint: `See what it did with: smtx-backup run show ${madeBy}`,
  });
};

const notesOf = (
  { kind, to }: FailoverWish,
  { source, name }: Plan,
  { objects, homeAnswers }: { readonly objects: readonly DatedObject[]; readonly homeAnswers: boolean },
): readonly Reason[] => {
  const notes: Reason[] = [];
  if (kind === "unplanned" && homeAnswers) {
    const message = `Site ${source} answers: its machines may run, and would run at both sites. A failover with --planned switches them off first, and loses nothing.`;
    notes.push({ code: "SOURCE_ANSWERS", message });
  }
  const [absent] = objects.filter(({ rebuilt }) => !rebuilt);
  if (absent !== undefined) {
    const count = objects.filter(({ rebuilt }) => !rebuilt).length;
    const message = `${count} of the objects of the plan “${name}” are not in the restore point at ${to}: “${absent.name}”${count > 1 ? ", and others" : ""}.`;
    notes.push({ code: "NOT_REBUILT", message });
  }
  return notes;
};

/** What nobody here knows of can't be removed by it. */
const notesOfMade = async (deps: Deps, { madeBy, to }: FailoverWish): Promise<readonly Reason[]> => {
  if (madeBy === undefined || (await loadRun(deps, madeBy)) !== undefined) return [];
  const message = `${madeBy} is not known here: what it has made at ${to} stays there, off, after a failback.`;
  return [{ code: madeElsewhere, message }];
};

export const madeElsewhere = "MADE_ELSEWHERE";

/** A digest of all that it would do: what is confirmed is this and nothing else. */
export const digestOfFailover = ({ wish, plan, group, objects, notes }: WantedFailover, until: string): string =>
  createHash("sha256")
    .update(
      JSON.stringify([
        ...[until, Object.entries(wish).sort(), plan.id, group.id],
        ...[
          objects.map(({ kind, id, groupId, rebuilt }) => [kind, id, groupId, rebuilt]),
          notes.map(({ code }) => code),
        ],
      ]),
    )
    .digest("base64url");
