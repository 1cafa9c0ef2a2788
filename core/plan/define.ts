import { VisibleError } from "../api/errors.ts";
import type { Instant, PlanId, SiteId } from "../api/ids.ts";
import { messageText } from "../api/message.ts";
import { isRule, type Plan, type PlanDefinition, type PlanEntry } from "../api/plan.ts";
import type { Site } from "../api/site.ts";
import { validateSchedule } from "../schedule/validate.ts";
import { type KnownFacilities, refuseUnknownPool, refuseUnsupportedKinds, refuseWrongSwitches } from "./facilities.ts";
import type { KnownObjects } from "./named.ts";
import { refuseMoved } from "./refuse-moved.ts";
import { resolveObjects } from "./resolve.ts";
import { knownSite, refuseWrongSites } from "./sites.ts";
import { refuseWrongStages } from "./stages.ts";

/**
 * What a definition is checked against: the sites that it names, and what its source has
 * of what it asks for.
 */
export interface PlanContext {
  readonly sites: readonly Site[];
  readonly known: KnownObjects | undefined;
  readonly facilities: KnownFacilities;
}

/** A plan is one document. */
const planBytesMax = 300 * 1024;
/** Its entries go into one message to the source. */
const objectsBytesMax = 600 * 1024;

/** A plan with the entries of its set. */
export type WholePlan = Plan & { readonly objects: readonly PlanEntry[] };

/**
 * The plan that a person's definition asks for, with its objects found among those of the source.
 * Every refusal is a VisibleError of code BAD_REQUEST, SITE_UNKNOWN, SITE_IN_OTHER_MULTI_CLUSTER,
 * PLAN_TARGET_IS_SOURCE, PLAN_EMPTY, OBJECT_UNKNOWN, OBJECT_AMBIGUOUS, OBJECT_IS_MIRROR,
 * OBJECT_UNUSABLE, OBJECT_KIND_UNSUPPORTED, SWITCH_UNMAPPED, SWITCH_UNKNOWN, POOL_UNKNOWN,
 * PLAN_TOO_LARGE or SCHEDULE_IMPOSSIBLE.
 */
export const definePlan = (
  definition: PlanDefinition,
  context: PlanContext & { readonly now: Instant; readonly planId: PlanId },
): WholePlan => {
  const plan: WholePlan = {
    id: context.planId,
    kind: kindOf(definition),
    status: "active",
    ...defined(definition, context, []),
    objectSet: 1,
    createdAt: context.now,
    slotsDoneUntil: context.now,
    sequence: 0,
    lanes: lanesFor(definition, {}),
  };
  refuseTooLarge(plan);
  return plan;
};

/**
 * The plan after a person has written its definition anew. Runs that go on are not touched: the
 * lane of a target that is no longer in the plan stays until it is empty. An object that the plan
 * holds already may stay when its site is not known to have it now, so that a plan can be changed
 * while its site is down.
 *
 * @throws {VisibleError} what `definePlan` does, and PLAN_KIND_FIXED, PLAN_SOURCE_FIXED,
 *   PLAN_UNKNOWN for a deleted plan, and FAILOVER_UNDER_WAY or PLAN_AWAY for other objects or
 *   targets of one that a failover has moved
 */
export const redefinePlan = (plan: WholePlan, definition: PlanDefinition, context: PlanContext): WholePlan => {
  refuseDeleted(plan);
  refuseOtherKind(plan, definition);
  refuseOtherSource(plan, definition);
  const { schedule: _, retention: __, stages: ___, adopted: ____, ...rest } = plan;
  const changes = defined(definition, context, plan.objects);
  const changed: WholePlan = {
    ...rest,
    ...changes,
    objectSet: plan.objectSet + (isSameObjects(changes.objects, plan.objects) ? 0 : 1),
    lanes: lanesFor(definition, plan.lanes),
  };
  if (changed.objectSet !== plan.objectSet) refuseMoved(plan, "Its objects were not changed");
  if (!isSameSites(changed, plan)) refuseMoved(plan, "Its targets were not changed");
  refuseTooLarge(changed);
  return changed;
};

const isSameSites = (one: Pick<Plan, "targets">, other: Pick<Plan, "targets">): boolean => {
  const sitesOf = ({ targets }: Pick<Plan, "targets">) =>
    targets
      .map(({ site }) => site)
      .sort()
      .join();
  return sitesOf(one) === sitesOf(other);
};

