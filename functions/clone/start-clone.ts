import { VisibleError } from "../../core/api/errors.ts";
import { type GroupId, planIdOf, type SiteId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import { readGroups } from "../groups/groups.ts";
import type { Deps } from "../ports/deps.ts";
import { chooseObjects } from "../rebuild/chosen-objects.ts";
import { refuseWrongNames } from "../rebuild/rebuilt-names.ts";
import { beginRestore } from "../restores/begin.ts";
import { readRestorable } from "../restores/restorable.ts";
import { readTaken } from "../runs/taken.ts";

interface CloneOptions {
  readonly groupId: GroupId;
  readonly fromSiteId?: SiteId | undefined;
  readonly siteId: SiteId;
  readonly namePrefix: string;
  readonly objects?: readonly string[] | undefined;
  readonly evenDamaged?: boolean;
}

/**
 * Begins to make a group's objects, or some of them, at any site (W12). A site that has the group
 * already is sent nothing; else it is sent by another that has it, where it is held until the end.
 * @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE, OBJECT_UNKNOWN, OBJECT_AMBIGUOUS,
 *   OBJECT_NAME_TAKEN, BAD_REQUEST (several sites have it, and none was named), and as
 *   `beginRestore`
 */
export const startClone = async (deps: Deps, options: CloneOptions): Promise<Run> => {
  const { groupId, siteId, namePrefix, evenDamaged = false } = options;
  const of = await readRestorable(deps, groupId, await holderOf(deps, options));
  const { origin } = of;
  const chosen = options.objects && (await chooseObjects(deps, origin.id, groupId, options.objects));
  const isChosen = chosen && ((index: number) => chosen.includes(index));
  await refuseWrongNames(deps, { runId: origin.id, siteId, namePrefix, ...(isChosen && { isChosen }) });
  const taken = await readTaken(deps, origin);
  return beginRestore(deps, {
    kind: "clone",
    of,
    target: siteId,
    objectCount: chosen?.length ?? taken?.objects ?? origin.objectCount,
    told: { namePrefix, evenDamaged, ...(chosen && { objects: [...chosen] }) },
  });
};

/** The site from whose group the objects are made. */
const holderOf = async (deps: Deps, { groupId, fromSiteId, siteId }: CloneOptions): Promise<SiteId> => {
  const groups = await readGroups(deps, planIdOf(groupId));
  const holders = groups.flatMap(({ body }) =>
    body.id === groupId && body.state === "published" ? [body.siteId as SiteId] : [],
  );
  if (holders.includes(siteId)) return siteId;
  if (fromSiteId !== undefined) return fromSiteId;
  const [only, ...others] = holders;
  if (only === undefined) {
    const hint = "List the restore points that there are with: smtx-backup group list";
    throw new VisibleError("GROUP_UNKNOWN", `No site has the group ${groupId}.`, { hint });
  }
  if (others.length === 0) return only;
  throw new VisibleError("BAD_REQUEST", `Several sites have the group ${groupId}: ${holders.join(", ")}.`, {
    hint: `Say which of them sends it: smtx-backup clone ${groupId} --from ${only} --to ${siteId}`,
  });
};
