import assert from "node:assert/strict";
import type { ObjectKind } from "../../../core/api/object/common.ts";
import type { LunObject } from "../../../core/api/object/lun.ts";
import type { NfsFileObject } from "../../../core/api/object/nfs-file.ts";
import type { VmConfig, VmNic, VmObject } from "../../../core/api/object/vm.ts";
import type { Mapping, ObjectConfig } from "../../../core/api/object.ts";
import type { MirrorVolume, Owner, PublishGroupOptions } from "../control.ts";
import type { StorageDriver } from "../driver.ts";
import { mirrorSetOf } from "../mirror-set.ts";
import { groupId, noise, owner as ours, plain, rejects, sendAll, sender, storageTest, takenAt } from "./fixtures.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

/* Objects of the four kinds as a source site describes them, and their way to a published group. */

export const volumeBytes = 512 * 1024;

export const lunOfSource = (options: Partial<LunObject["lun"]> & { readonly name?: string } = {}): LunObject => {
  const { name = "database", ...lun } = options;
  return {
    kind: "lun",
    id: "lun-00000000000000a1",
    name,
    volumes: [{ id: "volume-00000000000000a1", sizeBytes: volumeBytes, geometry: plain }],
    lun: {
      target: "iscsi",
      lunId: 7,
      allowedInitiators: "iqn.2001-04.com.example:host",
      settings: { description: "databases", ipWhitelist: "10.0.0.0/8", replicaNum: 2, thinProvision: true },
      ...lun,
    },
  };
};

export const looseVolume = (options: { readonly id?: string; readonly name?: string } = {}): ObjectConfig => {
  const { id = "volume-00000000000000b1", name = "loose" } = options;
  return { kind: "volume", id, name, volumes: [{ id, sizeBytes: volumeBytes, geometry: plain }] };
};

/** @param options.id sixteen hexadecimal digits */
export const fileOfSource = (
  options: { readonly id?: string; readonly path?: string; readonly settings?: NfsFileObject["file"]["settings"] } = {},
): NfsFileObject => {
  const { id = "00000000000000c1", path = "vm/images/web.vmdk" } = options;
  const usual = { description: "images", ipWhitelist: "10.0.0.0/8", replicaNum: 3, thinProvision: true };
  const { settings = usual } = options;
  return {
    kind: "nfs-file",
    id: `file-${id}`,
    name: `/exports/e1/${path}`,
    volumes: [{ id: `volume-${id}`, sizeBytes: volumeBytes, geometry: plain }],
    file: { export: "e1", path, settings },
  };
};

export const nicOfSource = (nic: Partial<VmNic> = {}): VmNic => ({
  macAddress: "52:54:00:00:00:01",
  model: "VIRTIO",
  virtualSwitch: "prod",
  vlan: { name: "web", vlanId: 12 },
  order: 0,
  enabled: true,
  ipAddress: "10.0.0.5",
  gateway: "10.0.0.1",
  subnetMask: "255.255.255.0",
  ...nic,
});

export interface SourceDisk {
  /** Sixteen hexadecimal digits. */
  readonly id: string;
  readonly index: number;
  readonly bus?: "VIRTIO" | "SCSI" | "IDE";
  readonly boot?: number;
  readonly sizeBytes?: number;
}

/** The disk between them, of index 1, is one that is left out. */
export const sourceDisks: readonly SourceDisk[] = [
  { id: "00000000000000d1", index: 0, boot: 1 },
  { id: "00000000000000d3", index: 2, bus: "SCSI", boot: 2 },
];

/** A running VM. */
export const vmOfSource = (
  options: { readonly name?: string; readonly disks?: readonly SourceDisk[]; readonly vm?: Partial<VmConfig> } = {},
): VmObject => {
  const { name = "web", disks = sourceDisks, vm } = options;
  return {
    kind: "vm",
    id: "vm-00000000000000d0",
    name,
    volumes: disks.map(({ id, sizeBytes = volumeBytes }) => ({ id: `volume-${id}`, sizeBytes, geometry: plain })),
    leftOut: [{ what: "CD-ROM tools.iso", reason: "it is no data of the VM's" }],
    vm: {
      description: "the shop",
      vcpu: 4,
      cpu: { cores: 2, sockets: 2 },
      memory: 8 * 1024 ** 3,
      firmware: "UEFI",
      ha: true,
      status: "RUNNING",
      disks: disks.map(({ id, index, bus = "VIRTIO", boot = 0 }) => ({
        volumeId: `volume-${id}`,
        name: `web-${index}`,
        bus,
        index,
        boot,
      })),
      nics: [
        nicOfSource(),
        nicOfSource({
          macAddress: "52:54:00:00:00:02",
          model: "E1000",
          virtualSwitch: "lab",
          order: 1,
          enabled: false,
        }),
      ],
      ...vm,
    },
  };
};

