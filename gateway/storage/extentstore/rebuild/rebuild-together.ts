import { VisibleError } from "../../../../core/api/errors.ts";
import { nameCharactersMax } from "../../../../core/api/name.ts";
import { rebuildKeyOf } from "../cluster/rebuilt.ts";
import type { VmRow } from "../cluster/vms.ts";
import type { VolumeRow } from "../cluster/volume-row.ts";
import { refuseAttached } from "../cluster/volumes.ts";
import type { Database } from "../database/database.ts";

/*
 * What the objects of one restore have to do with each other, in whatever order they are made: a
 * volume that several of them have is one, and those of the same name get different ones.
 * Everything here runs inside the caller's transaction.
 */

const isOf = (restore: string, { rebuildKey }: Pick<VolumeRow, "rebuildKey">): boolean =>
  rebuildKey?.startsWith(rebuildKeyOf(restore, "")) ?? false;

/** What a restore has made of a volume, for whichever object. */
export const rebuiltVolume = (database: Database, rebuildKey: string): VolumeRow | undefined =>
  database.one<VolumeRow>("SELECT * FROM volumes WHERE rebuildKey = ?", rebuildKey);

/**
 * A volume that the restore has made already is the VM's, and goes with it.
 * @throws OBJECT_BUSY (somebody's VM has it)
 */
export const takeOver = (
  database: Database,
  restore: string,
  { volume, vm }: { readonly volume: VolumeRow; readonly vm: VmRow },
): VolumeRow => {
  const others = database.all<VmRow>("SELECT vms.* FROM vms JOIN vmDisks ON id = vmId WHERE volumeId = ?", volume.id);
  if (!others.every((other) => isOf(restore, other))) refuseAttached(database, volume);
  database.run("UPDATE volumes SET vmId = ? WHERE id = ? AND vmId IS NULL", vm.id, volume.id);
  return volume;
};

export const otherNamesHint =
  "Give the rebuilt objects other names: smtx-backup rebuild GROUP --site SITE --prefix TEXT, or --rename OLD=NEW.";

/**
 * A LUN's or a volume's name. A cluster may have several of one name: where the restore has given
 * it to another one, this one gets a number.
 * @throws VOLUME_NAME_TAKEN
 */
export const rebuiltVolumeName = (database: Database, restore: string, wanted: string): string => {
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : numbered(wanted, n);
    const there = database.one<VolumeRow>(
      "SELECT * FROM volumes WHERE name = ? AND role <> 'mirror' AND kind <> 'nfs-file'",
      name,
    );
    if (there === undefined) return name;
    if (isOf(restore, there)) continue;
    throw new VisibleError("VOLUME_NAME_TAKEN", `There is a volume named “${name}” already.`, { hint: otherNamesHint });
  }
};

const numbered = (name: string, n: number): string => `${name.slice(0, nameCharactersMax - `-${n}`.length)}-${n}`;
