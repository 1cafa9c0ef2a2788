import { type DeletionPreview, goingShownMax } from "../../core/api/deletion/preview.ts";
import type { DeletionWish } from "../../core/api/deletion/request.ts";
import { groupIdOf } from "../../core/api/ids.ts";
import type { DeletionPlan } from "../../core/api/run.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import { confirmationOf } from "../confirmations/confirmation.ts";
import type { Deps } from "../ports/deps.ts";
import type { Wanted, WantedAt } from "./going-now.ts";
import { nextRunNotes } from "./next-run.ts";
import { askForSpace } from "./space.ts";
import { digestOf, readWanted } from "./wanted.ts";

const sitesAtOnce = 4;

/**
 * What a deletion by hand would take. Changes nothing; the sites are asked how much space it gives
 * back.
 * @throws VisibleError as `readWanted`
 */
export const previewDeletion = async (deps: Deps, wish: DeletionWish): Promise<DeletionPreview> => {
  const wanted = await readWanted(deps, wish);
  const { plan } = wanted;
  return {
    planId: plan.id,
    planName: plan.name,
    plan: wish.type === "plan",
    sites: await mapBounded(wanted.sites, sitesAtOnce, (site) => goingAt(deps, wanted, site)),
    notes: [...(await nextRunNotes(deps, wanted))],
    ...confirmationOf(deps, (until) => digestOf(wanted, until)),
  };
};

const goingAt = async (
  deps: Deps,
  { plan, told: { restored } }: Wanted,
  { siteId, mirrors, groups, going }: WantedAt,
) => ({
  siteId,
  mirrors,
  groups: going.slice(0, goingShownMax).map(({ body }) => {
    const { id, takenAt, role, objectCount, sizeBytes, state } = body;
    return { id, takenAt, role, objectCount, sizeBytes, state };
  }),
  groupCount: going.length,
  ...(restored && { objects: restored.objects }),
  spaceQuestion: await askForSpace(deps, siteId, {
    planId: plan.id,
    source: plan.source,
    groups,
    mirrors,
    ...(restored && { restored: toldOf(restored) }),
  }),
});

const toldOf = ({ restoreId, objects }: NonNullable<DeletionPlan["restored"]>) => ({
  groupId: groupIdOf(restoreId),
  objects: objects.map(({ kind, id }) => ({ kind, id })),
});
