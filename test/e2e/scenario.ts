import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { VmObject } from "../../core/api/object/vm.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import { volumeIdOf } from "../../gateway/storage/extentstore/cluster/volume-row.ts";
import { openSnapshotReader } from "../../gateway/storage/snapshot-reader.ts";
import type { BlockReader } from "../../gateway/storage/volume-io.ts";
import type { Local } from "./local.ts";

const KiB = 1024;
/** Small, so that what has changed is told exactly. */
export const extentBytes = 64 * KiB;
export const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };
/** YAML takes JSON for what it is. */
const documentsOf = (documents: readonly object[]): string =>
  documents.map((document) => JSON.stringify(document)).join("\n---\n");

/** `object create -f FILE`. */
export const createObjects = async (local: Local, site: string, documents: readonly object[]): Promise<void> => {
  const file = `${local.dir}/objects-${site}.yaml`;
  await writeFile(file, documentsOf(documents));
  await local.command("object", "create", "-f", file, "--site", site);
};

const fileCount = 30;
const directories = ["vm", "vm/images", "backup"];
export const filePaths = Array.from(
  { length: fileCount },
  (_, i) => `${directories[i % directories.length]}/disk-${i}.vmdk`,
);
export const fileName = (path: string): string => `/exports/e1/${path}`;
export const aFile = (path: string) => ({ kind: "nfs-file", name: fileName(path), size: "128KiB", geometry });

const disk = (size: string) => ({ size, geometry });
/** Two VMs, a LUN with id 7, a tree of files, a volume alone and a shared one. */
export const clusterA = [
  { kind: "switch", name: "prod", vlans: [{ name: "web", vlanId: 10 }] },
  { kind: "switch", name: "san", vlans: [{ name: "iscsi", vlanId: 30 }] },
  { kind: "volume", name: "loose", size: "512KiB", geometry },
  { kind: "volume", name: "quorum", size: "512KiB", geometry, sharing: true },
  {
    kind: "lun",
    name: "oracle",
    target: "t1",
    lunId: 7,
    size: "512KiB",
    geometry,
    allowedInitiators: "iqn.2026-01.example:db",
    settings: { description: "databases", ipWhitelist: "10.0.0.0/24", replicaNum: 2, thinProvision: true },
  },
  { kind: "nfs-export", name: "e1", description: "images", ipWhitelist: "10.0.1.0/24" },
  ...filePaths.map(aFile),
  {
    kind: "vm",
    name: "web",
    description: "the shop",
    cpu: { cores: 2, sockets: 2 },
    memory: "4GiB",
    firmware: "UEFI",
    ha: true,
    disks: [
      { ...disk("512KiB"), bus: "VIRTIO", boot: 2 },
      { cdRom: "tools.iso", bus: "IDE" },
      { ...disk("256KiB"), bus: "SCSI", boot: 1 },
      { volume: "quorum", bus: "VIRTIO" },
      { ...disk("256KiB"), bus: "VIRTIO" },
    ],
    nics: [
      { switch: "prod", vlan: "web", macAddress: "52:54:00:00:00:01", ipAddress: "10.1.0.5" },
      { switch: "san", vlan: 30, macAddress: "52:54:00:00:00:02", model: "E1000", enabled: false },
    ],
  },
  {
    kind: "vm",
    name: "db",
    memory: "1GiB",
    ha: false,
    disks: [disk("256KiB"), { volume: "quorum" }],
    nics: [{ switch: "prod", macAddress: "52:54:00:00:00:03" }],
  },
] as const;

export const isMirror = ({ origin }: ObjectConfig): boolean => origin?.role === "mirror";
export const isVm = (object: ObjectConfig): object is VmObject => object.kind === "vm";

export const vmNamed = (objects: readonly ObjectConfig[], name: string): VmObject =>
  objects.filter(isVm).find((vm) => vm.name === name) ?? assert.fail(`there is no VM ${name}`);

/**
 * Each volume of some objects by what it is to a person, wherever it lies: a VM's by its place
 * among the VM's disks, a file's by its path.
 */
const volumesByPlace = (objects: readonly ObjectConfig[]): ReadonlyMap<string, string> =>
  new Map(
    objects.flatMap((object) => {
      if (object.kind === "vm") return object.vm.disks.map((one, i) => [`vm ${object.name} ${i}`, one.volumeId]);
      const name = object.kind === "nfs-file" ? object.file.path : object.name;
      // People know it by the object's id, and the storage by another.
      return object.volumes.map(({ id }) => [`${object.kind} ${name}`, volumeIdOf(object) ?? id]);
    }),
  );

