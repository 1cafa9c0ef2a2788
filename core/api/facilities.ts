import { z } from "zod";
import { objectKindSchema, textSchema } from "./object/common.ts";

/** So many pools, and so many switches, a site may have. */
export const facilitiesMax = 200;

/** Where a cluster puts volumes. */
export const storagePoolSchema = z.object({
  name: textSchema,
  /**
   * Bytes that its volumes may have together. Absent: there is no such limit, or it is not known.
   */
  capacityBytes: z.int().min(0).optional(),
  /** Of those, what volumes have. */
  usedBytes: z.int().min(0).optional(),
  /** Only what is written counts, and not how large volumes are. */
  isThin: z.literal(true).optional(),
});
export type StoragePool = z.infer<typeof storagePoolSchema>;

/** CloudTower: vds, with its VLANs. */
export const virtualSwitchSchema = z.object({
  name: textSchema,
  vlans: z.array(z.object({ name: textSchema, vlanId: z.int().min(0).max(4094) })).max(200),
});
export type VirtualSwitch = z.infer<typeof virtualSwitchSchema>;

/** What a site has besides objects, as far as plans are about it. */
export const facilitiesSchema = z.object({
  /** Which kinds of object its storage driver can protect, and make mirrors of. */
  kinds: z.array(objectKindSchema).max(100),
  pools: z.array(storagePoolSchema).max(facilitiesMax),
  switches: z.array(virtualSwitchSchema).max(facilitiesMax),
});
export type Facilities = z.infer<typeof facilitiesSchema>;
