import { VisibleError } from "../../../../core/api/errors.ts";
import { planIdOf } from "../../../../core/api/ids.ts";
import type { VmObject } from "../../../../core/api/object/vm.ts";
import type { RebuildObjectOptions } from "../../control.ts";
import { rebuildKeyOf } from "../cluster/rebuilt.ts";
import type { SnapshotRow } from "../cluster/snapshots.ts";
import { damagedExtents } from "../data/damage.ts";
import type { Database } from "../database/database.ts";
import { rebuiltNics } from "./rebuild-nics.ts";
import { refuseFilePlace, refuseLunPlace } from "./rebuild-places.ts";
import type { RebuildSource } from "./rebuild-source.ts";
import { rebuiltVolume, rebuiltVolumeName } from "./rebuild-together.ts";
import { rebuiltDisk, refuseTakenVmName } from "./rebuild-vm.ts";

/** Changes nothing, and throws what is in the way. */
type Refuse = () => unknown;

/**
 * What may be in the way of a rebuild: damage, and what the cluster has already that can be there
 * once. A rebuild is refused by the first; who only looks asks each of them. Inside a transaction.
 * @returns what throw GROUP_DAMAGED, VOLUME_NAME_TAKEN, OBJECT_NAME_TAKEN, BAD_REQUEST,
 *   OBJECT_IS_MIRROR, LUN_ID_TAKEN, SWITCH_UNKNOWN, MAC_ADDRESS_TAKEN
 */
export const obstacles = (
  database: Database,
  options: RebuildObjectOptions,
  source: RebuildSource,
): readonly Refuse[] => {
  const damaged = options.evenDamaged
    ? []
    : [...source.snapshots.values()].map((snapshot) => () => refuseDamaged(database, snapshot, options));
  return [...damaged, ...inPlace(database, options, source)];
};

const inPlace = (database: Database, options: RebuildObjectOptions, source: RebuildSource): readonly Refuse[] => {
  const { key, object, name } = options;
  switch (object.kind) {
    case "vm":
      return ofVm(database, { ...options, object }, source);
    case "nfs-file":
      return [() => refuseFilePlace(database, name)];
    case "lun":
      return [() => rebuiltVolumeName(database, key, name), () => refuseLunPlace(database, object, options)];
    case "volume":
      return [() => rebuiltVolumeName(database, key, name)];
  }
};

const ofVm = (
  database: Database,
  options: RebuildObjectOptions & { readonly object: VmObject },
  source: RebuildSource,
): readonly Refuse[] => {
  const { key, object, name, wishes = {} } = options;
  const isMade = (sourceId: string) => rebuiltVolume(database, rebuildKeyOf(key, sourceId)) !== undefined;
  const withNic = (nic: VmObject["vm"]["nics"][number]) => ({ ...object, vm: { ...object.vm, nics: [nic] } });
  return [
    () => refuseTakenVmName(database, name),
    ...object.volumes
      .filter(({ id }) => !isMade(id))
      .map(
        ({ id }) =>
          () =>
            rebuiltDisk(database, options, id),
      ),
    ...object.vm.nics.map((nic) => () => rebuiltNics(database, { object: withNic(nic), name, source, wishes })),
  ];
};

const namedExtentsMax = 10;

/** @throws GROUP_DAMAGED */
const refuseDamaged = (
  database: Database,
  snapshot: SnapshotRow,
  { object, fromGroupId }: RebuildObjectOptions,
): void => {
  const extents = damagedExtents(database, snapshot.tableId);
  if (extents.length === 0) return;
  const named = extents.slice(0, namedExtentsMax).join(", ");
  const more = extents.length > namedExtentsMax ? `, and ${extents.length - namedExtentsMax} more` : "";
  throw new VisibleError(
    "GROUP_DAMAGED",
    `“${object.name}” is damaged in the group ${fromGroupId}: extents ${named}${more} of it can't be read.`,
    {
      hint:
        `Choose another group of: smtx-backup group list --plan ${planIdOf(fromGroupId)}. While the source is there, the next run of the plan mends what it has. ` +
        `To have what can be read all the same: smtx-backup rebuild ${fromGroupId} --site SITE --damaged.`,
    },
  );
};
