import type { ObjectKind } from "../../core/api/object/common.ts";

/** Kinds as sentences call them. */
export const kindNames = {
  lun: "LUN",
  volume: "volume",
  "nfs-file": "NFS file",
  vm: "VM",
} as const satisfies Record<ObjectKind, string>;