export const objectOfKind = {
  lun: lunOfSource,
  volume: looseVolume,
  "nfs-file": fileOfSource,
  vm: vmOfSource,
} satisfies Record<ObjectKind, () => ObjectConfig>;

/** A test for what has these kinds of object; whatever has not must refuse those, by name. */
export const kindTest = (
  title: string,
  { kinds, open }: { readonly kinds: readonly ObjectKind[]; readonly open: () => Promise<StorageUnderTest> },
  body: (driver: StorageDriver, storage: StorageUnderTest) => Promise<void>,
): void => {
  storageTest(title, open, async (driver, storage) => {
    const caps = await driver.caps();
    const missing = kinds.filter((kind) => !caps.kinds.includes(kind));
    for (const kind of missing) {
      await rejects(driver.prepareMirror({ owner: ours, object: objectOfKind[kind]() }), "OBJECT_KIND_UNSUPPORTED");
    }
    if (missing.length === 0) await body(driver, storage);
  });
};

/** Prepares objects for the run of a number. @returns the mirrors of their volumes, each once */
export const prepareAll = async (
  driver: StorageDriver,
  group: number,
  objects: readonly (ObjectConfig | { readonly object: ObjectConfig; readonly mapping: Mapping })[],
  owner: Owner = ours,
): Promise<readonly MirrorVolume[]> => {
  const mirrors = new Map<string, MirrorVolume>();
  for (const [index, one] of objects.entries()) {
    const of = "object" in one ? one : { object: one };
    const run = { groupId: groupId(group), sequence: group, index, sender };
    for (const mirror of await driver.prepareMirror({ owner, ...of, run })) mirrors.set(mirror.mirrorVolumeId, mirror);
  }
  return [...mirrors.values()];
};

/** What a volume holds in the group of a number. */
export const bytesIn = (group: number, sourceVolumeId: string, sizeBytes = volumeBytes): Buffer =>
  noise(sizeBytes, group * 1000 + Number.parseInt(sourceVolumeId.slice(-2), 16));

const sizeOf = (objects: readonly ObjectConfig[], volumeId: string): number => {
  const volume = objects.flatMap(({ volumes }) => volumes).find(({ id }) => id === volumeId);
  assert(volume !== undefined);
  return volume.sizeBytes;
};

/**
 * Prepares objects, sends all of their bytes and publishes them.
 * @param prove signs them; absent: nobody does
 * @returns the mirrors of their volumes
 */
export const publishAll = async (
  driver: StorageDriver,
  group: number,
  objects: Parameters<typeof prepareAll>[2],
  prove?: PublishGroupOptions["prove"],
): Promise<readonly MirrorVolume[]> => {
  const mirrors = await prepareAll(driver, group, objects);
  const configs = objects.map((one) => ("object" in one ? one.object : one));
  for (const { sourceVolumeId, mirrorVolumeId } of mirrors) {
    const bytes = bytesIn(group, sourceVolumeId, sizeOf(configs, sourceVolumeId));
    await sendAll(driver, mirrorVolumeId, { group, bytes });
  }
  await driver.publishGroup({ ...publicationOf(group, mirrors, objects.length), ...(prove && { prove }) });
  return mirrors;
};

/** A publication that names nothing but ids. */
export const publicationOf = (group: number, mirrors: readonly MirrorVolume[], objectCount: number) => ({
  ...{ groupId: groupId(group), owner: ours, sequence: group, takenAt, planName: "daily" },
  mirrors: mirrorSetOf(mirrors.map(({ mirrorVolumeId }) => mirrorVolumeId)),
  objects: new Array<null>(objectCount).fill(null),
});

export const mirrorOf = (mirrors: readonly MirrorVolume[], sourceVolumeId: string): string => {
  const mirror = mirrors.find((candidate) => candidate.sourceVolumeId === sourceVolumeId);
  assert(mirror !== undefined, `${sourceVolumeId} has no mirror`);
  return mirror.mirrorVolumeId;
};

/** The only object of a kind that a site lists, of those that `which` lets through. */
export const theOnly = async <K extends ObjectKind>(
  driver: StorageDriver,
  kind: K,
  which: (object: ObjectConfig) => boolean = () => true,
): Promise<Extract<ObjectConfig, { kind: K }>> => {
  const found = (await driver.inventory()).filter((object) => object.kind === kind && which(object));
  assert.equal(found.length, 1, `${found.length} objects of kind ${kind}`);
  return found[0] as Extract<ObjectConfig, { kind: K }>;
};

export const isMirror = (object: ObjectConfig): boolean => object.origin?.role === "mirror";
