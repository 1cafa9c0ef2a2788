import { VisibleError } from "../../core/api/errors.ts";
import { shownName } from "../../core/api/name.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { kindNames } from "../render/kind-names.ts";

/**
 * The id of an object's volume: of its only one, or of the disk of a VM that has a number.
 * @throws VisibleError VOLUME_UNKNOWN, OBJECT_AMBIGUOUS
 */
export const volumeOf = (object: ObjectConfig, disk: number | undefined): string => {
  const disks = disksOf(object);
  const [only, ...others] = disk === undefined ? disks : disks.filter(({ index }) => index === disk);
  if (only !== undefined && others.length === 0) return only.volumeId;
  const what = `The ${kindNames[object.kind]} “${shownName(object.name)}”`;
  if (only !== undefined) {
    throw new VisibleError("OBJECT_AMBIGUOUS", `${what} has ${disks.length} disks.`, {
      hint: `Say which with --disk N: ${disks.map(diskText).join(", ")}.`,
    });
  }
  throw new VisibleError(
    "VOLUME_UNKNOWN",
    disks.length === 0 ? `${what} has no disk of its own.` : `${what} has no disk ${disk}.`,
    {
      hint:
        disks.length === 0
          ? "A volume that VMs share is an object by itself: give its name with --object."
          : `Its disks: ${disks.map(diskText).join(", ")}.`,
    },
  );
};

interface Disk {
  readonly index: number;
  readonly volumeId: string;
  readonly name?: string;
}

const disksOf = (object: ObjectConfig): readonly Disk[] =>
  object.kind === "vm"
    ? [...object.vm.disks].sort((a, b) => a.index - b.index)
    : object.volumes.map(({ id }, index) => ({ index, volumeId: id }));

const diskText = ({ index, name }: Disk): string =>
  name === undefined ? String(index) : `${index} (${shownName(name)})`;

/**
 * What a VM that is on writes to is not to be written to by somebody else.
 * @throws VisibleError OBJECT_BUSY
 */
export const refuseRunning = (objects: readonly ObjectConfig[], volumeId: string, site: string): void => {
  const users = new Set(objects.flatMap((object) => usersOf(object, volumeId)));
  const running = objects.find(
    (object) => object.kind === "vm" && object.vm.status !== "STOPPED" && hasDisk(object, volumeId, users),
  );
  if (running === undefined) return;
  throw new VisibleError("OBJECT_BUSY", `The VM “${shownName(running.name)}” (${running.id}) uses it, and is on.`, {
    hint: `Switch it off first: smtx-backup object power-off ${running.id} --site ${site}`,
  });
};

const usersOf = (object: ObjectConfig, volumeId: string): readonly string[] =>
  object.kind === "volume" && object.volumes.some(({ id }) => id === volumeId) ? (object.vms ?? []) : [];

/** A VM does not tell of the shared volumes that it has; those tell of it. */
const hasDisk = (vm: ObjectConfig, volumeId: string, users: ReadonlySet<string>): boolean =>
  vm.volumes.some(({ id }) => id === volumeId) || users.has(vm.name);
