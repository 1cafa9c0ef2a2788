import { type FakeCluster, FakeLabel } from "../entities/entity.ts";
import type { FakeModel } from "../model.ts";
import { change, changeEach, type FakeOperations, queriesOf } from "../operation.ts";
import { type FakeWhere, matches } from "../query.ts";
import { FakeRefusal } from "../refusal.ts";
import type { FakeChange } from "../tasks.ts";

interface Labelled {
  readonly labels: FakeLabel[];
}

/** What can have labels, by what the contract calls it. */
const resources = (model: FakeModel): Readonly<Record<string, readonly Labelled[]>> => ({
  vms: model.vms.all(),
  vm_volumes: model.vmVolumes.all(),
  vm_volume_snapshots: model.vmVolumeSnapshots.all(),
  vm_snapshots: model.vmSnapshots.all(),
  vlans: model.vlans.all(),
  vdses: model.vdses.all(),
  nfs_inodes: model.nfsInodes.all(),
  nfs_exports: model.nfsExports.all(),
  iscsi_targets: model.targets.all(),
  iscsi_lun_snapshots: model.lunSnapshots.all(),
  iscsi_luns: model.luns.all(),
  hosts: model.hosts.all(),
  consistency_group_snapshots: model.groupSnapshots.all(),
  consistency_groups: model.groups.all(),
  clusters: model.clusters.all(),
});

/** A label belongs to no cluster; its tasks wait for whichever is first. */
const anyCluster = (model: FakeModel): FakeCluster => {
  const [cluster] = model.clusters.all();
  if (cluster === undefined) throw new FakeRefusal(400, "there is no cluster");
  return cluster;
};

const created = (
  model: FakeModel,
  { key, value = "" }: { readonly key: string; readonly value?: string },
): FakeChange => {
  const isThere = model.labels.all().some((label) => label.key === key && label.value === value);
  if (isThere) throw new FakeRefusal(400, `the label ${key}: ${value} is there already`);
  const label = model.labels.add(new FakeLabel(key, value));
  return {
    ...{ data: label, cluster: anyCluster(model), type: "Label", mutation: "create" },
    description: `Create label ${key}`,
    run: () => undefined,
    undo: () => model.labels.delete(label),
  };
};

const chosenLabels = (model: FakeModel, where: FakeWhere): readonly FakeLabel[] =>
  model.labels.all().filter((label) => matches(label, where));

interface Labelling {
  readonly where: FakeWhere;
  readonly data: Readonly<Record<string, FakeWhere | undefined>>;
}

const labelling = (put: (resource: Labelled, label: FakeLabel) => void) =>
  change<Labelling>((model, { where, data }) =>
    chosenLabels(model, where).map((label) => ({
      ...{ data: label, cluster: anyCluster(model), type: "Label", mutation: "update" },
      description: `Label with ${label.key}`,
      run: () => {
        const all = resources(model);
        for (const [kind, filter] of Object.entries(data)) {
          const meant = (all[kind] ?? []).filter((resource) => matches(resource, filter ?? {}));
          for (const resource of meant) put(resource, label);
        }
      },
    })),
  );

const take = ({ labels }: Labelled, label: FakeLabel): void => {
  if (labels.includes(label)) labels.splice(labels.indexOf(label), 1);
};

const deleted = (model: FakeModel, label: FakeLabel): FakeChange => ({
  ...{ data: label, cluster: anyCluster(model), type: "Label", mutation: "delete" },
  description: `Delete label ${label.key}`,
  run: () => {
    for (const resource of Object.values(resources(model)).flat()) take(resource, label);
    model.labels.delete(label);
  },
});

export const labelOperations: FakeOperations = {
  ...queriesOf("labels", (model) => model.labels.all()),
  "/create-label": changeEach(created),
  "/delete-label": change<{ where: FakeWhere }>((model, { where }) =>
    chosenLabels(model, where).map((label) => deleted(model, label)),
  ),
  "/add-labels-to-resources": labelling((resource, label) => {
    if (!resource.labels.includes(label)) resource.labels.push(label);
  }),
  "/remove-labels-from-resources": labelling(take),
};
