import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type GroupId, groupIdOf, instantSchema, planIdSchema, runIdOf } from "../../../core/api/ids.ts";
import type { Geometry } from "../../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { roundedSizeBytes } from "../../../core/extent/striping.ts";
import type { Grant, Owner } from "../../storage/control.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import { mirrorSetOf } from "../../storage/mirror-set.ts";
import { openStorage } from "../../storage/open.ts";
import { openSnapshotReader } from "../../storage/snapshot-reader.ts";
import type { BlockReader } from "../../storage/volume-io.ts";
import type { TlsCredentials } from "../../tunnel/certificates.ts";
import { createPeerClient, type PeerClient, type PeerClientOptions } from "../../tunnel/client.ts";
import { RefusedPeers } from "../../tunnel/refused.ts";
import type { PeerHandlers } from "../../tunnel/serve-peers.ts";
import { startTunnelServer } from "../../tunnel/server.ts";
import { holdingBoth, type OpenedSnapshots } from "../opened.ts";
import { createReceiver } from "../receiver.ts";
import { type SendVolumeOptions, sendVolume, type TransferOutcome } from "../sender.ts";
import { createTransferWorkers, type TransferWorkers } from "../workers.ts";
import { credentialsOf, newAuthority, site } from "./credentials.ts";
import { createMemoryLog } from "./memory-log.ts";

export const plan = planIdSchema.parse("plan_01ARZ3NDEKTSV4RRFFQ69G5FAV");
export const owner: Owner = { planId: plan, source: site("a") };

/** The group of the plan's n-th run. */
export const groupOf = (sequence: number): GroupId =>
  groupIdOf(runIdOf(plan, instantSchema.parse(new Date(Date.UTC(2026, 0, 1, sequence)).toISOString())));

/** The same as what a target is told of it: that site `a` sends it. */
export const runOf = (sequence: number): Grant => ({ groupId: groupOf(sequence), sequence, sender: owner.source });

/** Two sites with a folder each, real worker threads, and a link over mutual TLS between them. */
export const openTwoSites = async (
  wrap: {
    readonly handlers?: (handlers: PeerHandlers) => PeerHandlers;
    readonly workers?: (w: TransferWorkers) => TransferWorkers;
  } = {},
) => {
  const dir = await mkdtemp(path.join(tmpdir(), "transfer-"));
  const configs = {
    source: { kind: "extentstore", dir: path.join(dir, "a") },
    target: { kind: "extentstore", dir: path.join(dir, "b") },
  } as const;
  const source = await openStorage(configs.source);
  const target = await openStorage(configs.target);
  const log = createMemoryLog();
  const pool = { threads: 1, jobsMax: { sending: 8, receiving: 8 }, log };
  const plainWorkers = createTransferWorkers({ ...pool, storage: configs.source });
  const workers = wrap.workers?.(plainWorkers) ?? plainWorkers;
  const targetWorkers = createTransferWorkers({ ...pool, storage: configs.target });
  const authority = await newAuthority();
  const refused = new RefusedPeers(log);
  const receiver = createReceiver({ storage: target, workers: targetWorkers, log });
  const server = await startTunnelServer({
    credentials: await credentialsOf(authority, "b"),
    multiCluster: site("mc"),
    port: 0,
    ...(wrap.handlers?.(receiver) ?? receiver),
    refused,
    log,
  });
  const endpoint = `127.0.0.1:${server.port}`;
  const connect = async (
    options: Partial<Omit<PeerClientOptions, "credentials">> & { readonly credentials?: TlsCredentials } = {},
  ): Promise<PeerClient> => {
    const { credentials = await credentialsOf(authority, "a") } = options;
    return createPeerClient({
      multiCluster: site("mc"),
      siteId: site("b"),
      endpoints: [endpoint],
      log,
      ...options,
      credentials: () => credentials,
    });
  };
  const peer = await connect();
  const prepare = (object: ObjectConfig, sequence: number) =>
    target.prepareMirror({ owner, object, run: { ...runOf(sequence), index: 0 } });

  return {
    sourceDir: configs.source.dir,
    targetDir: configs.target.dir,
    /** Where the sites keep the blocks that they have. */
    sourceData: path.join(configs.source.dir, "data"),
    targetData: path.join(configs.target.dir, "data"),
    source,
    target,
    log,
    authority,
    receiver,
    /** What the target has refused. */
    refused,
    endpoint,
    peer,
    connect,
    workers,
    targetWorkers,
    /** A new volume of the source. */
    createVolume: (name: string, sizeBytes: number, geometry: Geometry) =>
      source.createVolume({ name, kind: "volume", sizeBytes, geometry }),
    /** Prepares the mirror of an object for a group. */
    prepare,
    /**
     * Sends a group's snapshot of the object and gives what it came to; the
     * mirror is prepared first, unless it is named.
     */
    send: async (
      object: ObjectConfig,
      sequence: number,
      base: number | null,
      {
        baseLost = false,
        wrongBase,
        mirrorVolumeId = undefined,
        ...options
      }: Partial<SendVolumeOptions> & {
        readonly baseLost?: boolean;
        readonly wrongBase?: number;
        readonly mirrorVolumeId?: string | undefined;
      } = {},
    ): Promise<TransferOutcome & { readonly mirrorVolumeId: string }> => {
      const mirror = mirrorVolumeId ?? (await prepare(object, sequence))[0]?.mirrorVolumeId;
      assert(mirror !== undefined);
      const wanted = { snapshotId: await snapshotId(source, sequence), of: { groupId: groupOf(sequence), owner } };
      const baseId = base === null || baseLost ? null : await snapshotId(source, base);
      const storage = wrongBase === undefined ? source : mistaking(source, baseId, await snapshotId(source, wrongBase));
      const baseGroupId = base === null ? null : groupOf(base);
      const shape = await storage.snapshotShape(wanted);
      const whole = (opening: Promise<OpenedSnapshots>): SendVolumeOptions => ({
        storage,
        workers,
        peer,
        transfer: { shape, opening, mirrorVolumeId: mirror },
        ids: { ...owner, groupId: groupOf(sequence), sequence, baseGroupId },
        compression: { enabled: true, level: 1, dictionary: true },
        signal: new AbortController().signal,
        log,
        onProgress: () => undefined,
        onAcknowledged: () => undefined,
        onMoved: () => undefined,
        ...options,
      });
      const toOpen = {
        snapshot: wanted,
        base:
          baseGroupId === null || baseId === null ? null : { snapshotId: baseId, of: { groupId: baseGroupId, owner } },
        baseGroupId,
        mirrorVolumeId: mirror,
      };
      const outcome = await holdingBoth({ storage: options.storage ?? storage, log }, toOpen, (opening) =>
        sendVolume(whole(opening)),
      );
      return { ...outcome, mirrorVolumeId: mirror };
    },
    snapshot: (object: ObjectConfig, sequence: number) =>
      source.snapshotGroup({ groupId: groupOf(sequence), owner, volumeIds: object.volumes.map(({ id }) => id) }),
    publish: (mirrorVolumeId: string, sequence: number) =>
      target.publishGroup({
        groupId: groupOf(sequence),
        owner,
        sequence,
        takenAt: instantSchema.parse("2026-01-01T00:00:00.000Z"),
        mirrors: mirrorSetOf([mirrorVolumeId]),
        planName: "daily",
        objects: [],
      }),
    /** That the published group is the source's snapshot, byte by byte. */
    assertEqual: async (sequence: number): Promise<void> => {
      const was = await contentOf(await openSnapshotReader(source, await snapshotId(source, sequence)));
      const is = await contentOf(await openSnapshotReader(target, await snapshotId(target, sequence)));
      assert(was.equals(is), "the restore point is not what the source has");
    },
    close: async () => {
      await peer.close();
      await server.stop(1);
      await Promise.all([plainWorkers.close(), targetWorkers.close()]);
      await Promise.all([source.close(), target.close()]);
      await rm(dir, { recursive: true });
    },
  };
};
export type TwoSites = Awaited<ReturnType<typeof openTwoSites>>;

