import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, VisibleError } from "../../../core/api/errors.ts";
import type { GroupId, Instant, PlanId, SiteId } from "../../../core/api/ids.ts";
import type { Geometry } from "../../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { extentRanges } from "../../../core/extent/striping.ts";
import { blockHash } from "../block-hash.ts";
import type { Owner } from "../control.ts";
import type { StorageDriver } from "../driver.ts";
import { mirrorSetOf } from "../mirror-set.ts";
import { openSnapshotReader } from "../snapshot-reader.ts";
import type { BlockReader, MirrorExtentWriter } from "../volume-io.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const KiB = 1024;
export const owner: Owner = { planId: "plan_01K0Z3NDEKTSV4RRFFQ69G5FAV" as PlanId, source: "a" as SiteId };
/** An owner is a plan and the site that it protects: another plan, and another site, are others. */
export const strangers: readonly Owner[] = [
  { ...owner, planId: "plan_01K0Z3NDEKTSV4RRFFQ69G5FAW" as PlanId },
  { ...owner, source: "c" as SiteId },
];
export const takenAt = "2026-03-01T01:00:00.000Z" as Instant;
export const plain: Geometry = { extentBytes: 256 * KiB, stripeCount: 1, stripeBytes: 256 * KiB };
export const striped: Geometry = { extentBytes: 256 * KiB, stripeCount: 3, stripeBytes: 64 * KiB };

/** The n-th group of the test's plan. */
export const groupId = (n: number): GroupId =>
  `group_01K0Z3NDEKTSV4RRFFQ69G5FAV_${new Date(Date.UTC(2026, 2, 1, 1, n)).toISOString().replaceAll(/[-:.]/g, "")}` as GroupId;

/** A test with an empty storage of its own. */
export const storageTest = (
  title: string,
  open: () => Promise<StorageUnderTest>,
  body: (driver: StorageDriver, storage: StorageUnderTest) => Promise<void>,
): void => {
  test(title, async () => {
    const storage = await open();
    try {
      await body(storage.driver, storage);
    } finally {
      await storage.close();
    }
  });
};

/** Bytes that don't compress, the same for the same seed. */
export const noise = (length: number, seed: number): Buffer => {
  const bytes = Buffer.alloc(length);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
};

/** The hashes of the blocks that bytes consist of, one behind the other. */
export const hashesOf = (content: Uint8Array): Uint8Array =>
  Buffer.concat(
    Array.from({ length: content.length / blockBytes }, (_, block) =>
      blockHash(content.subarray(block * blockBytes, (block + 1) * blockBytes)),
    ),
  );

export const volumeOf = (object: ObjectConfig): ObjectConfig["volumes"][number] => {
  const [volume] = object.volumes;
  assert(volume !== undefined);
  return volume;
};

export const createVolume = async (
  driver: StorageDriver,
  options: { name?: string; sizeBytes?: number; geometry?: Geometry } = {},
): Promise<string> => {
  const { name = "disk", sizeBytes = 1024 * KiB, geometry = plain } = options;
  return volumeOf(await driver.createVolume({ name, kind: "volume", sizeBytes, geometry })).id;
};

export const write = async (
  driver: StorageDriver,
  volumeId: string,
  ...writes: readonly (readonly [offset: number, data: Uint8Array])[]
): Promise<void> => {
  const handle = await driver.openVolume(volumeId, "write");
  for (const [offset, data] of writes) await handle.write(offset, data);
  await handle.flush();
  await handle.close();
};

/** All bytes of what a reader reads, which is closed. */
export const readAll = async (reader: BlockReader): Promise<Buffer> => {
  const bytes = Buffer.alloc(reader.sizeBytes, 0xee);
  await reader.read(0, bytes);
  await reader.close();
  return bytes;
};

export const readVolume = async (driver: StorageDriver, volumeId: string): Promise<Buffer> =>
  readAll(await driver.openVolume(volumeId, "read"));

export const readSnapshot = async (driver: StorageDriver, snapshotId: string): Promise<Buffer> =>
  readAll(await openSnapshotReader(driver, snapshotId));

/** The id of a group's snapshot of a volume. */
export const snapshotOf = async (driver: StorageDriver, id: GroupId, volumeId: string): Promise<string> => {
  const snapshot = (await driver.findGroup(id))?.snapshots.find((candidate) => candidate.volumeId === volumeId);
  assert(snapshot !== undefined, `${id} has no snapshot of ${volumeId}`);
  return snapshot.snapshotId;
};

