import { type Group, groupSchema } from "../../core/api/group.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import { CommitConflict, type Stored } from "../../core/ports/store.ts";
import { retrying } from "../documents/conflicts.ts";
import { groupKey } from "../documents/records.ts";
import { putGroup } from "../groups/groups.ts";
import type { Deps } from "../ports/deps.ts";
import { putOnce } from "../runs/put-once.ts";
import { loadRun } from "../runs/runs.ts";
import { readTaken, type WholeTaken } from "../runs/taken.ts";
import { ensureRunOfGroup, runOfGroup } from "./adopted-run.ts";
import type { BelievedGroup } from "./judge.ts";

/** What became of a group that a site holds. */
export interface AdoptedGroup {
  readonly is: "adopted" | "known";
  /** Whose facts say what is in it. */
  readonly runId: RunId;
}

/**
 * Makes a group that a site holds known as the restore point that it is. What is known already
 * stays as it is, and so does what is being deleted.
 * @returns undefined: too many sites have told different things of this group
 */
export const adoptGroup = (
  deps: Deps,
  { siteId, dryRun }: { readonly siteId: SiteId; readonly dryRun: boolean },
  believed: BelievedGroup,
): Promise<AdoptedGroup | undefined> =>
  retrying(deps, async () => {
    const { manifest } = believed;
    const stored = await deps.store.get<Group>(groupKey(manifest.groupId, siteId));
    if (stored !== undefined && isKnown(stored)) return { is: "known", runId: stored.body.runId };
    const made = { ...believed, siteId };
    const runId = await (dryRun ? runOfGroup : ensureRunOfGroup)(deps, made);
    if (runId === undefined || dryRun) return runId && { is: "adopted", runId };
    const body = await recordOf(deps, { siteId, runId, holds: stored?.body.holds ?? [] }, believed);
    const isPut =
      stored === undefined
        ? await putOnce(deps, { key: groupKey(manifest.groupId, siteId), body })
        : await putGroup(deps, stored, body);
    if (!isPut) throw new CommitConflict();
    return { is: "adopted", runId };
  });

/** What was lost is there again; of what was unknown all is known now. */
const isKnown = ({ body: { state } }: Stored<Group>): boolean => state !== "unknown" && state !== "lost";

const recordOf = async (
  deps: Deps,
  { siteId, runId, holds }: Pick<Group, "siteId" | "runId" | "holds">,
  { manifest, sizeBytes, publishedAt }: BelievedGroup,
): Promise<Group> => {
  const { groupId: id, planId, sequence, takenAt, objects } = manifest;
  const taken = await takenBy(deps, runId);
  return groupSchema.parse({
    ...{ id, planId, runId, siteId, role: "mirror", sequence, takenAt, publishedAt, holds, state: "published" },
    objectCount: objects.length,
    ...(taken?.volumes !== undefined && { volumeCount: taken.volumes }),
    sizeBytes,
  });
};

const takenBy = async (deps: Deps, runId: RunId): Promise<WholeTaken | undefined> => {
  const loaded = await loadRun(deps, runId);
  return loaded && readTaken(deps, loaded.run);
};
