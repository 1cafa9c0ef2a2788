import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import type { CloudTower } from "../cloud-tower/client.ts";
import {
  deleteConsistencyGroup,
  deleteGroupSnapshot,
  listConsistencyGroups,
  listNamedGroupSnapshots,
} from "../cloud-tower/nouns/consistency-groups.ts";
import { deleteLunSnapshots, findLunSnapshotNamed, listNamedLunSnapshots } from "../cloud-tower/nouns/lun-snapshots.ts";
import { deleteLuns, listLuns, listLunsOfTarget } from "../cloud-tower/nouns/luns.ts";
import { deleteTarget, listTargets } from "../cloud-tower/nouns/targets.ts";
import { powerOffVm } from "../cloud-tower/nouns/vm-changes.ts";
import { deleteVmFolder, listVmFolders } from "../cloud-tower/nouns/vm-folders.ts";
import { deleteVmVolumeSnapshots, listVmVolumeSnapshots } from "../cloud-tower/nouns/vm-volume-snapshots.ts";
import { deleteVmVolume, listVmVolumes } from "../cloud-tower/nouns/vm-volumes.ts";
import { deleteVm, listVms } from "../cloud-tower/nouns/vms.ts";
import { refOfZbs } from "../cluster/snapshot-refs.ts";
import { isRefusal } from "../cluster/vm-shells.ts";
import { isOurs, ourPrefix } from "../names.ts";
import type { SshRunner } from "../ssh/runner.ts";
import { deleteSnapshot, snapshotsOf } from "../ssh/snapshots.ts";
import { type OurThing, placeOf, type Remains, remainKinds } from "./remains.ts";

interface Of {
  readonly tower: CloudTower;
  readonly clusterId: string;
  /** Undefined: nobody may use the nodes' command line. */
  readonly ssh: SshRunner | undefined;
}

/** By CloudTower and, for what that does not know, the nodes' command line. */
export class TowerRemains implements Remains {
  readonly #of: Of;

  constructor(of: Of) {
    this.#of = of;
  }

