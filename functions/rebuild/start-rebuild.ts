import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId, SiteId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import type { Deps } from "../ports/deps.ts";
import { beginRestore } from "../restores/begin.ts";
import { readRestorable } from "../restores/restorable.ts";
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
 *   OBJECT_NAME_TAKEN, BAD_REQUEST for a name that would be too long, and as `beginRestore`
 */
export const startRebuild = async (deps: Deps, options: RebuildOptions): Promise<Run> => {
  const { groupId, siteId, namePrefix, evenDamaged = false } = options;
  const of = await readRestorable(deps, groupId, siteId);
  if (of.group.role === "source") throw ofSource(groupId, siteId);
  const { origin } = of;
  const chosen = options.objects && (await chooseObjects(deps, origin.id, groupId, options.objects));
  const isChosen = chosen && ((index: number) => chosen.includes(index));
  await refuseWrongNames(deps, { runId: origin.id, siteId, namePrefix, ...(isChosen && { isChosen }) });
  const taken = await readTaken(deps, origin);
  return beginRestore(deps, {
    kind: "rebuild",
    of,
    target: siteId,
    objectCount: chosen?.length ?? taken?.objects ?? origin.objectCount,
    told: { namePrefix, evenDamaged, ...(chosen && { objects: [...chosen] }) },
  });
};

const ofSource = (groupId: GroupId, siteId: SiteId) =>
  new VisibleError("GROUP_NOT_RESTORABLE", `The group ${groupId} on ${siteId} is a group of the source site.`, {
    hint: "Choose a published group of a target site.",
  });
