import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { objectChangeSchema } from "../../../core/api/object-spec.ts";
import { extentBytes, geometry } from "./cluster-site.ts";
import { ClusterWorld, progressOf } from "./world.ts";

describe("a VM of one cluster and a virtual volume, backed up to another", () => {
  let world: ClusterWorld;
  let first: { readonly groupId: string; readonly disks: readonly string[]; readonly volume: string };

  before(async () => {
    world = await ClusterWorld.withVm({ kind: "volume", name: "data", size: "2MiB", geometry });
    await world.cluster("a").writeVolume("data", [0, 5]);
    await world.planShop([
      { kind: "vm", name: "web" },
      { kind: "volume", name: "data" },
    ]);
  });
  after(() => world?.close());

  const sums = (site: string, prefix = "") => ({
    disks: world.cluster(site).diskSums(`${prefix}web`),
    volume: world.cluster(site).volumeSum(`${prefix}data`),
  });
  const switchesOf = (site: string, name: string) =>
    world
      .cluster(site)
      .vm(name)
      .vm_nics.map(({ vlan }) => vlan?.vds.name);

  test("are rebuilt with their bytes, the VM on the switch that stands for its own", async () => {
    const run = await world.backUp("shop");
    first = { groupId: run.groupId, ...sums("a") };
    await world.does("rebuild", run.groupId, "--site", "b", "--prefix", "back-", "--wait");
    assert.deepEqual(sums("b", "back-"), sums("a"));
    assert.deepEqual(switchesOf("b", "back-web"), ["dr"]);
  });

  test("have changed extents alone read by the next backup", async () => {
    await world.cluster("a").writeDisk("web", 0, [7]);
    await world.cluster("a").writeVolume("data", [5]);
    const run = await world.backUp("shop");
    const { why, bytesRead } = progressOf(run);
    assert.equal(why, "increment");
    assert.ok(bytesRead <= 4 * extentBytes, `${bytesRead} bytes were read`);
    await world.does("rebuild", run.groupId, "--site", "b", "--prefix", "again-", "--wait");
    assert.deepEqual(sums("b", "again-"), sums("a"));
  });

  test("are rolled back, the VM with the disks, NICs and memory that it had", async () => {
    const { administration, customer } = world.cluster("a").standIn;
    const vm = world.cluster("a").vm("web");
    const [system, other] = vm.vm_disks.map(({ vm_volume: volume }) => volume?.name ?? "");
    const now = sums("a");
    const change = { memory: "2GiB", disks: [{ volume: system }, { name: "new", size: "1MiB", geometry }], nics: [] };
    await administration.updateObject({ kind: "vm", id: vm.id }, objectChangeSchema.parse(change));
    const told = await world.does("rollback", first.groupId, "--discard-changes", "--wait");
    assert.deepEqual(sums("a"), { disks: first.disks, volume: first.volume });
    assert.equal(vm.memory, 2 ** 30);
    assert.deepEqual(switchesOf("a", "web"), ["prod"]);
    assert.deepEqual([vm.vm_disks[1]?.vm_volume?.name, told.includes("new")], [other, true]);
    await customer.deleteVolume(customer.model.vmVolumes.all().find(({ name }) => name === "new")?.id ?? "");
    assert.notDeepEqual(sums("a"), now);
  });

  test("come to the other cluster by a failover, and home with what was written there", async () => {
    await world.backUp("shop");
    const home = sums("a");
    await world.does("failover", "shop", "--to", "b", "--wait", "--yes");
    assert.deepEqual(sums("b"), home);
    assert.deepEqual(switchesOf("b", "web"), ["dr"]);
    await world.cluster("b").writeDisk("web", 1, [3]);
    await world.cluster("b").writeVolume("data", [2]);
    const there = sums("b");
    assert.notDeepEqual(there, home);
    await world.says("failback", "shop", "--wait", "--yes");
    if ((await world.shown("shop")).state === "confirming-back") {
      await world.does("failover", "continue", "shop", "--wait");
    }
    await world.comesTo("home", "shop");
    assert.deepEqual(sums("a"), there);
    assert.deepEqual(switchesOf("a", "web"), ["prod"]);
  });
});
