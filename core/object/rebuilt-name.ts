import type { ObjectConfig } from "../api/object.ts";

type Named = Pick<ObjectConfig, "kind" | "name">;

/**
 * What an object is called that is rebuilt and gets no name of its own: the prefix stands before
 * its name, and of a file before its own, in its directory.
 */
export const rebuiltName = ({ kind, name }: Named, prefix: string): string => {
  const own = kind === "nfs-file" ? name.lastIndexOf("/") + 1 : 0;
  return `${name.slice(0, own)}${prefix}${name.slice(own)}`;
};

/**
 * What a disk of a VM is called that is rebuilt under a name. What the VM has before its name, the
 * disk has before its; where it is called otherwise, the VM's name.
 */
export const rebuiltDiskName = (vm: Pick<Named, "name">, rebuilt: string, disk: string): string => {
  const prefix = rebuilt.endsWith(vm.name) ? rebuilt.slice(0, rebuilt.length - vm.name.length) : `${rebuilt}-`;
  return `${prefix}${disk}`;
};

/** All names that come of an object that is rebuilt under a name: that, and its disks'. */
export const rebuiltNames = (object: ObjectConfig, name: string): readonly string[] => {
  const disks = object.kind === "vm" ? object.vm.disks : [];
  return [name, ...disks.map((disk) => rebuiltDiskName(object, name, disk.name))];
};
