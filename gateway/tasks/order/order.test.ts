import assert from "node:assert/strict";
import { describe } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import type { OrderAnswer, OrderTaskOf } from "../../../core/api/failover/order.ts";
import { type GroupId, groupIdOf, type RunId, restoreIdOf } from "../../../core/api/ids.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { noise, write } from "../../storage/conformance/fixtures.ts";
import { clusterTest, geometry, type TestCluster } from "../../storage/extentstore/administration/testing.ts";
import type { TaskContext } from "../context.ts";
import { snapshot } from "../snapshot.ts";
import { instant, planId, runTaskFields } from "../testing.ts";
import { fakeCluster, groupOfRun } from "../testing-cluster.ts";
import { order } from "./order.ts";

const KiB = 1024;
const size = "128KiB";
const disk = (name: string) => ({ name, size, geometry });
const vm = (name: string, more: object = {}) => ({
  ...{ kind: "vm", name, vcpu: 1, memory: "1GiB", disks: [disk(`${name}-0`)] },
  ...more,
});
const first = groupOfRun(1);
const rebuildId: RunId = restoreIdOf(planId, instant("2026-03-02T00:00:00.000Z"));
const key = groupIdOf(rebuildId);

const meant = ({ kind, id, name }: ObjectConfig) => ({ kind, id, name });

/** The gateway of one site, whose own group stands for any group: what it reads is its store. */
const gatewayOf = ({ store }: TestCluster, more: Partial<TaskContext> = {}) => {
  const context: TaskContext = { ...fakeCluster([]).context, storage: store, ...more };
  const does = async <T extends OrderAnswer["type"]>(
    wanted: OrderTaskOf & { type: T },
    told: { readonly standIns?: RunId[]; readonly fromGroupId?: GroupId } = {},
  ): Promise<Extract<OrderAnswer, { type: T }>> => {
    const fields = {
      ...runTaskFields,
      kind: "order",
      step: "looking",
      groupId: groupOfRun(9),
      fromGroupId: first,
    } as const;
    const { order: answer } = await order({ ...fields, ...told, order: wanted }, context);
    assert.equal(answer.type, wanted.type);
    return answer as Extract<OrderAnswer, { type: T }>;
  };
  return {
    does,
    look: (object: ObjectConfig, making: object) =>
      does({ type: "look", object: meant(object), making: { name: object.name, ...making } }),
    take: (groupId: GroupId, sequence: number, objects: readonly ObjectConfig[]) =>
      snapshot(
        {
          ...{ ...runTaskFields, groupId, sequence, kind: "snapshot", step: "snapshotting" },
          objects: objects.map(meant),
        },
        context,
      ),
    /** What a restore makes of an object, which stands for it from then on. */
    rebuild: (object: ObjectConfig, name: string) =>
      store.rebuildObject({
        ...{ key, owner: { planId, source: runTaskFields.source }, fromGroupId: first, object, name },
      }),
  };
};

const codesIn = ({ obstacles }: { readonly obstacles: readonly { readonly code: string }[] }) =>
  obstacles.map(({ code }) => code);