/** A storage that opens one snapshot as another one. */
const mistaking = (storage: StorageDriver, one: string | null, another: string): StorageDriver => {
  const openSnapshot: StorageDriver["openSnapshot"] = (wanted, call) =>
    storage.openSnapshot(
      "snapshotId" in wanted && wanted.snapshotId === one ? { snapshotId: another, of: "anybody" } : wanted,
      call,
    );
  return new Proxy(storage, {
    get: (of, name) => (name === "openSnapshot" ? openSnapshot : Reflect.get(of, name, of)),
  });
};

const snapshotId = async (storage: StorageDriver, sequence: number): Promise<string> => {
  const found = await storage.findGroup(groupOf(sequence));
  const [snapshot] = found?.snapshots ?? [];
  assert(snapshot !== undefined);
  return snapshot.snapshotId;
};

const contentOf = async (reader: BlockReader): Promise<Buffer> => {
  const content = Buffer.alloc(roundedSizeBytes(reader.geometry, reader.sizeBytes));
  await reader.read(0, content);
  await reader.close();
  return content;
};

/** How much there is in each data file of a folder, by its path. */
export const dataSizes = async (dataDir: string): Promise<ReadonlyMap<string, number>> => {
  const files = (await readdir(dataDir)).map((name) => path.join(dataDir, name));
  return new Map(await Promise.all(files.map(async (file) => [file, (await stat(file)).size] as const)));
};

/** Writes to a volume of the source, durably. */
export const writeTo = async (
  storage: StorageDriver,
  object: ObjectConfig,
  writes: readonly { readonly offset: number; readonly data: Uint8Array | number }[],
): Promise<void> => {
  const [volume] = object.volumes;
  assert(volume !== undefined);
  const handle = await storage.openVolume(volume.id, "write");
  for (const { offset, data } of writes) {
    if (typeof data === "number") await handle.zero(offset, data);
    else await handle.write(offset, data);
  }
  await handle.flush();
  await handle.close();
};
