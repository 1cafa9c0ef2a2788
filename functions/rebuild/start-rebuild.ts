import { VisibleError } from "../../core/api/errors.ts";
import type { Group } from "../../core/api/group.ts";
import { type GroupId, planIdOf, type SiteId } from "../../core/api/ids.ts";
import type { Run, RunPlan } from "../../core/api/run.ts";
import { CommitConflict, type Stored } from "../../core/ports/store.ts";
import { newRun } from "../../core/run/new-run.ts";
import { groupKey, runKey, runPlanKey } from "../documents/records.ts";
import { tryDrain } from "../engine/engine.ts";
import { putRun } from "../engine/new-run.ts";
import { putOutbox } from "../engine/outbox.ts";
import type { Deps } from "../ports/deps.ts";
import { readRunPlan } from "../runs/facts.ts";
import { needRun } from "../runs/runs.ts";
import { readTaken } from "../runs/taken.ts";
import { chooseObjects } from "./chosen-objects.ts";
import { refuseWrongNames } from "./rebuilt-names.ts";

interface RebuildOptions {
  readonly groupId: GroupId;
  readonly siteId: SiteId;
  readonly namePrefix: string;
  /** By name or id, as they were when the group was taken. Absent: all. */
  readonly objects?: readonly string[] | undefined;
  readonly evenDamaged?: boolean;
}

/**
 * Begins to rebuild a group's objects, or some of them, on the site that holds it (W12). The group
 * is held until the end.
 *
 * @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE, OBJECT_UNKNOWN, OBJECT_AMBIGUOUS,
 *   OBJECT_NAME_TAKEN, BAD_REQUEST for a name that would be too long, CONFLICT
 */
export const startRebuild = async (deps: Deps, options: RebuildOptions): Promise<Run> => {
  const { groupId, siteId, namePrefix, evenDamaged = false } = options;
  const group = await restorableGroup(deps, groupId, siteId);
  const now = deps.clock.now();
  const { run: origin } = await needRun(deps, group.body.runId);
  const originPlan = await readRunPlan(deps, origin.id);
  const chosen = options.objects && (await chooseObjects(deps, origin.id, groupId, options.objects));
  const isChosen = chosen && ((index: number) => chosen.includes(index));
  await refuseWrongNames(deps, { runId: origin.id, siteId, namePrefix, ...(isChosen && { isChosen }) });
  const taken = await readTaken(deps, origin);
  const run = newRun({
    planId: planIdOf(groupId),
    kind: "rebuild",
    trigger: "person",
    slot: now,
    sequence: group.body.sequence,
    source: origin.source,
    targets: [siteId],
    objectCount: chosen?.length ?? taken?.objects ?? origin.objectCount,
    now,
  });
  const objects = chosen === undefined ? {} : { objects: [...chosen] };
  const restore = { fromRunId: origin.id, fromGroupId: groupId, namePrefix, evenDamaged, ...objects };
  await commitRebuild(deps, group, run, { ...originPlan, runId: run.id, restore });
  return (await needRun(deps, run.id)).run;
};

const commitRebuild = async (deps: Deps, group: Stored<Group>, run: Run, told: RunPlan): Promise<void> => {
  const now = run.createdAt;
  const starts = Object.keys(run.targets).map(
    (target) => ({ type: "start", runId: run.id, target: target as SiteId }) as const,
  );
  const effects = { of: "plan", planId: run.planId, effects: starts } as const;
  const outbox = putOutbox({ aggregate: runKey(run.id), version: 1, effects, now });
  const held: Group = { ...group.body, holds: [...group.body.holds, run.id] };
  try {
    await deps.store.commit([
      ...putRun(run, now),
      { type: "put", key: runPlanKey(run.id), body: told, expect: "absent" },
      { type: "put", key: group.key, body: held, expect: { version: group.version } },
      outbox,
    ]);
  } catch (error) {
    if (!(error instanceof CommitConflict)) throw error;
    throw new VisibleError("CONFLICT", "The group was changed in the meantime.", { hint: "Try again.", cause: error });
  }
  await tryDrain(deps, outbox);
};

const notRestorable: Record<Group["state"], string> = {
  published: "is published",
  lost: "is lost: it was missing when the site last said what it has",
  unknown: "is unknown: nothing is known of the run that made it",
  deleting: "is being deleted",
  deleted: "is deleted",
};

const restorableGroup = async (deps: Deps, groupId: GroupId, siteId: SiteId): Promise<Stored<Group>> => {
  const group = await deps.store.get<Group>(groupKey(groupId, siteId));
  if (group === undefined) {
    const hint = `List the groups of the site with: smtx-backup group list --site ${siteId}`;
    throw new VisibleError("GROUP_UNKNOWN", `Site ${siteId} has no group ${groupId}.`, { hint });
  }
  if (group.body.state === "published" && group.body.role === "mirror") return group;
  const what = group.body.role === "mirror" ? notRestorable[group.body.state] : "is a group of the source site";
  throw new VisibleError("GROUP_NOT_RESTORABLE", `The group ${groupId} on ${siteId} ${what}.`, {
    hint: "Choose a published group of a target site.",
  });
};
