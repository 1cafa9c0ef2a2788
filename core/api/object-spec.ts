import { z } from "zod";
import { boundedRecord } from "./bounds.ts";
import { bytesIn } from "./bytes.ts";
import { nameCharactersMax } from "./name.ts";
import { labelsMax, textCharactersMax, textSchema } from "./object/common.ts";
import { iscsiTargetSettingsSchema } from "./object/lun.ts";
import { nfsExportSettingsSchema } from "./object/nfs-file.ts";
import { busSchema, firmwareSchema, macAddressSchema, nicModelSchema } from "./object/vm.ts";
import { geometrySchema } from "./object/volume-shape.ts";

/*
 * What a person writes to make things in an embedded cluster, one YAML document each. Names are
 * those of the objects' configurations; what may be left out has a default.
 */

const sizeText = "a size such as 20GiB (20 · 2^30 bytes) or 20GB (20 · 10^9 bytes)";
/** Bytes, or a text such as `20GiB` (20 · 2^30) or `20GB` (20 · 10^9). */
const sizeSchema = z
  .union([z.string().max(textCharactersMax), z.number()], sizeText)
  .transform((written) => bytesIn(String(written)) ?? 0)
  .refine((bytes) => bytes > 0, sizeText);

export const sectorBytes = 512;
/** Of what a machine takes for a disk. */
const diskSizeSchema = sizeSchema.refine(
  (bytes) => bytes % sectorBytes === 0,
  `a multiple of ${sectorBytes} bytes, since a disk has whole sectors`,
);

/** Letters may be of either case. */
const anyCase = <Words extends Readonly<Record<string, string>>>(schema: z.ZodEnum<Words>) =>
  z.string().max(textCharactersMax).toUpperCase().pipe(schema);
const ipAddressSchema = z.union([z.ipv4(), z.ipv6()], "an IP address such as 192.0.2.10");

/** A value may be empty, a number or true; null takes a label away in a change. */
const labelValueSchema = z.union([z.string().max(textCharactersMax), z.number(), z.boolean()]).transform(String);
const labelsSchema = boundedRecord(textSchema, labelValueSchema, labelsMax);

const volumeFields = {
  size: diskSizeSchema,
  /** Absent: the cluster's pool `default`. */
  pool: textSchema.optional(),
  geometry: geometrySchema.optional(),
};

export const poolSpecSchema = z.strictObject({
  kind: z.literal("pool"),
  name: textSchema,
  /**
   * Null: as much as the disk takes; so has a new one that does not say it. Of one that is
   * there, absent: as it is.
   */
  capacity: sizeSchema.nullable().optional(),
});
export const switchSpecSchema = z.strictObject({
  kind: z.literal("switch"),
  name: textSchema,
  /** Absent: none, and of one that is there, as they are. */
  vlans: z
    .array(z.strictObject({ name: textSchema, vlanId: z.int().min(0).max(4094) }))
    .max(200)
    .optional(),
});
export const nfsExportSpecSchema = z.strictObject({
  kind: z.literal("nfs-export"),
  name: z.string().regex(/^[^/\s][^/]{0,100}$/, "a name without slashes"),
  /** What is absent stays of one that is there. */
  pool: textSchema.optional(),
  ...nfsExportSettingsSchema.shape,
});
export const volumeSpecSchema = z.strictObject({
  kind: z.literal("volume"),
  name: textSchema,
  labels: labelsSchema.optional(),
  ...volumeFields,
  /** Several VMs may use it at once; then no VM's backup has it. */
  sharing: z.boolean().default(false),
});
export const lunSpecSchema = z.strictObject({
  kind: z.literal("lun"),
  name: textSchema,
  labels: labelsSchema.optional(),
  ...volumeFields,
  /** The iSCSI target, made where it is not there. */
  target: textSchema.default("default"),
  /** Absent: the lowest free one. */
  lunId: z.int().min(0).max(16383).optional(),
  allowedInitiators: z.string().max(4096).optional(),
  /** Of the target. */
  settings: iscsiTargetSettingsSchema.strict().optional(),
});
export const nfsFileSpecSchema = z.strictObject({
  kind: z.literal("nfs-file"),
  /** `/exports/EXPORT/PATH`; directories are made. The export must be there. */
  name: z
    .string()
    .max(nameCharactersMax)
    .regex(/^\/exports\/[^/]+(\/[^/]+)+$/, "/exports/EXPORT/PATH, such as /exports/e1/vm/web.vmdk")
    .refine((name) => !name.split("/").some((part) => part === "." || part === ".."), "a path without . and .."),
  labels: labelsSchema.optional(),
  /** Any length. */
  size: sizeSchema,
  geometry: geometrySchema.optional(),
});
const vmDiskFields = {
  /**
   * Of a new volume; absent: the VM's name, a dash and the disk's place among
   * the VM's disks, from 0.
   */
  name: textSchema.optional(),
  size: diskSizeSchema.optional(),
  pool: textSchema.optional(),
  geometry: geometrySchema.optional(),
  volume: textSchema.optional(),
  cdRom: textSchema.optional(),
  /** From 1; 0: not started from. Absent: the first disk is 1, the others 0. */
  boot: z.int().min(0).optional(),
};
const given = (...values: readonly unknown[]): number => values.filter((value) => value !== undefined).length;