const isSameObjects = (some: readonly PlanEntry[], others: readonly PlanEntry[]): boolean =>
  some.length === others.length && some.every((entry, index) => textOf(entry) === textOf(others[index]));

const textOf = (entry: PlanEntry | undefined): string => {
  if (entry === undefined) return "";
  const { kind } = entry;
  return JSON.stringify(
    isRule(entry) ? [kind, entry.match, entry.label, entry.directory] : [kind, entry.id, entry.name, "named"],
  );
};

/** W2: no targets, a snapshot plan. */
const kindOf = ({ targets }: PlanDefinition): Plan["kind"] => (targets.length === 0 ? "snapshot" : "backup");

type Defined = Pick<
  WholePlan,
  "name" | "source" | "targets" | "objectCount" | "objects" | "schedule" | "retention" | "compression" | "stages"
>;

const defined = (definition: PlanDefinition, context: PlanContext, held: readonly PlanEntry[]): Defined => {
  const { name, source, targets, schedule, retention, compression, stages } = definition;
  refuseWrongSites(definition, context.sites);
  if (kindOf(definition) === "snapshot" && retention === undefined) {
    throw new VisibleError("BAD_REQUEST", "A plan without targets has to say how many groups its source keeps.", {
      hint: "Write retention: { keepLast: 7 } at the top level of the plan, or give it targets with their own.",
    });
  }
  if (schedule !== undefined) validateSchedule(schedule);
  refuseUnsupportedKinds(definition, context.facilities);
  const { entries, objects } = resolveObjects(definition, context.known, held);
  refuseWrongStages(stages, entries);
  const { switchMaps } = knownSite(context.sites, source);
  for (const target of targets) {
    refuseUnknownPool(target, context.facilities);
    refuseWrongSwitches(objects, target, {
      source,
      ofSites: switchMaps?.[target.site],
      facilities: context.facilities,
    });
  }
  return {
    name,
    source,
    targets,
    objectCount: entries.length,
    objects: entries,
    ...(schedule === undefined ? {} : { schedule }),
    ...(retention === undefined ? {} : { retention }),
    compression,
    ...(stages === undefined ? {} : { stages }),
  };
};

/**
 * One lane a target, or one for the source of a snapshot plan; and those where a run is going on or
 * waits.
 */
const lanesFor = ({ source, targets }: PlanDefinition, lanes: Plan["lanes"]): Plan["lanes"] => {
  const wanted: readonly SiteId[] = targets.length === 0 ? [source] : targets.map(({ site }) => site);
  const inUse = Object.entries(lanes).filter(([, lane]) => lane.active !== null || lane.queued !== null);
  return Object.fromEntries([...wanted.map((site) => [site, { active: null, queued: null }]), ...inUse]);
};

const refuseDeleted = (plan: Plan): void => {
  if (plan.status !== "deleted") return;
  throw new VisibleError("PLAN_UNKNOWN", `The plan “${plan.name}” was deleted.`, {
    hint: "Create a new plan; the restore points of this one can still be rebuilt from.",
  });
};

const refuseOtherKind = (plan: Plan, definition: PlanDefinition): void => {
  if (kindOf(definition) === plan.kind) return;
  const message =
    plan.kind === "backup"
      ? "A backup plan can't do without targets: it never becomes a snapshot plan."
      : "A snapshot plan can't get targets: it never becomes a backup plan.";
  throw new VisibleError("PLAN_KIND_FIXED", message, { hint: "Create another plan beside this one." });
};

const refuseOtherSource = (plan: Plan, definition: PlanDefinition): void => {
  if (definition.source === plan.source) return;
  throw new VisibleError(
    "PLAN_SOURCE_FIXED",
    `The plan protects site “${plan.source}”; its source can't become “${definition.source}”.`,
    { hint: `Create another plan for site “${definition.source}”.` },
  );
};

const refuseTooLarge = ({ objects, ...plan }: WholePlan): void => {
  refuseAbove(planBytesMax, plan, "The plan takes", "Map fewer switches, or split its targets among several plans.");
  const hint = "Split them among several plans, or give them shorter names.";
  refuseAbove(objectsBytesMax, objects, "The plan's objects take", hint);
};

const refuseAbove = (bytesMax: number, value: object, what: string, hint: string): void => {
  const bytes = messageText(value).length;
  if (bytes <= bytesMax) return;
  const message = `${what} ${Math.ceil(bytes / 1024)} KiB, and ${bytesMax / 1024} KiB are the most.`;
  throw new VisibleError("PLAN_TOO_LARGE", message, { hint });
};
