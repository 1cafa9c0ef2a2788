import { VisibleError } from "../../../../core/api/errors.ts";
import type { ObjectUse } from "../../rollback.ts";
import { disksOf } from "../administration/disks.ts";
import type { OwnRow } from "../administration/find.ts";
import type { Cluster } from "../administration/remove.ts";
import type { VmRow } from "../cluster/vms.ts";
import type { VolumeRow } from "../cluster/volume-row.ts";
import { calledAs } from "./now-and-then.ts";

/* Who uses an object. Everything here runs inside the caller's transaction. */

/**
 * Why an object can't be rolled back now; undefined: it can.
 * @param then the volumes that the group has of it, also those that are no disks of it any more
 */
export const usedBy = (cluster: Cluster, own: OwnRow, then: readonly VolumeRow[]): ObjectUse | undefined => {
  if (own.kind !== "vm") return volumeUsedBy(cluster, own.volume);
  if (own.vm.status !== "STOPPED") {
    return { why: `the VM “${own.vm.name}” is on`, vmId: own.vm.id };
  }
  const volumes = disksOf(cluster.database, own.vm).flatMap(({ volume }) => volume ?? []);
  return [...volumes, ...then].map((volume) => writtenBy(cluster, volume)).find((why) => why !== undefined);
};

const volumeUsedBy = (cluster: Cluster, volume: VolumeRow): ObjectUse | undefined => {
  const running = cluster.database.one<VmRow>(
    "SELECT vms.* FROM vms JOIN vmDisks ON id = vmId WHERE volumeId = ? AND status <> 'STOPPED' LIMIT 1",
    volume.id,
  );
  if (running === undefined) return writtenBy(cluster, volume);
  return { why: `the VM “${running.name}”, which has it, is on`, vmId: running.id };
};

const writtenBy = ({ writer }: Cluster, volume: VolumeRow): ObjectUse | undefined =>
  volume.writer !== null && writer.isAlive(volume.writer) ? { why: `“${volume.name}” is open for writing` } : undefined;

/** @throws OBJECT_BUSY */
export const refuseUsed = (cluster: Cluster, own: OwnRow, then: readonly VolumeRow[]): void => {
  const use = usedBy(cluster, own, then);
  if (use === undefined) return;
  throw new VisibleError("OBJECT_BUSY", `The ${calledAs(own)} can't be rolled back: ${use.why}.`, {
    hint: "End what writes; switch a VM off with: smtx-backup object power-off VM --site SITE",
  });
};
