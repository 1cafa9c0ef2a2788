import { FakeVds, FakeVlan } from "../entities/networks.ts";
import { type FakeModel, need } from "../model.ts";
import { changeEach, type FakeOperations, queriesOf, query } from "../operation.ts";
import { select } from "../query.ts";
import type { FakeChange } from "../tasks.ts";

const vdsCreated = (
  model: FakeModel,
  { name, cluster_id: id }: { readonly name: string; readonly cluster_id: string },
): FakeChange => {
  const cluster = need(model.clusters, id);
  const vds = model.vdses.add(new FakeVds(name, cluster));
  return {
    ...{ data: vds, cluster, type: "Vds", mutation: "create", description: `Create switch ${name}` },
    run: () => undefined,
    undo: () => model.vdses.delete(vds),
  };
};

interface VlanCreation {
  readonly name: string;
  readonly vds_id: string;
  readonly vlan_id: number;
}

const vlanCreated = (model: FakeModel, { name, vds_id: id, vlan_id: number }: VlanCreation): FakeChange => {
  const vds = need(model.vdses, id);
  const vlan = model.vlans.add(new FakeVlan(name, vds, number));
  vds.vlans.push(vlan);
  return {
    ...{ data: vlan, cluster: vds.cluster, type: "Vlan", mutation: "create", description: `Create VLAN ${name}` },
    run: () => undefined,
    undo: () => {
      vds.vlans.splice(vds.vlans.indexOf(vlan), 1);
      model.vlans.delete(vlan);
    },
  };
};

/** What there is of a cluster itself, its networks, and what is asked about changes. */
export const generalOperations: FakeOperations = {
  ...queriesOf("clusters", (model) => model.clusters.all()),
  ...queriesOf("datacenters", () => []),
  ...queriesOf("zones", () => []),
  ...queriesOf("hosts", (model) => model.hosts.all()),
  ...queriesOf("business-hosts", () => []),
  ...queriesOf("iscsi-connections", (model) => model.connections),
  ...queriesOf("elf-data-stores", (model) => model.dataStores.all()),
  ...queriesOf("elf-storage-policies", (model) => model.storagePolicies.all()),
  ...queriesOf("vdses", (model) => model.vdses.all()),
  ...queriesOf("vlans", (model) => model.vlans.all()),
  ...queriesOf("tasks", (model) => model.tasks.table.all()),
  "/get-tasks": query((model, body) => {
    model.tasks.polled();
    return select(model.tasks.table.all(), body);
  }),
  "/create-vds": changeEach(vdsCreated),
  "/create-vm-vlan": changeEach(vlanCreated),
};
