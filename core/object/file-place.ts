import { VisibleError } from "../api/errors.ts";

/** Where an NFS file lies. */
export interface FilePlace {
  readonly export: string;
  /** Below the export, without a leading slash. */
  readonly path: string;
}

/** @param name `/exports/EXPORT/PATH`. @throws BAD_REQUEST */
export const placeNamed = (name: string): FilePlace => {
  const [before, root, exportName, ...path] = name.split("/");
  const isWhole = before === "" && root === "exports" && exportName !== undefined && path.length > 0;
  if (isWhole && ![exportName, ...path].some((part) => part === "" || part === "." || part === "..")) {
    return { export: exportName, path: path.join("/") };
  }
  throw new VisibleError("BAD_REQUEST", `“${name}” can't be the name of an NFS file.`, {
    hint: "It is /exports/EXPORT/PATH, such as /exports/e1/vm/web.vmdk.",
  });
};
