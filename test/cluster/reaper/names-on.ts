import type { ClusterStandIn } from "../stand-in/stand-in.ts";

/** All that a cluster has, by kind and name, each as often as it is there. */
export const namesOn = ({ tower: { model }, cluster }: ClusterStandIn): readonly string[] => {
  const tables = {
    ...{ target: model.targets, lun: model.luns, snapshot: model.lunSnapshots, group: model.groups },
    ...{ groupSnapshot: model.groupSnapshots, vm: model.vms, vmVolume: model.vmVolumes, file: model.nfsInodes },
    ...{ vmSnapshot: model.vmSnapshots, folder: model.vmFolders, volumeSnapshot: model.vmVolumeSnapshots },
  };
  const known = Object.entries(tables).flatMap(([kind, table]) =>
    table
      .all()
      .filter((one) => one.cluster === cluster)
      .map(({ name }) => `${kind} ${name}`),
  );
  const volumes = cluster.storage.zbs.all().map(({ isSnapshot }) => (isSnapshot ? "zbs snapshot" : "zbs volume"));
  return [...known, ...volumes].toSorted();
};
