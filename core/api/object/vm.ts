import { z } from "zod";
import { storageIdSchema } from "../ids.ts";
import { commonObject, textSchema } from "./common.ts";

export const busSchema = z.enum(["IDE", "SCSI", "USB", "VIRTIO"]);
export const firmwareSchema = z.enum(["BIOS", "UEFI"]);
export const nicModelSchema = z.enum(["E1000", "SRIOV", "VIRTIO"]);
export const powerStateSchema = z.enum(["RUNNING", "STOPPED", "SUSPENDED", "UNKNOWN"]);
export type PowerState = z.infer<typeof powerStateSchema>;

/** `52:54:00:12:34:56`, in lower case. */
export const macAddressSchema = z
  .string()
  .max(64)
  .toLowerCase()
  .regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, "six pairs of hexadecimal digits, such as 52:54:00:12:34:56");

/** In the VM's order of disks. What stands among them and is left out leaves a gap in `index`. */
export const vmDiskSchema = z.object({
  /** One of the object's `volumes`. */
  volumeId: storageIdSchema,
  /** The volume's name. */
  name: textSchema,
  bus: busSchema,
  /** Its place among the VM's disks, from 0. */
  index: z.int().min(0),
  /** Its place in the order in which the VM tries to start from them, from 1; 0: it doesn't. */
  boot: z.int().min(0),
});
export type VmDisk = z.infer<typeof vmDiskSchema>;

export const vmNicSchema = z.object({
  macAddress: macAddressSchema,
  model: nicModelSchema,
  /** The virtual switch (CloudTower: vds) that it is connected to. Null: none. */
  virtualSwitch: textSchema.nullable(),
  /** The VLAN's name, and its id; 0 is none. */
  vlan: z.object({ name: textSchema.optional(), vlanId: z.int().min(0).max(4094) }),
  order: z.int().min(0),
  enabled: z.boolean(),
  ipAddress: textSchema.optional(),
  gateway: textSchema.optional(),
  subnetMask: textSchema.optional(),
});
export type VmNic = z.infer<typeof vmNicSchema>;

/** A VM with its volumes, but for shared ones; names as in CloudTower. */
export const vmSchema = z.object({
  kind: z.literal("vm"),
  ...commonObject,
  vm: z.object({
    description: z.string().max(1024).optional(),
    vcpu: z.int().min(1),
    cpu: z.object({ cores: z.int().min(1), sockets: z.int().min(1) }),
    /** Bytes. */
    memory: z.int().positive(),
    firmware: firmwareSchema,
    ha: z.boolean(),
    status: powerStateSchema,
    disks: z.array(vmDiskSchema).max(256),
    nics: z.array(vmNicSchema).max(64),
  }),
});
export type VmObject = z.infer<typeof vmSchema>;
export type VmConfig = VmObject["vm"];