/**
 * The content of all volumes of some objects by their places; of those that were rebuilt with a
 * prefix, as they were called without it.
 */
export const contentsOf = (
  local: Local,
  site: string,
  objects: readonly ObjectConfig[],
  prefix = "",
): Promise<ReadonlyMap<string, { readonly volumeId: string; readonly content: Buffer }>> =>
  local.onStorage(site, async (storage) => {
    const named = objects.map((object) => withoutPrefix(object, prefix));
    const contents = new Map<string, { volumeId: string; content: Buffer }>();
    for (const [place, volumeId] of volumesByPlace(named)) {
      contents.set(place, { volumeId, content: await contentOf(await storage.openVolume(volumeId, "read")) });
    }
    return contents;
  });

export const withoutPrefix = (object: ObjectConfig, prefix: string): ObjectConfig => {
  if (object.kind !== "nfs-file") return { ...object, name: object.name.replace(prefix, "") };
  return { ...object, file: { ...object.file, path: object.file.path.replace(prefix, "") } };
};

export type Sums = Readonly<Record<string, string>>;

const contentOf = async (reader: BlockReader): Promise<Buffer> => {
  const content = Buffer.alloc(reader.sizeBytes);
  await reader.read(0, content);
  await reader.close();
  return content;
};

const sumOf = async (reader: BlockReader): Promise<string> =>
  createHash("sha256")
    .update(await contentOf(reader))
    .digest("hex");

const sumsBy = async (
  objects: readonly ObjectConfig[],
  open: (volumeId: string) => Promise<BlockReader>,
): Promise<Sums> => {
  const sums: [string, string][] = [];
  for (const [place, volumeId] of volumesByPlace(objects)) sums.push([place, await sumOf(await open(volumeId))]);
  return Object.fromEntries(sums.sort());
};

/** The SHA-256 of all volumes of some objects of a site. */
export const sumsNow = (local: Local, site: string, objects: readonly ObjectConfig[]): Promise<Sums> =>
  local.onStorage(site, (storage) => sumsBy(objects, (volumeId) => storage.openVolume(volumeId, "read")));

/** The same as a group has them. */
export const sumsIn = (
  local: Local,
  site: string,
  { groupId, objects }: { readonly groupId: string; readonly objects: readonly ObjectConfig[] },
): Promise<Sums> =>
  local.onStorage(site, async (storage) => {
    const group = await storage.findGroup(groupId as never);
    const snapshots = new Map(group?.snapshots.map(({ volumeId, snapshotId }) => [volumeId, snapshotId]));
    return sumsBy(objects, (volumeId) =>
      openSnapshotReader(storage, snapshots.get(volumeId) ?? assert.fail(`${groupId} has no snapshot of ${volumeId}`)),
    );
  });

/** The SHA-256 of every snapshot of a group. */
export const snapshotSums = (local: Local, site: string, groupId: string): Promise<Sums> =>
  local.onStorage(site, async (storage) => {
    const group = await storage.findGroup(groupId as never);
    assert(group, `site ${site} has no group ${groupId}`);
    const sums: [string, string][] = [];
    for (const { snapshotId } of group.snapshots) {
      sums.push([snapshotId, await sumOf(await openSnapshotReader(storage, snapshotId))]);
    }
    return Object.fromEntries(sums);
  });

/** Writes what nobody has written before into extents of a volume. */
export const writeExtents = async (
  storage: StorageDriver,
  volumeId: string,
  extents: readonly number[],
): Promise<void> => {
  const volume = await storage.openVolume(volumeId, "write");
  try {
    for (const extent of extents) await volume.write(extent * extentBytes, randomBytes(extentBytes));
    await volume.flush();
  } finally {
    await volume.close();
  }
};

/**
 * Fills the beginning, a middle and the end of each volume of some objects; the rest stays holes.
 * @returns extents that were written
 */
export const fill = (local: Local, site: string, objects: readonly ObjectConfig[]): Promise<number> =>
  local.onStorage(site, async (storage) => {
    let written = 0;
    const volumes = new Map(objects.flatMap((object) => object.volumes.map((volume) => [volume.id, volume] as const)));
    for (const { id, sizeBytes } of volumes.values()) {
      const last = sizeBytes / extentBytes - 1;
      const extents = [...new Set([0, last >> 1, last])];
      await writeExtents(storage, id, extents);
      written += extents.length;
    }
    return written;
  });