describe("a look", () => {
  clusterTest("tells all that is in the way of a VM, and makes nothing", async (cluster) => {
    const gateway = gatewayOf(cluster);
    const nics = [{ switch: "prod" }, { switch: "prod" }];
    await cluster.create(
      { kind: "switch", name: "prod", vlans: [] },
      vm("web", { nics, disks: [disk("web-0"), disk("web-1")] }),
    );
    const web = await cluster.object("vm", "web");
    await gateway.take(first, 1, [web]);
    const before = await cluster.store.inventory();
    const taken = await gateway.look(web, { wishes: { keepMacs: true, pool: "nowhere" } });
    assert.deepEqual(codesIn(taken), ["POOL_UNKNOWN"]);
    const all = await gateway.look(web, { wishes: { keepMacs: true } });
    assert.deepEqual(codesIn(all), [
      "OBJECT_NAME_TAKEN",
      ...["VOLUME_NAME_TAKEN", "VOLUME_NAME_TAKEN"],
      ...["MAC_ADDRESS_TAKEN", "MAC_ADDRESS_TAKEN"],
    ]);
    for (const nic of web.vm.nics) {
      assert.ok(
        all.obstacles.some(({ message }) => message.includes(nic.macAddress)),
        nic.macAddress,
      );
    }
    assert.deepEqual(await cluster.store.inventory(), before);
    assert.deepEqual(
      codesIn(await gateway.look(web, { name: "other", wishes: { keepMacs: true, disconnectNics: true } })),
      [],
    );
  });

  clusterTest("tells of a LUN whose id is taken, of a file whose path is, and of a volume", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create(
      { kind: "nfs-export", name: "e1" },
      { kind: "lun", name: "db", size, geometry, target: "t1", lunId: 7 },
      { kind: "nfs-file", name: "/exports/e1/vm/a.img", size, geometry },
      { kind: "volume", name: "loose", size, geometry },
    );
    const [lun, file, volume] = [
      await cluster.object("lun", "db"),
      await cluster.object("nfs-file", "/exports/e1/vm/a.img"),
      await cluster.object("volume", "loose"),
    ];
    await gateway.take(first, 1, [lun, file, volume]);
    assert.deepEqual(codesIn(await gateway.look(lun, { wishes: { keepLunIds: true } })), [
      "VOLUME_NAME_TAKEN",
      "LUN_ID_TAKEN",
    ]);
    assert.deepEqual(codesIn(await gateway.look(lun, { name: "other" })), [], "it would get another LUN id");
    assert.deepEqual(codesIn(await gateway.look(file, {})), ["OBJECT_NAME_TAKEN"]);
    assert.deepEqual(codesIn(await gateway.look(file, { name: "/exports/e1/vm/a.img/b" })), ["OBJECT_NAME_TAKEN"]);
    assert.deepEqual(codesIn(await gateway.look(volume, {})), ["VOLUME_NAME_TAKEN"]);
  });

  clusterTest("finds what the rebuild is refused with, and of what it finds nothing it is made", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create(vm("web"), { kind: "lun", name: "db", size, geometry });
    const objects = [await cluster.object("vm", "web"), await cluster.object("lun", "db")];
    await gateway.take(first, 1, objects);
    for (const object of objects) {
      const [found] = (await gateway.look(object, {})).obstacles;
      await assert.rejects(gateway.rebuild(object, object.name), { code: found?.code, message: found?.message });
      assert.deepEqual(codesIn(await gateway.look(object, { name: `again-${object.name}` })), []);
      await gateway.rebuild(object, `again-${object.name}`);
    }
  });

  clusterTest("refuses a guest agent where the storage has none", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create(vm("web"));
    const web = await cluster.object("vm", "web");
    await gateway.take(first, 1, [web]);
    assert.deepEqual(codesIn(await gateway.look(web, { name: "other", guestAgent: true })), ["GUEST_AGENT_ABSENT"]);
  });
});

describe("what is switched off and on", () => {
  clusterTest("says what it was, also when it is told twice", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create(vm("web"), { kind: "lun", name: "db", size, geometry });
    const [web, db] = [await cluster.object("vm", "web"), await cluster.object("lun", "db")];
    await cluster.store.powerOn(web);
    const power = async (type: "stop" | "start", object: ObjectConfig) =>
      (await gateway.does({ type, object: meant(object) })).power;
    const status = async () => (await cluster.object("vm", "web")).vm.status;
    assert.equal((await gateway.does({ type: "look", object: meant(web) })).power, "on");
    assert.deepEqual([await power("stop", web), await status()], ["on", "STOPPED"]);
    assert.deepEqual([await power("stop", web), await status()], ["off", "STOPPED"]);
    assert.equal(await power("stop", db), "none");
    assert.deepEqual([await power("start", web), await status()], ["off", "RUNNING"]);
    assert.deepEqual([await power("start", web), await status()], ["on", "RUNNING"]);
    assert.equal(await power("start", db), "none");
    const gone = { ...web, id: "vm-0000000000000000" };
    for (const type of ["stop", "start"] as const) assert.equal(await power(type, gone), "gone");
  });

  clusterTest("is what stands for the object, and not the original", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create(vm("web"));
    const web = await cluster.object("vm", "web");
    await gateway.take(first, 1, [web]);
    await gateway.rebuild(web, "web-b");
    const told = { standIns: [rebuildId] };
    await gateway.does({ type: "start", object: meant(web) }, told);
    const statuses = async () => [
      (await cluster.object("vm", "web")).vm.status,
      (await cluster.object("vm", "web-b")).vm.status,
    ];
    assert.deepEqual(await statuses(), ["STOPPED", "RUNNING"]);
    await gateway.does({ type: "stop", object: meant(web) }, told);
    assert.deepEqual(await statuses(), ["STOPPED", "STOPPED"]);
    await cluster.remove("web-b");
    assert.equal((await gateway.does({ type: "start", object: meant(web) }, told)).power, "gone");
    assert.deepEqual(await cluster.names("vm"), ["web"]);
    assert.equal((await cluster.object("vm", "web")).vm.status, "STOPPED", "the original is not started in its place");
  });
});