/**
 * Exactly one of `size` (a new volume), `volume` (one that is there) and `cdRom` (an image's name).
 */
export const vmDiskSpecSchema = z
  .strictObject({ ...vmDiskFields, bus: anyCase(busSchema).default("VIRTIO") })
  .refine(
    ({ size, volume, cdRom }) => given(size, volume, cdRom) === 1,
    "give one of `size` (a new volume), `volume` (the name of one that is there) and `cdRom` (an image's name)",
  );
/** The same; or one that the VM has, by its volume's name, with what is to be changed of it. */
export const vmDiskChangeSchema = z
  .strictObject({ ...vmDiskFields, bus: anyCase(busSchema).optional() })
  .refine(
    ({ name, size, volume, cdRom }) =>
      given(size, volume, cdRom) === 1 || (name !== undefined && given(size, volume, cdRom) === 0),
    "give one of `name` (of a disk that the VM has), `size` (a new volume), `volume` (the name of one that is there) and `cdRom` (an image's name)",
  );
export type VmDiskChange = z.infer<typeof vmDiskChangeSchema>;
export const vmNicSpecSchema = z.strictObject({
  /** Absent: made up. */
  macAddress: macAddressSchema.optional(),
  model: anyCase(nicModelSchema).default("VIRTIO"),
  /** A virtual switch that is there. Absent: not connected. */
  switch: textSchema.optional(),
  /** A VLAN of it by name or id. Absent: none. */
  vlan: z.union([textSchema, z.int().min(0).max(4094)]).optional(),
  enabled: z.boolean().default(true),
  ipAddress: ipAddressSchema.optional(),
  gateway: ipAddressSchema.optional(),
  subnetMask: z.ipv4("a mask such as 255.255.255.0").optional(),
});
interface Cpus {
  readonly vcpu?: number | undefined;
  readonly cpu?: { readonly cores: number; readonly sockets: number } | undefined;
}
const cpusFit = ({ vcpu, cpu }: Cpus): boolean =>
  vcpu === undefined || cpu === undefined || vcpu === cpu.cores * cpu.sockets;
const cpusText = { path: ["vcpu"], error: "give `cpu` alone, or as many vCPUs as its cores times its sockets" };

export const vmSpecSchema = z
  .strictObject({
    kind: z.literal("vm"),
    name: textSchema,
    labels: labelsSchema.optional(),
    description: z.string().max(1024).optional(),
    /** Cores times sockets. Without `cpu`, so many cores in one socket. */
    vcpu: z.int().min(1).optional(),
    /** Absent: as `vcpu` says, else one core. */
    cpu: z.strictObject({ cores: z.int().min(1), sockets: z.int().min(1).default(1) }).optional(),
    memory: sizeSchema,
    firmware: anyCase(firmwareSchema).default("BIOS"),
    ha: z.boolean().default(true),
    /** Of the disks that say nothing else. */
    pool: textSchema.optional(),
    disks: z.array(vmDiskSpecSchema).max(256).default([]),
    nics: z.array(vmNicSpecSchema).max(64).default([]),
  })
  .refine(cpusFit, cpusText);

export const objectSpecSchema = z.discriminatedUnion("kind", [
  poolSpecSchema,
  switchSpecSchema,
  nfsExportSpecSchema,
  volumeSpecSchema,
  lunSpecSchema,
  nfsFileSpecSchema,
  vmSpecSchema,
]);
export type ObjectSpec = z.infer<typeof objectSpecSchema>;
export type ObjectSpecOf<K extends ObjectSpec["kind"]> = Extract<ObjectSpec, { kind: K }>;

/** A change of one object: what is absent stays. A list of disks or NICs is the whole of it. */
export const objectChangeSchema = z
  .strictObject({
    name: textSchema.optional(),
    /** A volume never shrinks. Whole sectors, but for a file. */
    size: sizeSchema.optional(),
    description: z.string().max(1024).optional(),
    /** Without `cpu`, the cores of each socket become as many as make that. */
    vcpu: z.int().min(1).optional(),
    cpu: z.strictObject({ cores: z.int().min(1), sockets: z.int().min(1) }).optional(),
    memory: sizeSchema.optional(),
    firmware: anyCase(firmwareSchema).optional(),
    ha: z.boolean().optional(),
    disks: z.array(vmDiskChangeSchema).max(256).optional(),
    nics: z.array(vmNicSpecSchema).max(64).optional(),
    lunId: z.int().min(0).max(16383).optional(),
    allowedInitiators: z.string().max(4096).optional(),
    sharing: z.boolean().optional(),
  })
  .refine(cpusFit, cpusText);
export type ObjectChange = z.infer<typeof objectChangeSchema>;
