import type { ObjectConfig } from "../../core/api/object.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { groupOf, owner, resultOf, sourceSite, targetSite, taskFields } from "./tasks.ts";

export interface BackupOptions {
  readonly source: GatewayClient;
  readonly target: GatewayClient;
  readonly object: ObjectConfig;
  readonly sequence: number;
  /** The run before; `snapshotId` null where the source has deleted its snapshot. */
  readonly base: { readonly sequence: number; readonly snapshotId: string | null } | null;
  readonly compress: boolean;
}

/**
 * One run of a plan as the control plane would lead it, task by task: snapshot,
 * prepare, transfer, publish.
 * @returns the source's snapshot, and how much of it was read
 */
export const backUp = async (
  options: BackupOptions,
): Promise<{ readonly snapshotId: string; readonly bytesRead: number }> => {
  const { source, target, object, sequence, base, compress } = options;
  const { kind, id, name } = object;
  const snapshotTask = taskFields(sequence, "snapshotting", sourceSite);
  const taken = resultOf(
    "snapshot",
    await source.call("perform", { ...snapshotTask, kind: "snapshot", objects: [{ kind, id, name }] }),
  );
  const [snapshotted] = taken.objects;
  const [snapshotId] = snapshotted?.snapshotIds ?? [];
  if (snapshotted === undefined || snapshotId === undefined) throw new Error("there is no snapshot");
  const { config } = snapshotted;

  const prepareTask = taskFields(sequence, "preparing", targetSite);
  const prepared = await target.call("perform", { ...prepareTask, kind: "prepare", object: config });
  const { volumes } = resultOf("prepare", prepared);
  const [mirror] = volumes;
  if (mirror === undefined) throw new Error("there is no mirror");

  const transferred = await source.call("perform", {
    ...taskFields(sequence, "transferring", sourceSite),
    kind: "transfer",
    volumes: [{ snapshotId, baseSnapshotId: base?.snapshotId ?? null, mirrorVolumeId: mirror.mirrorVolumeId }],
    baseGroupId: base === null ? null : groupOf(base.sequence),
    compression: { enabled: compress, level: 1, dictionary: true },
    endpoints: [target.endpoint],
  });

  await target.call("perform", {
    ...taskFields(sequence, "publishing", targetSite),
    kind: "publish",
    mirrors: [{ index: 0, volumes }],
    manifest: {
      ...owner,
      planName: "bench",
      groupId: groupOf(sequence),
      sequence,
      takenAt: taken.takenAt,
      objects: [config],
    },
  });
  return { snapshotId, bytesRead: resultOf("transfer", transferred).progress.bytesRead };
};
