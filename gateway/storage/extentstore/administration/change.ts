import { VisibleError } from "../../../../core/api/errors.ts";
import type { ObjectKind } from "../../../../core/api/object/common.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { ObjectChange } from "../../../../core/api/object-spec.ts";
import type { ObjectId } from "../../control.ts";
import { objectWithVolume } from "../cluster/objects.ts";
import { refuseUnfinished, refuseUnfinishedVm } from "../cluster/unfinished.ts";
import type { VolumeRow } from "../cluster/volume-row.ts";
import { chooseLun, giveName } from "../cluster/volumes.ts";
import { changeVm } from "./change-vm.ts";
import { findOwn, kindNames } from "./find.ts";
import { growVolume } from "./grow.ts";
import type { Cluster } from "./remove.ts";

/* Changes of what is there. Everything here runs inside the caller's transaction. */

const volumeFields = ["name", "size"] as const;
const fields: Readonly<Record<ObjectKind, readonly (keyof ObjectChange)[]>> = {
  volume: [...volumeFields, "sharing"],
  lun: [...volumeFields, "lunId", "allowedInitiators"],
  "nfs-file": volumeFields,
  vm: ["name", "description", "vcpu", "cpu", "memory", "firmware", "ha", "disks", "nics"],
};

/** @throws as ClusterAdministration says */
export const changeObject = (cluster: Cluster, id: ObjectId, change: ObjectChange): ObjectConfig => {
  const own = findOwn(cluster.database, id);
  const { database } = cluster;
  if (own.kind === "vm") refuseUnfinishedVm(database, own.vm);
  else refuseUnfinished(database, own.volume);
  refuseForeignFields(own.kind, change);
  if (own.kind === "vm") return changeVm(cluster, own.vm, change);
  changeVolume(cluster, own.volume, change);
  return objectWithVolume(cluster.database, own.volume.id);
};

/** @throws BAD_REQUEST */
const refuseForeignFields = (kind: ObjectKind, change: ObjectChange): void => {
  const foreign = Object.entries(change).find(
    ([field, value]) => value !== undefined && !fields[kind].some((known) => known === field),
  );
  if (foreign === undefined) return;
  throw new VisibleError("BAD_REQUEST", `A ${kindNames[kind]} has no \`${foreign[0]}\` that could be changed.`, {
    hint: `What can be changed of it: ${fields[kind].join(", ")}.`,
  });
};

const changeVolume = (cluster: Cluster, volume: VolumeRow, change: ObjectChange): void => {
  const { database } = cluster;
  const { name, size, sharing, lunId, allowedInitiators } = change;
  if (name !== undefined) giveName(database, volume, name, "OBJECT_NAME_TAKEN");
  if (size !== undefined) growVolume(cluster, volume, size);
  if (sharing !== undefined) setSharing(cluster, volume, sharing);
  if (lunId !== undefined && lunId !== volume.lunId) moveLun(cluster, volume, lunId);
  if (allowedInitiators !== undefined) {
    database.run("UPDATE volumes SET allowedInitiators = ? WHERE id = ?", allowedInitiators, volume.id);
  }
};

const moveLun = ({ database }: Cluster, volume: VolumeRow, wanted: number): void => {
  const target = volume.lunTarget ?? "default";
  const { lunId } = chooseLun(database, { target, lunId: wanted }, "OBJECT_NAME_TAKEN");
  database.run("UPDATE volumes SET lunId = ? WHERE id = ?", lunId, volume.id);
};

/** @throws OBJECT_BUSY when several VMs have it */
const setSharing = ({ database }: Cluster, volume: VolumeRow, sharing: boolean): void => {
  const users = database.one<{ count: number }>(
    "SELECT count(DISTINCT vmId) AS count FROM vmDisks WHERE volumeId = ?",
    volume.id,
  );
  if (!sharing && (users?.count ?? 0) > 1) {
    throw new VisibleError("OBJECT_BUSY", `${users?.count} VMs have the volume “${volume.name}”.`, {
      hint: "Take it out of all of them but one first.",
    });
  }
  database.run("UPDATE volumes SET sharing = ? WHERE id = ?", sharing ? 1 : 0, volume.id);
};
