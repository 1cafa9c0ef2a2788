import type { FakeConnection } from "../entities/hosts.ts";
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

/** Who is logged in now, wherever. */
const connections = async (model: FakeModel): Promise<readonly FakeConnection[]> => {
  const served = model.targets.all().filter(({ internal }) => !internal);
  const found = served.map(async (target) => {
    const { cluster, iqn_name: iqn } = target;
    const host = model.hosts.all().find((one) => one.cluster === cluster);
    const addresses = host === undefined ? [] : await cluster.storage.luns.connections(iqn);
    return addresses.map((initiator_ip, i) => ({
      ...{ id: `${target.id}-${i}`, cluster, host, initiator_ip, client_port: 0 },
      ...{ type: "ISCSI" as const, iscsi_target: target },
    }));
  });
  return (await Promise.all(found)).flat();
};

/** What there is of a cluster itself, its networks, and what is asked about changes. */
export const generalOperations: FakeOperations = {
  ...queriesOf("clusters", (model) => model.clusters.all()),
  ...queriesOf("datacenters", () => []),
  ...queriesOf("zones", () => []),
  ...queriesOf("hosts", (model) => model.hosts.all()),
  ...queriesOf("business-hosts", () => []),
  "/get-iscsi-connections": query(async (model, body) => select(await connections(model), body)),
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
