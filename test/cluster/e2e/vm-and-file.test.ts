import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { extentBytes, geometry } from "./cluster-site.ts";
import { ClusterWorld, progressOf } from "./world.ts";

const shop = [
  { kind: "vm", name: "web" },
  { kind: "nfs-file", name: "/exports/media/film.img" },
] as const;

describe("a VM and an NFS file of one cluster, backed up to another", () => {
  let world: ClusterWorld;

  before(async () => {
    world = await ClusterWorld.withVm({ kind: "nfs-file", name: "/exports/media/film.img", size: "2MiB", geometry });
    await world.cluster("a").writeFile("film.img", [0, 3]);
    await world.planShop([...shop]);
  });
  after(() => world?.close());

  test("are rebuilt with their bytes, the VM on the switch that stands for its own", async () => {
    const run = await world.backUp("shop");
    await world.does("rebuild", run.groupId, "--site", "b", "--prefix", "back-", "--wait");
    assert.deepEqual(world.cluster("b").diskSums("back-web"), world.cluster("a").diskSums("web"));
    assert.equal(world.cluster("b").fileSum("back-film.img"), world.cluster("a").fileSum("film.img"));
    const vm = world
      .cluster("b")
      .standIn.tower.model.vms.all()
      .find(({ name }) => name === "back-web");
    assert.deepEqual(
      vm?.vm_nics.map(({ vlan }) => vlan?.vds.name),
      ["dr"],
    );
  });

  test("have changed extents alone read by the next backup", async () => {
    await world.cluster("a").writeDisk("web", 0, [7]);
    await world.cluster("a").writeFile("film.img", [1]);
    const run = await world.backUp("shop");
    const { why, bytesRead } = progressOf(run);
    assert.equal(why, "increment");
    assert.ok(bytesRead <= 4 * extentBytes, `${bytesRead} bytes were read`);
    await world.does("rebuild", run.groupId, "--site", "b", "--prefix", "again-", "--wait");
    assert.deepEqual(world.cluster("b").diskSums("again-web"), world.cluster("a").diskSums("web"));
    assert.equal(world.cluster("b").fileSum("again-film.img"), world.cluster("a").fileSum("film.img"));
  });
});