  async list(volumes: readonly string[], call?: StorageCall): Promise<readonly OurThing[]> {
    const all = [
      ...(await this.#vms(call)),
      ...(await this.#folders(call)),
      ...(await this.#groups(call)),
      ...(await this.#volumes(call)),
      ...(await this.#lunSnapshots(call)),
      ...(await this.#zbsSnapshots(volumes, call)),
    ];
    const ours = all.filter(({ name }) => isOurs(name));
    return remainKinds.flatMap((kind) => ours.filter((thing) => thing.kind === kind));
  }

  async remove({ kind, id, parts = [] }: OurThing, call?: StorageCall): Promise<void> {
    const { tower, ssh } = this.#of;
    switch (kind) {
      case "vm":
        await powerOffVm(tower, id, call);
        return deleteVm(tower, id, { withSnapshots: false }, call);
      case "group-snapshot":
        return deleteGroupSnapshot(tower, id, { withLunSnapshots: parts.length > 0 }, call);
      case "group":
        return deleteConsistencyGroup(tower, id, call);
      case "volume-snapshot":
        return deleteVmVolumeSnapshots(tower, [id], call);
      case "vm-volume":
        return deleteVmVolume(tower, id, { withSnapshots: false }, call);
      case "lun":
        return deleteLuns(tower, [id], { withSnapshots: false }, call);
      case "snapshot":
        return deleteLunSnapshots(tower, [id], call);
      case "zbs-snapshot":
        return ssh && deleteSnapshot(ssh, id, call);
      case "target":
        return this.#removeTarget(id, call);
      case "folder":
        return this.#removeFolder(id, call);
    }
  }

  async #vms(call: StorageCall | undefined): Promise<readonly OurThing[]> {
    const { tower, clusterId } = this.#of;
    const vms = await listVms(tower, clusterId, call);
    return vms
      .filter(({ isGone }) => !isGone)
      .map(({ id, name, localId }) => ({ kind: "vm", id, name, aliases: [localId] }));
  }

  /** A snapshot of a group that is gone does not say of which cluster it is. */
  async #groups(call: StorageCall | undefined): Promise<readonly OurThing[]> {
    const { tower, clusterId } = this.#of;
    const groups = await listConsistencyGroups(tower, clusterId, call);
    const snapshots = await listNamedGroupSnapshots(tower, ourPrefix, call);
    const here = new Set(groups.map(({ id }) => id));
    return [
      ...groups.map(({ id, name }): OurThing => ({ kind: "group", id, name, aliases: [] })),
      ...snapshots
        .filter(({ group }) => group !== undefined && here.has(group.id))
        .map(({ id, name, lunSnapshots }): OurThing => {
          const parts = lunSnapshots.map((part) => part.id);
          return { kind: "group-snapshot", id, name, aliases: [], parts };
        }),
    ];
  }

  /** The LUN of a virtual volume goes with it. */
  async #volumes(call: StorageCall | undefined): Promise<readonly OurThing[]> {
    const { tower, clusterId } = this.#of;
    const volumes = await listVmVolumes(tower, clusterId, call);
    const luns = new Map((await listLuns(tower, clusterId, call)).map((lun) => [lun.id, lun]));
    const targets = await listTargets(tower, clusterId, call);
    const iqns = new Map(targets.map(({ id, iqn }) => [id, iqn]));
    const inside = volumes.map((volume): OurThing => {
      const lun = volume.lun && luns.get(volume.lun.id);
      if (lun !== undefined) luns.delete(lun.id);
      const aliases = lun === undefined ? [] : [lun.id, lun.zbsVolumeId];
      return { kind: "vm-volume", id: volume.id, name: volume.name, aliases };
    });
    return [
      ...inside,
      ...(await this.#volumeSnapshots(call)),
      ...[...luns.values()].map(({ id, name, zbsVolumeId, target, lunId }): OurThing => {
        const place = placeOf({ iqn: iqns.get(target.id) ?? "", lunId });
        return { kind: "lun", id, name, aliases: [zbsVolumeId, place] };
      }),
      ...targets.map(({ id, name }): OurThing => ({ kind: "target", id, name, aliases: [] })),
    ];
  }

  /** Records know it by the LUN's snapshot inside it, which is called by its id. */
  async #volumeSnapshots(call: StorageCall | undefined): Promise<readonly OurThing[]> {
    const { tower, clusterId } = this.#of;
    const things: OurThing[] = [];
    for (const { id, localId, name } of await listVmVolumeSnapshots(tower, clusterId, call)) {
      if (!isOurs(name)) continue;
      const inside = await findLunSnapshotNamed(tower, { clusterId, name: localId }, call);
      const aliases = inside === undefined ? [] : [inside.id, inside.zbsVolumeId];
      things.push({ kind: "volume-snapshot", id, name, aliases });
    }
    return things;
  }

  async #lunSnapshots(call: StorageCall | undefined): Promise<readonly OurThing[]> {
    const { tower, clusterId } = this.#of;
    const snapshots = await listNamedLunSnapshots(tower, { clusterId, prefix: ourPrefix }, call);
    return snapshots.map(({ id, name, zbsVolumeId }) => ({ kind: "snapshot", id, name, aliases: [zbsVolumeId] }));
  }

  async #zbsSnapshots(volumes: readonly string[], call: StorageCall | undefined): Promise<readonly OurThing[]> {
    const { ssh } = this.#of;
    if (ssh === undefined) return [];
    const found: OurThing[] = [];
    for (const volume of volumes) {
      const snapshots = await snapshotsOf(ssh, volume, call).catch((error: unknown) => {
        // Of a volume that is gone there is nothing to be told.
        if (VisibleError.is(error, "CLUSTER_TASK_FAILED")) return new Map<string, string>();
        throw error;
      });
      for (const [name, id] of snapshots) found.push({ kind: "zbs-snapshot", id, name, aliases: [refOfZbs(id)] });
    }
    return found;
  }

  /** Not every version has them. */
  async #folders(call: StorageCall | undefined): Promise<readonly OurThing[]> {
    const { tower, clusterId } = this.#of;
    const folders = await listVmFolders(tower, clusterId, call).catch((error: unknown) => {
      if (isRefusal(error)) return [];
      throw error;
    });
    return folders.map(({ id, name }) => ({ kind: "folder", id, name, aliases: [] }));
  }

  async #removeFolder(id: string, call: StorageCall | undefined): Promise<void> {
    const { tower, clusterId } = this.#of;
    const vms = await listVms(tower, clusterId, call);
    if (!vms.some(({ folder }) => folder?.id === id)) await deleteVmFolder(tower, id, call);
  }

  async #removeTarget(id: string, call: StorageCall | undefined): Promise<void> {
    const { tower } = this.#of;
    if ((await listLunsOfTarget(tower, id, call)).length === 0) await deleteTarget(tower, id, call);
  }
}