export const tokensOf = async (driver: StorageDriver, snapshotId: string) => {
  const reader = await openSnapshotReader(driver, snapshotId);
  const tokens = await reader.extentMap();
  await reader.close();
  return tokens;
};

export const rejects = async (promise: Promise<unknown>, code: ErrorCode): Promise<void> => {
  await assert.rejects(promise, (error) => {
    assert(error instanceof VisibleError, `expected ${code}, got ${String(error)}`);
    assert.equal(error.code, code, error.message);
    return true;
  });
};

/** A protected LUN, as a source site would describe it. */
export const sourceObject = (
  options: { name?: string; sizeBytes?: number; geometry?: Geometry; lunId?: number } = {},
): ObjectConfig => {
  const { name = "database", sizeBytes = 1024 * KiB, geometry = plain, lunId = 7 } = options;
  return {
    kind: "lun",
    id: `source-lun-${lunId}`,
    name,
    volumes: [{ id: `source-volume-${lunId}`, sizeBytes, geometry }],
    lun: { target: "iscsi", lunId },
  };
};

/** The site that sends a plan's groups, unless a test says otherwise: the one that it protects. */
export const sender: SiteId = owner.source;

/** What a mirror was prepared as, before anybody said for which run. */
const preparedAs = new Map<string, ObjectConfig>();

export const prepareMirror = async (driver: StorageDriver, object: ObjectConfig): Promise<string> => {
  const [mirror] = await driver.prepareMirror({ owner, object });
  assert(mirror !== undefined);
  preparedAs.set(mirror.mirrorVolumeId, object);
  return mirror.mirrorVolumeId;
};

/** Opens a mirror for a run, which has prepared it or does so now. */
export const openMirror = async (
  driver: StorageDriver,
  mirrorVolumeId: string,
  options: { group: number; base?: number; sizeBytes?: number; geometry?: Geometry },
) => {
  const run = { groupId: groupId(options.group), sequence: options.group, sender };
  const object = preparedAs.get(mirrorVolumeId);
  if (object !== undefined) await driver.prepareMirror({ owner, object, run: { ...run, index: 0 } });
  return driver.openMirror({
    ...{ owner, mirrorVolumeId, ...run },
    baseGroupId: options.base === undefined ? null : groupId(options.base),
    sizeBytes: options.sizeBytes ?? 1024 * KiB,
    geometry: options.geometry ?? plain,
  });
};

/**
 * Puts an extent's part of `content`, the bytes of the whole volume, into an extent that is being
 * written.
 */
export const fillExtent = async (
  writer: MirrorExtentWriter,
  extent: number,
  content: { bytes: Buffer; geometry: Geometry },
): Promise<void> => {
  const { bytes, geometry } = content;
  for (const range of extentRanges(geometry, bytes.byteLength, extent)) {
    const part = bytes.subarray(range.offset, Math.min(range.offset + range.length, bytes.byteLength));
    if (part.byteLength > 0) await writer.write(range.offset, part);
  }
};

/** Writes all extents of a mirror as one group and completes it. @returns the epoch */
export const sendAll = async (
  driver: StorageDriver,
  mirrorVolumeId: string,
  options: { group: number; base?: number; bytes: Buffer; geometry?: Geometry },
): Promise<number> => {
  const { bytes, geometry = plain } = options;
  const { epoch } = await openMirror(driver, mirrorVolumeId, { ...options, sizeBytes: bytes.byteLength });
  const groupBytes = geometry.extentBytes * geometry.stripeCount;
  const extents = Math.ceil(bytes.byteLength / groupBytes) * geometry.stripeCount;
  for (let extent = 0; extent < extents; extent++) {
    const writer = await driver.openMirrorExtent({ mirrorVolumeId, epoch, extent });
    await fillExtent(writer, extent, { bytes, geometry });
    await writer.commit();
  }
  await driver.completeMirror({ mirrorVolumeId, epoch });
  return epoch;
};

export const publish = async (driver: StorageDriver, group: number, ...mirrorVolumeIds: string[]) =>
  driver.publishGroup({
    groupId: groupId(group),
    owner,
    sequence: group,
    takenAt,
    mirrors: mirrorSetOf(mirrorVolumeIds),
    planName: "daily",
    objects: [],
  });
