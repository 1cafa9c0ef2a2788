import type { ObjectConfig } from "../api/object.ts";

/**
 * What an object is called that is rebuilt: the prefix stands before its name, and of a file before
 * its own, in its directory.
 */
export const rebuiltName = ({ kind, name }: Pick<ObjectConfig, "kind" | "name">, prefix: string): string => {
  const own = kind === "nfs-file" ? name.lastIndexOf("/") + 1 : 0;
  return `${name.slice(0, own)}${prefix}${name.slice(own)}`;
};

/** That, and the names of a VM's disks. */
export const rebuiltNames = (object: ObjectConfig, prefix: string): readonly string[] => {
  const disks = object.kind === "vm" ? object.vm.disks : [];
  return [rebuiltName(object, prefix), ...disks.map(({ name }) => rebuiltName({ kind: "volume", name }, prefix))];
};
