import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { ourDescription } from "../abilities/only-node.ts";
import { findCluster } from "../cloud-tower/nouns/clusters.ts";
import { addLabel, ensureLabel } from "../cloud-tower/nouns/labels.ts";
import { deleteLunSnapshots, findLunSnapshots, findLunSnapshotsByVolume } from "../cloud-tower/nouns/lun-snapshots.ts";
import {
  deleteLuns,
  ensureLun,
  ensureLunClone,
  findLun,
  findLunByVolume,
  listLunsOfTarget,
  rollbackLun,
  type TowerLun,
  updateLun,
} from "../cloud-tower/nouns/luns.ts";
import { ensureTarget, findTarget, findTargets, type TowerTarget } from "../cloud-tower/nouns/targets.ts";
import { deleteVmVolumeSnapshots, findVmVolumeSnapshotOf } from "../cloud-tower/nouns/vm-volume-snapshots.ts";
import { OneAtATime } from "../ledger/one-at-a-time.ts";
import { isOurs, ourName } from "../names.ts";
import { cloneToLun, deleteSnapshot } from "../ssh/snapshots.ts";
import type {
  CloneWish,
  FileWish,
  Hands,
  KeptShell,
  LunRef,
  LunWish,
  ShellWish,
  TargetWish,
  TogetherWish,
  VmShape,
  VmWish,
} from "./hands.ts";
import type { TowerHandsOptions } from "./options.ts";
import { notListed, refOfZbs, zbsOfRef } from "./snapshot-refs.ts";
import { snapshotsTogether } from "./snapshots-together.ts";
import { makeFile, removeFile, rollBackFile } from "./tower-files.ts";
import { makeVm, makeVolume, removeRebuilt, removeShell, rename, setPower } from "./tower-vms.ts";
import { shapeVm } from "./vm-shape.ts";
import { keepShell } from "./vm-shells.ts";

/** What snapshots are read through lies in it. */
const readTarget: TargetWish = { name: ourName("read"), stripeCount: 1, stripeBytes: 256 * 1024 };
const lunIdMax = 16_383;

/** By CloudTower and, for what that can't, the nodes' command line. */
export class TowerHands implements Hands {
  readonly #of: TowerHandsOptions;
  readonly #targets = new OneAtATime();

  constructor(of: TowerHandsOptions) {
    this.#of = of;
  }

  async makeLun(wish: LunWish, call?: StorageCall): Promise<LunRef> {
    const { tower, initiatorName, replicas } = this.#of;
    const target = await this.#target(wish.target, call);
    const { name, lunId, sizeBytes, allowedInitiators = initiatorName } = wish;
    const made = { targetId: target.id, name, sizeBytes, replicas, allowedInitiators };
    return refOf(await ensureLun(tower, { ...made, ...(lunId !== undefined && { lunId }) }, call), target);
  }

  async listLuns(name: string, call?: StorageCall) {
    const { tower, clusterId } = this.#of;
    const target = await findTarget(tower, { clusterId, name }, call);
    if (target === undefined) return [];
    const luns = await listLunsOfTarget(tower, target.id, call);
    return luns.map((lun) => ({ ...refOf(lun, target), name: lun.name }));
  }

