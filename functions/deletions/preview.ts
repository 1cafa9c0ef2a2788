import { type DeletionPreview, goingShownMax } from "../../core/api/deletion/preview.ts";
import type { DeletionWish } from "../../core/api/deletion/request.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { groupIdOf, type Instant } from "../../core/api/ids.ts";
import type { DeletionPlan } from "../../core/api/run.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import type { Deps } from "../ports/deps.ts";
import type { Wanted, WantedAt } from "./going-now.ts";
import { nextRunNotes } from "./next-run.ts";
import { askForSpace } from "./space.ts";
import { digestOf, readWanted } from "./wanted.ts";

/** So long what was seen can be confirmed. */
const goodSeconds = 600;
const sitesAtOnce = 4;

/**
 * What a deletion by hand would take. Changes nothing; the sites are asked how much space it gives
 * back.
 * @throws VisibleError as `readWanted`
 */
export const previewDeletion = async (deps: Deps, wish: DeletionWish): Promise<DeletionPreview> => {
  const wanted = await readWanted(deps, wish);
  const { plan } = wanted;
  const until = addSeconds(deps.clock.now(), goodSeconds);
  return {
    planId: plan.id,
    planName: plan.name,
    plan: wish.type === "plan",
    sites: await mapBounded(wanted.sites, sitesAtOnce, (site) => goingAt(deps, wanted, site)),
    notes: [...(await nextRunNotes(deps, wanted))],
    confirmation: `${until}~${digestOf(wanted, until)}`,
    until,
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

/**
 * Refuses what is not what was seen, or was seen too long ago. Whoever makes a confirmation up has
 * worked out what goes, which is as good.
 * @throws VisibleError PREVIEW_STALE
 */
export const refuseStale = (deps: Pick<Deps, "clock">, wanted: Wanted, confirmation: string): void => {
  const [until = "", digest] = confirmation.split("~");
  const now = deps.clock.now();
  const isInTime = now <= until && (until as Instant) <= addSeconds(now, goodSeconds);
  if (isInTime && digest === digestOf(wanted, until)) return;
  const why = isInTime ? "What would go is not what the preview showed" : "The preview was too long ago";
  throw new VisibleError("PREVIEW_STALE", `${why}: nothing was deleted.`, {
    hint: "Look at it again, and confirm that.",
  });
};
