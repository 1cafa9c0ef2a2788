import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import type { StorageCall } from "../../call.ts";
import { listLuns, type TowerLun } from "../cloud-tower/nouns/luns.ts";
import { listSwitches, listVlans, type TowerVlan } from "../cloud-tower/nouns/networks.ts";
import { listTargets, type TowerTarget } from "../cloud-tower/nouns/targets.ts";
import { listVmVolumes } from "../cloud-tower/nouns/vm-volumes.ts";
import { isOurs, isRebuild } from "../names.ts";
import { findFiles } from "./find-files.ts";
import { findVms } from "./find-vms.ts";
import type { FoundCluster, FoundLunRef, FoundTarget } from "./found.ts";
import { stripedAs } from "./striped.ts";
import type { WhichCluster } from "./which.ts";

/** What CloudTower says that the cluster has, without what is ours. */
export const findCluster = async (of: WhichCluster, call?: StorageCall): Promise<FoundCluster> => {
  const { tower, clusterId, extentBytes } = of;
  const [allTargets, allLuns, vmVolumes, allSwitches, vlans, files] = await Promise.all([
    listTargets(tower, clusterId, call),
    listLuns(tower, clusterId, call),
    listVmVolumes(tower, clusterId, call),
    listSwitches(tower, clusterId, call),
    listVlans(tower, clusterId, call),
    findFiles(of, call),
  ]);
  const switches = allSwitches.filter(({ isInternal }) => !isInternal);
  const targets = new Map(allTargets.map((target) => [target.id, target]));
  const luns = new Map(allLuns.map((lun) => [lun.id, lun]));
  const refOf = (lun: TowerLun): FoundLunRef => ({
    ...{ tower: lun.id, zbsVolumeId: lun.zbsVolumeId, target: lun.target.name, lunId: lun.lunId },
    iqn: targets.get(lun.target.id)?.iqn ?? "",
  });
  const ofVolumes = new Set(vmVolumes.flatMap(({ lun }) => lun?.id ?? []));
  const isObject = (lun: TowerLun) =>
    !ofVolumes.has(lun.id) && isTheirs(lun.name) && targets.get(lun.target.id)?.isInternal !== true;
  return {
    targets: allTargets.filter(({ name, isInternal }) => !isOurs(name) && !isInternal).map(foundTarget),
    luns: allLuns.filter(isObject).map((lun) => ({
      ...{ lun: refOf(lun), name: lun.name, sizeBytes: lun.sizeBytes, geometry: geometryOf(lun, extentBytes) },
      ...{ allowedInitiators: orAll(lun.allowedInitiators), labels: lun.labels },
    })),
    volumes: vmVolumes
      .filter(({ name }) => isTheirs(name))
      .map((volume) => {
        const lun = luns.get(volume.lun?.id ?? "");
        return {
          ...{ tower: volume.id, id: volume.localId, name: volume.name, sizeBytes: volume.sizeBytes },
          ...{ sharing: volume.isShared, labels: volume.labels, geometry: geometryOf(lun, extentBytes) },
          lun: lun && refOf(lun),
        };
      }),
    vms: (await findVms(of, { vmVolumes, switches, vlans }, call)).filter(({ name }) => isTheirs(name)),
    ...files,
    switches: switches.map(({ id, name }) => ({ name, vlans: vlansOf(vlans, id) })).toSorted(byName),
  };
};

/** Or will be, when it has its name. */
const isTheirs = (name: string): boolean => !isOurs(name) || isRebuild(name);

/** What lets everybody in says nothing. */
const orAll = (list: string): string => (list === "*/*" || list === "*" ? "" : list);

const foundTarget = (target: TowerTarget): FoundTarget => ({
  name: target.name,
  settings: {
    ...(target.description !== "" && { description: target.description }),
    ...(orAll(target.ipWhitelist) !== "" && { ipWhitelist: target.ipWhitelist }),
    ...(orAll(target.iqnWhitelist) !== "" && { iqnWhitelist: target.iqnWhitelist }),
    ...{ replicaNum: target.replicas, thinProvision: target.thin },
  },
});

const geometryOf = (lun: TowerLun | undefined, extentBytes: number): Geometry =>
  stripedAs({ stripeCount: lun?.stripeCount ?? 1, stripeBytes: lun?.stripeBytes ?? 0 }, extentBytes);

const vlansOf = (vlans: readonly TowerVlan[], switchId: string) =>
  vlans
    .filter((vlan) => vlan.switch.id === switchId && vlan.isForVms)
    .map(({ name, vlanId }) => ({ name, vlanId }))
    .toSorted((a, b) => a.vlanId - b.vlanId || byName(a, b));

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);
