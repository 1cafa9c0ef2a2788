import type { ObjectConfig } from "../api/object.ts";

/** What an object is called that is rebuilt: the prefix stands before its name, and of a file before its own, in its directory. */
export const rebuiltName = ({ kind, name }: Pick<ObjectConfig, "kind" | "name">, prefix: string): string => {
  const own = kind === "nfs-file" ? name.lastIndexOf("/") + 1 : 0;
  return `${name.slice(0, own)}${prefix}${name.slice(own)}`;
};
