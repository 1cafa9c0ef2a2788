import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId, SiteId } from "../../core/api/ids.ts";
import { shownName } from "../../core/api/name.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { type AttachListen, attachmentsPerGateway } from "../../core/api/restore/attach.ts";
import type { Run } from "../../core/api/run.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { listAttachments, putAttachment } from "../attachments/attachments.ts";
import { readGatewaysOfLate } from "../gateways/list.ts";
import type { Deps } from "../ports/deps.ts";
import { chooseObjects } from "../rebuild/chosen-objects.ts";
import { beginRestore } from "../restores/begin.ts";
import { readRestorable } from "../restores/restorable.ts";
import { needFact, type SnapshotFact } from "../runs/facts.ts";

interface AttachOptions {
  readonly groupId: GroupId;
  /** The site that has the group, whose gateway serves it. */
  readonly siteId: SiteId;
  /** By name or id, as it was when the group was taken. */
  readonly object: string;
  readonly disk?: number | undefined;
  readonly forSeconds: number;
  readonly writable: boolean;
  readonly listen?: AttachListen | undefined;
  /** Who asks for it, for people. */
  readonly by: string;
}

/**
 * Begins to serve an object of a group, or one of its disks, as NBD exports. The group is held as
 * long as that lasts.
 * @throws VisibleError OBJECT_UNKNOWN, OBJECT_AMBIGUOUS, VOLUME_UNKNOWN (it has no such disk),
 *   ATTACHMENTS_FULL, and as `readRestorable` and `beginRestore`
 */
export const startAttach = async (deps: Deps, options: AttachOptions): Promise<Run> => {
  const { groupId, siteId, disk, forSeconds, writable, listen, by } = options;
  const of = await readRestorable(deps, groupId, siteId);
  const [index = 0] = await chooseObjects(deps, of.origin.id, groupId, [options.object]);
  const { config } = await needFact<SnapshotFact>(deps, of.origin.id, "snapshotting", "source", index);
  refuseMissing(config, disk, groupId);
  await refuseTooMany(deps, siteId);
  const since = deps.clock.now();
  const until = addSeconds(since, forSeconds);
  const alike = { writable, until, ...(disk !== undefined && { disk }) };
  return beginRestore(deps, {
    ...{ kind: "attach", of, target: siteId, objectCount: 1 },
    told: { namePrefix: "", objects: [index], attach: { ...alike, ...(listen && { listen }) } },
    until,
    alongside: async ({ id: runId }) => [
      putAttachment({
        ...{ runId, siteId, groupId, planName: of.originPlan.planName, by, since, attached: null, ...alike },
        object: { kind: config.kind, name: config.name },
      }),
    ],
  });
};

/** @throws VisibleError VOLUME_UNKNOWN */
const refuseMissing = (object: ObjectConfig, disk: number | undefined, groupId: GroupId): void => {
  const disks = object.kind === "vm" ? object.vm.disks.map(({ index }) => index) : object.volumes.map((_, i) => i);
  if (disk === undefined ? disks.length > 0 : disks.includes(disk)) return;
  const what = disk === undefined ? "has no disk of its own" : `has no disk ${disk}`;
  throw new VisibleError("VOLUME_UNKNOWN", `“${shownName(object.name)}” ${what} in the group ${groupId}.`, {
    hint: disks.length > 0 ? `Its disks: ${disks.join(", ")}.` : `See what is in it: smtx-backup group show ${groupId}`,
  });
};

/**
 * The gateways know it for certain; here it is told at once.
 * @throws VisibleError ATTACHMENTS_FULL
 */
const refuseTooMany = async (deps: Deps, siteId: SiteId): Promise<void> => {
  const alive = (await readGatewaysOfLate(deps, siteId)).filter((gateway) => gateway.alive);
  const most = Math.max(1, alive.length) * attachmentsPerGateway;
  const { items } = await listAttachments(deps, siteId, { limit: most });
  if (items.length < most) return;
  throw new VisibleError("ATTACHMENTS_FULL", `Site ${siteId} has ${most} attachments, and serves no more at once.`, {
    hint: `Detach one: smtx-backup group attachments --site ${siteId}`,
  });
};
