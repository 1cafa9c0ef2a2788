import { VisibleError } from "../../../../core/api/errors.ts";
import type { ObjectId } from "../../control.ts";
import { refuseMirrorObject } from "../cluster/guard.ts";
import type { VmRow } from "../cluster/vms.ts";
import { type VolumeRow, volumeIdOf } from "../cluster/volume-row.ts";
import type { Database } from "../database/database.ts";

/** The row of an object that may be changed. Inside a transaction. */
export type OwnRow =
  | { readonly kind: "vm"; readonly vm: VmRow }
  | { readonly kind: VolumeRow["kind"]; readonly volume: VolumeRow };

/** @throws VOLUME_UNKNOWN, OBJECT_IS_MIRROR */
export const findOwn = (database: Database, id: ObjectId): OwnRow => {
  if (id.kind === "vm") {
    const vm = database.one<VmRow>("SELECT * FROM vms WHERE id = ?", id.id);
    if (vm === undefined) throw unknown(id);
    return { kind: "vm", vm: refuseMirrorObject(database, "VM", vm) };
  }
  const volumeId = volumeIdOf(id);
  const volume =
    volumeId === undefined
      ? undefined
      : database.one<VolumeRow>("SELECT * FROM volumes WHERE id = ? AND kind = ?", volumeId, id.kind);
  if (volume === undefined) throw unknown(id);
  return { kind: id.kind, volume: refuseMirrorObject(database, kindNames[id.kind], volume) };
};

/** As a sentence calls them. */
export const kindNames = { lun: "LUN", volume: "volume", "nfs-file": "file", vm: "VM" } as const;

const unknown = ({ kind, id }: ObjectId): VisibleError =>
  new VisibleError("VOLUME_UNKNOWN", `There is no ${kindNames[kind]} ${id} in this cluster.`, {
    hint: "It may have been deleted; look at: smtx-backup object list --site SITE.",
  });