describe("a comparison", () => {
  clusterTest("says what was written since, what is on, and what is gone", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create(vm("web"));
    const web = await cluster.object("vm", "web");
    await gateway.take(first, 1, [web]);
    const compared = () => gateway.does({ type: "compare", object: meant(web) });
    assert.deepEqual(await compared(), { type: "compare", power: "off", extents: 0 });
    await write(cluster.store, web.volumes[0]?.id ?? "", [0, noise(64 * KiB, 1)]);
    await cluster.store.powerOn(web);
    const { power, extents, usedBy } = await compared();
    assert.deepEqual([power, extents, usedBy], ["on", 1, "the VM “web” is on"]);
    const unknown = await gateway.does({ type: "compare", object: meant(web) }, { fromGroupId: groupOfRun(2) });
    assert.equal(unknown.extents, null, "of a group that is not there nobody knows");
    await cluster.store.powerOff(web);
    await cluster.remove("web");
    assert.deepEqual(await compared(), { type: "compare", power: "gone", extents: null });
  });

  clusterTest(
    "of what stands for an object counts a disk that it has got since, and none that it had",
    async (cluster) => {
      const gateway = gatewayOf(cluster);
      await cluster.create(vm("web"));
      const web = await cluster.object("vm", "web");
      await gateway.take(first, 1, [web]);
      const made = await gateway.rebuild(web, "web-b");
      const told = { standIns: [rebuildId] };
      const compared = () => gateway.does({ type: "compare", object: meant(web) }, told);
      assert.deepEqual(await compared(), { type: "compare", power: "off", extents: 0 });
      assert.ok(made.kind === "vm");
      const [own] = made.vm.disks;
      await cluster.change("web-b", { disks: [{ name: own?.name }, disk("added")] });
      assert.deepEqual(await compared(), { type: "compare", power: "off", extents: 0, added: ["added"] });
    },
  );
});

describe("an order", () => {
  clusterTest("never switches a mirror", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create(vm("web"));
    const web = await cluster.object("vm", "web");
    await cluster.store.prepareMirror({ owner: { planId, source: runTaskFields.source }, object: web });
    const mirror = (await cluster.store.inventory()).find(
      ({ kind, origin }) => kind === "vm" && origin?.role === "mirror",
    );
    assert.ok(mirror);
    const work = gateway.does({ type: "start", object: meant(mirror) });
    await assert.rejects(work, (error) => VisibleError.is(error, "OBJECT_IS_MIRROR"));
  });
});

describe("an order that is over", () => {
  clusterTest("switches nothing any more: a copy of its task comes late", async (cluster) => {
    const [web] = await cluster.create(vm("web"));
    assert(web !== undefined);
    const gateway = gatewayOf(cluster);
    await gateway.does({ type: "start", object: meant(web) });
    await cluster.store.abortGroup({ groupId: groupOfRun(9), owner: { planId, source: runTaskFields.source } });
    await assert.rejects(gateway.does({ type: "stop", object: meant(web) }), { code: "GROUP_ABORTED" });
    const [still] = await cluster.store.findObjects([{ kind: web.kind, id: web.id }]);
    assert(still?.kind === "vm" && still.vm.status === "RUNNING");
  });
});