  growLun(lun: string, sizeBytes: number, call?: StorageCall): Promise<void> {
    return updateLun(this.#of.tower, lun, { sizeBytes }, call);
  }

  async rollBackLun(lun: string, to: Parameters<Hands["rollBackLun"]>[1], call?: StorageCall): Promise<void> {
    const { tower } = this.#of;
    const { snapshot, atLeastBytes = 0 } = to;
    await rollbackLun(tower, { lunId: lun, snapshotId: await this.#shown(snapshot, call) }, call);
    const now = await findLun(tower, lun, call);
    if (now !== undefined && now.sizeBytes < atLeastBytes) await this.growLun(lun, atLeastBytes, call);
  }

  async listed(refs: readonly string[], call?: StorageCall): Promise<ReadonlyMap<string, string>> {
    const { tower, clusterId } = this.#of;
    const zbsVolumeIds = refs.flatMap((ref) => zbsOfRef(ref) ?? []);
    if (zbsVolumeIds.length === 0) return new Map();
    const found = await findLunSnapshotsByVolume(tower, { clusterId, zbsVolumeIds }, call);
    return new Map(found.map(({ id, zbsVolumeId }) => [refOfZbs(zbsVolumeId), id]));
  }

  /** A CloudTower that was set up anew has other ids. */
  async isGone({ snapshot, zbsVolumeId }: Omit<CloneWish, "name">, call?: StorageCall): Promise<boolean> {
    const { tower, clusterId } = this.#of;
    if (zbsOfRef(snapshot) !== undefined) return false;
    if ((await findLunSnapshots(tower, [snapshot], call)).has(snapshot)) return false;
    if (zbsVolumeId === undefined) return true;
    return (await findLunSnapshotsByVolume(tower, { clusterId, zbsVolumeIds: [zbsVolumeId] }, call)).length === 0;
  }

  async cloneSnapshot({ snapshot, zbsVolumeId, name }: CloneWish, call?: StorageCall): Promise<LunRef> {
    const { tower, ssh } = this.#of;
    const target = await this.#target(readTarget, call);
    const known = zbsOfRef(snapshot);
    if (known !== undefined) return this.#cloneByCommandLine({ zbsSnapshot: known, target, name }, call);
    try {
      return refOf(await ensureLunClone(tower, { snapshotId: snapshot, targetId: target.id, name }, call), target);
    } catch (error) {
      // Of a virtual volume's snapshot CloudTower need not make a LUN of an ordinary target.
      const isRefused = VisibleError.is(error, "CLUSTER_TASK_FAILED") || VisibleError.is(error, "CLUSTER_REFUSED");
      if (!isRefused || ssh === undefined || zbsVolumeId === undefined) throw error;
      return this.#cloneByCommandLine({ zbsSnapshot: zbsVolumeId, target, name }, call);
    }
  }

  snapshotTogether(wish: TogetherWish, call: StorageCall = {}) {
    return snapshotsTogether(this.#of, wish, call);
  }

  makeVolume(wish: Parameters<Hands["makeVolume"]>[0], call?: StorageCall) {
    return makeVolume(this.#of, wish, call);
  }

  makeVm(wish: VmWish, call?: StorageCall) {
    return makeVm(this.#of, wish, call);
  }

  shapeVm(vm: string, shape: VmShape, call?: StorageCall): Promise<void> {
    return shapeVm(this.#of, vm, shape, call);
  }

  keepShell(wish: ShellWish, known: string | undefined, call?: StorageCall): Promise<KeptShell> {
    return keepShell(this.#of, wish, known, call);
  }

  removeShell(vm: string, call?: StorageCall): Promise<void> {
    return removeShell(this.#of, vm, call);
  }

  makeFile(wish: FileWish, call?: StorageCall) {
    return makeFile(this.#of, wish, call);
  }

  rollBackFile(to: Parameters<Hands["rollBackFile"]>[0], call?: StorageCall): Promise<void> {
    return rollBackFile(this.#of, to, call);
  }

  removeFile(file: Parameters<Hands["removeFile"]>[0], call?: StorageCall): Promise<void> {
    return removeFile(this.#of, file, call);
  }

  setPower(vm: string, power: "on" | "off", call?: StorageCall): Promise<void> {
    return setPower(this.#of, vm, power, call);
  }

  rename(of: Parameters<Hands["rename"]>[0], call?: StorageCall): Promise<void> {
    return rename(this.#of, of, call);
  }

  async label(of: Parameters<Hands["label"]>[0], labels: Readonly<Record<string, string>>, call?: StorageCall) {
    const kinds = { lun: "iscsi_luns", "vm-volume": "vm_volumes", vm: "vms", "nfs-file": "nfs_inodes" } as const;
    const kind = kinds[of.kind];
    for (const [key, value] of Object.entries(labels)) {
      const { id: labelId } = await ensureLabel(this.#of.tower, { key, value }, call);
      await addLabel(this.#of.tower, { labelId, kind, ids: [of.id] }, call);
    }
  }

  removeRebuilt(of: Parameters<Hands["removeRebuilt"]>[0], call?: StorageCall): Promise<void> {
    return removeRebuilt(this.#of, of, call);
  }

  async removeLun(lun: string, call?: StorageCall): Promise<void> {
    const { tower } = this.#of;
    const found = await findLun(tower, lun, call);
    if (found === undefined) return;
    refuseOthers(found.name);
    await deleteLuns(tower, [lun], { withSnapshots: false }, call);
  }

  async removeSnapshot(snapshot: string, call?: StorageCall): Promise<void> {
    const { tower, clusterId, ssh } = this.#of;
    const zbsSnapshot = zbsOfRef(snapshot);
    if (zbsSnapshot !== undefined) {
      if (ssh === undefined) throw needsCommandLine("remove a snapshot of it");
      return deleteSnapshot(ssh, zbsSnapshot, call);
    }
    const found = (await findLunSnapshots(tower, [snapshot], call)).get(snapshot);
    if (found === undefined) return;
    // What was taken of a virtual volume by itself has our name, and the LUN's is the cluster's.
    const around = isOurs(found.name)
      ? undefined
      : await findVmVolumeSnapshotOf(tower, { clusterId, lunSnapshotName: found.name }, call);
    refuseOthers(around?.name ?? found.name);
    if (around === undefined) await deleteLunSnapshots(tower, [snapshot], call);
    else await deleteVmVolumeSnapshots(tower, [around.id], call);
  }

  async ownBytes(snapshots: readonly string[], call?: StorageCall): Promise<number | undefined> {
    const found = await findLunSnapshots(this.#of.tower, snapshots, call);
    let bytes = 0;
    for (const snapshot of snapshots) {
      const { uniqueBytes } = found.get(snapshot) ?? {};
      if (uniqueBytes === undefined) return undefined;
      bytes += uniqueBytes;
    }
    return bytes;
  }

  /** CloudTower counts each replica. */
  async room(call?: StorageCall) {
    const { tower, clusterId, replicas } = this.#of;
    const { totalBytes, usedBytes } = await findCluster(tower, clusterId, call);
    if (totalBytes === undefined || usedBytes === undefined) return undefined;
    return { capacityBytes: Math.floor(totalBytes / replicas), usedBytes: Math.ceil(usedBytes / replicas) };
  }

  /** @throws SNAPSHOT_UNKNOWN */
  async #shown(snapshot: string, call: StorageCall | undefined): Promise<string> {
    if (zbsOfRef(snapshot) === undefined) return snapshot;
    return (await this.listed([snapshot], call)).get(snapshot) ?? notListed();
  }

  #target({ name, stripeCount, stripeBytes, theirs }: TargetWish, call: StorageCall | undefined): Promise<TowerTarget> {
    const { tower, clusterId, replicas, initiatorName, chap } = this.#of;
    const shape = { clusterId, name, replicas, thin: true, stripeCount, stripeBytes };
    const guarded = {
      ...{ ipWhitelist: "*/*", iqnWhitelist: initiatorName, description: ourDescription },
      ...(chap !== undefined && { chap }),
    };
    const settings = theirs && {
      ...(theirs.description !== undefined && { description: theirs.description }),
      ...{ ipWhitelist: theirs.ipWhitelist ?? "*/*", iqnWhitelist: theirs.iqnWhitelist ?? "*/*" },
      ...(theirs.replicaNum !== undefined && { replicas: theirs.replicaNum }),
      ...(theirs.thinProvision !== undefined && { thin: theirs.thinProvision }),
    };
    // Several who look for it at once would each make one.
    return this.#targets.run(call?.signal, () => ensureTarget(tower, { ...shape, ...(settings ?? guarded) }, call));
  }

  /** CloudTower clones LUNs' snapshots only; here the LUN id has to be chosen. */
  async #cloneByCommandLine(
    {
      zbsSnapshot,
      target,
      name,
    }: { readonly zbsSnapshot: string; readonly target: TowerTarget; readonly name: string },
    call: StorageCall | undefined,
  ): Promise<LunRef> {
    const { ssh, tower, clusterId } = this.#of;
    if (ssh === undefined) throw needsCommandLine("read a snapshot of it");
    const there = await listLunsOfTarget(tower, target.id, call);
    const known = there.find((lun) => lun.name === name);
    if (known !== undefined) return refOf(known, target);
    const taken = new Set(there.map(({ lunId }) => lunId));
    let lunId = 1 + Math.floor(Math.random() * (lunIdMax - 1));
    while (taken.has(lunId)) lunId = lunId === lunIdMax ? 1 : lunId + 1;
    const wanted = { snapshotId: zbsSnapshot, target: target.name, lunId, name };
    const { zbsVolumeId } = await cloneToLun(ssh, wanted, call);
    const what = `the LUN “${name}”`;
    const find = (watch?: StorageCall) => findLunByVolume(tower, { clusterId, zbsVolumeId }, watch);
    const made = await tower.ensure({ what, find, create: async () => undefined }, call);
    // Of two gateways that look for the target at once, each may make one: a name may be another's.
    return refOf(made, (await findTargets(tower, [made.target.id], call)).get(made.target.id) ?? target);
  }
}

const refOf = (lun: TowerLun, target: TowerTarget): LunRef => ({
  lun: lun.id,
  zbsVolumeId: lun.zbsVolumeId,
  target: target.name,
  iqn: target.iqn,
  lunId: lun.lunId,
  sizeBytes: lun.sizeBytes,
});

/** Nothing is deleted that we did not make (I5). */
const refuseOthers = (name: string): void => {
  if (isOurs(name)) return;
  throw new VisibleError("NOT_OURS", `“${name}” on the cluster was not made by this product: it stays.`, {
    hint: "Somebody has renamed it in CloudTower. It is needed no more: delete it there, unless he needs it.",
  });
};

const needsCommandLine = (what: string): VisibleError =>
  new VisibleError("OBJECT_KIND_UNSUPPORTED", `CloudTower alone can't ${what}.`, {
    hint: "Let the gateway use the nodes' command line: storage.ssh in its configuration.",
  });
