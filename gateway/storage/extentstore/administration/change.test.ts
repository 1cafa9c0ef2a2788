import assert from "node:assert/strict";
import { describe } from "node:test";
import { VisibleError } from "../../../../core/api/errors.ts";
import { objectChangeSchema } from "../../../../core/api/object-spec.ts";
import { groupId, owner, readVolume, rejects, write } from "../../conformance/fixtures.ts";
import { clusterTest, geometry, small, type TestCluster } from "./testing.ts";

const vm = {
  ...{ kind: "vm", name: "web", memory: "2GiB", cpu: { cores: 2 }, description: "the shop" },
  disks: [small, { ...small, bus: "SCSI" }, { volume: "quorum" }, { cdRom: "tools.iso" }],
  nics: [{ switch: "prod", macAddress: "52:54:00:00:00:01" }],
};

const setUp = async (cluster: TestCluster): Promise<void> => {
  await cluster.create(
    { kind: "switch", name: "prod" },
    { kind: "switch", name: "lab", vlans: [{ name: "test", vlanId: 12 }] },
    { kind: "pool", name: "small", capacity: "128KiB" },
    { kind: "nfs-export", name: "e1" },
    { kind: "nfs-file", name: "/exports/e1/a", ...small },
    { kind: "lun", name: "mail", ...small, target: "t1", lunId: 7 },
    { kind: "lun", name: "news", ...small, target: "t1", lunId: 8 },
    { kind: "volume", name: "loose", ...small, pool: "small" },
    { kind: "volume", name: "quorum", ...small, sharing: true },
    vm,
  );
};

const changeTest = (title: string, body: (cluster: TestCluster) => Promise<void>): void =>
  clusterTest(title, async (cluster) => {
    await setUp(cluster);
    await body(cluster);
  });

const disksOf = async (cluster: TestCluster, name = "web") =>
  (await cluster.object("vm", name)).vm.disks.map((disk) => [disk.name, disk.bus, disk.index, disk.boot]);

describe("a change of a VM", () => {
  changeTest("leaves what it does not say", async (cluster) => {
    const before = await cluster.object("vm", "web");
    const after = await cluster.change("web", { name: "shop", memory: "4GiB" });
    assert.deepEqual(after, { ...before, name: "shop", vm: { ...before.vm, memory: 4 * 2 ** 30 } });
    assert.deepEqual(await cluster.change("shop", {}), after);
  });

  changeTest("of its cores gives it as many vCPUs, and of its vCPUs as many cores", async (cluster) => {
    const cpus = async (change: object) => {
      const changed = await cluster.change("web", change);
      assert.ok(changed.kind === "vm");
      return { vcpu: changed.vm.vcpu, ...changed.vm.cpu };
    };
    assert.deepEqual(await cpus({ cpu: { cores: 4, sockets: 2 } }), { vcpu: 8, cores: 4, sockets: 2 });
    assert.deepEqual(await cpus({ vcpu: 6 }), { vcpu: 6, cores: 3, sockets: 2 });
    await rejects(cluster.change("web", { vcpu: 5 }), "BAD_REQUEST");
    assert.throws(() => objectChangeSchema.parse({ cpu: { cores: 4, sockets: 1 }, vcpu: 2 }), /cores times/);
    assert.deepEqual(await cpus({ cpu: { cores: 5, sockets: 1 }, vcpu: 5 }), { vcpu: 5, cores: 5, sockets: 1 });
  });

  changeTest("of its disks keeps those that are named, as they are", async (cluster) => {
    const { volumes } = await cluster.object("vm", "web");
    await write(cluster.store, volumes[1]?.id ?? "", [0, Buffer.alloc(65_536, 7)]);
    await cluster.change("web", {
      disks: [
        { name: "web-1", size: "128KiB" },
        { name: "web-new", ...small },
        { volume: "loose" },
        { name: "web-0", boot: 2 },
      ],
    });
    assert.deepEqual(await disksOf(cluster), [
      ["web-1", "SCSI", 0, 0],
      ["web-new", "VIRTIO", 1, 0],
      ["loose", "VIRTIO", 2, 0],
      ["web-0", "VIRTIO", 3, 2],
    ]);
    const after = await cluster.object("vm", "web");
    assert.deepEqual([after.volumes[0]?.id, after.volumes[3]?.id], [volumes[1]?.id, volumes[0]?.id]);
    assert.equal(after.leftOut, undefined);
    const grown = await readVolume(cluster.store, volumes[1]?.id ?? "");
    assert.ok(grown.equals(Buffer.concat([Buffer.alloc(65_536, 7), Buffer.alloc(65_536)])));
  });

  changeTest("takes out what is not named: volumes that were made with it go, others stay", async (cluster) => {
    await cluster.change("web", { disks: [{ name: "web-1" }, { volume: "loose" }] });
    assert.deepEqual(await cluster.names("volume"), ["loose", "quorum", "web-1"]);
    await cluster.change("web", { disks: [] });
    assert.deepEqual(await cluster.names("volume"), ["loose", "quorum"]);
    const web = await cluster.object("vm", "web");
    assert.deepEqual([web.volumes, web.vm.disks], [[], []]);
    await cluster.change("web", { disks: [{ volume: "loose" }] });
    assert.deepEqual(await disksOf(cluster), [["loose", "VIRTIO", 0, 1]]);
  });

  changeTest("of its NICs may keep their addresses, and moves them", async (cluster) => {
    const changed = await cluster.change("web", {
      nics: [
        { macAddress: "52:54:00:00:00:02" },
        { switch: "lab", vlan: 12, macAddress: "52:54:00:00:00:01", enabled: false },
      ],
    });
    assert.ok(changed.kind === "vm");
    assert.deepEqual(
      changed.vm.nics.map((nic) => [nic.macAddress, nic.virtualSwitch, nic.vlan, nic.order, nic.enabled]),
      [
        ["52:54:00:00:00:02", null, { vlanId: 0 }, 0, true],
        ["52:54:00:00:00:01", "lab", { name: "test", vlanId: 12 }, 1, false],
      ],
    );
  });

  changeTest("leaves its snapshots what they were", async (cluster) => {
    const { volumes } = await cluster.object("vm", "web");
    const volumeIds = volumes.map(({ id }) => id);
    const group = await cluster.store.snapshotGroup({ groupId: groupId(1), owner, volumeIds });
    await cluster.change("web", { disks: [] });
    await cluster.remove("web");
    assert.deepEqual(await cluster.store.findGroup(groupId(1)), group);
    for (const { snapshotId } of group.snapshots) await cluster.store.openSnapshot({ snapshotId, of: "anybody" });
  });
});

describe("a change of a volume", () => {
  changeTest("gives it another name, size, LUN id or initiators", async (cluster) => {
    const lun = await cluster.change("mail", { name: "post", size: "1MiB", lunId: 9, allowedInitiators: "iqn.a" });
    assert.ok(lun.kind === "lun");
    assert.deepEqual(lun.lun, { target: "t1", lunId: 9, allowedInitiators: "iqn.a" });
    assert.deepEqual([lun.name, lun.volumes[0]?.sizeBytes], ["post", 2 ** 20]);
    assert.deepEqual(await cluster.store.findObjects([lun]), [lun]);
  });

  changeTest("lets a file have any length, since it is no disk", async (cluster) => {
    const file = await cluster.change("/exports/e1/a", { size: 65_537 });
    assert.equal(file.volumes[0]?.sizeBytes, 65_537);
  });

  changeTest("may end its sharing when one VM has it at most", async (cluster) => {
    await cluster.create({ ...vm, name: "other", disks: [{ volume: "quorum" }], nics: [] });
    await rejects(cluster.change("quorum", { sharing: false }), "OBJECT_BUSY");
    await cluster.remove("other");
    await cluster.change("quorum", { sharing: false });
    assert.equal((await cluster.object("vm", "web")).volumes.length, 3);
  });

  changeTest("does not grow it under whoever writes it", async (cluster) => {
    const { volumes } = await cluster.object("volume", "loose");
    const handle = await cluster.store.openVolume(volumes[0]?.id ?? "", "write");
    await rejects(cluster.change("loose", { size: "128KiB" }), "OBJECT_BUSY");
    await handle.close();
    await cluster.change("loose", { size: "128KiB" });
  });

  changeTest("makes an import that grows it respect its pool", async (cluster) => {
    const { volumes } = await cluster.object("volume", "loose");
    const [{ id } = { id: "" }] = volumes;
    const staged = await cluster.store.stageVolume({ into: id, growTo: 2 ** 20 });
    await rejects(staged.swapIn(), "POOL_FULL");
    await staged.close();
    assert.deepEqual((await cluster.object("volume", "loose")).volumes, volumes);
  });
});

describe("a change is refused", () => {
  const refusals: readonly (readonly [
    why: string,
    code: Parameters<typeof rejects>[1],
    name: string,
    change: object,
  ])[] = [
    ["that makes a volume smaller", "VOLUME_TOO_SMALL", "loose", { size: "32KiB" }],
    ["that leaves a volume with a part of a sector", "BAD_REQUEST", "loose", { size: 65_537 }],
    ["that makes a VM's disk smaller", "VOLUME_TOO_SMALL", "web", { disks: [{ name: "web-0", size: "32KiB" }] }],
    ["that is more than the pool takes", "POOL_FULL", "loose", { size: "129KiB" }],
    ["to another volume's name", "OBJECT_NAME_TAKEN", "loose", { name: "mail" }],
    ["to another VM's name", "OBJECT_NAME_TAKEN", "web", { name: "taken" }],
    ["to a LUN id that is taken", "OBJECT_NAME_TAKEN", "mail", { lunId: 8 }],
    ["to a switch that is not there", "SWITCH_UNKNOWN", "web", { nics: [{ switch: "none" }] }],
    ["to a disk that it has not", "VOLUME_UNKNOWN", "web", { disks: [{ name: "none" }] }],
    ["to a disk of another VM", "OBJECT_BUSY", "web", { disks: [{ volume: "taken-0" }] }],
    ["of what a volume has not", "BAD_REQUEST", "loose", { memory: "1GiB" }],
    ["of what a VM has not", "BAD_REQUEST", "web", { size: "1GiB" }],
  ];
  for (const [why, code, name, change] of refusals) {
    changeTest(why, async (cluster) => {
      await cluster.create({ ...vm, name: "taken", disks: [small], nics: [] });
      const before = await cluster.store.inventory();
      await assert.rejects(cluster.change(name, { ...change }), (error) => {
        assert.ok(VisibleError.is(error, code), String(error));
        assert.ok(error.hint, "it says nothing of what to do");
        return true;
      });
      assert.deepEqual(await cluster.store.inventory(), before);
    });
  }

  clusterTest("of what is not there", async ({ store: { administration } }) => {
    for (const kind of ["vm", "lun", "volume", "nfs-file"] as const) {
      const id = { kind, id: `${kind}-0000000000000000` };
      await rejects(administration.updateObject(id, {}), "VOLUME_UNKNOWN");
      await rejects(administration.deleteObject(id), "VOLUME_UNKNOWN");
      await rejects(administration.setLabels(id, {}), "VOLUME_UNKNOWN");
      await rejects(administration.setPower(id, "on"), "VOLUME_UNKNOWN");
    }
  });
});

describe("a VM that is on", () => {
  changeTest("is not deleted, and keeps its CPUs, memory, firmware and disks", async (cluster) => {
    const { administration } = cluster.store;
    await administration.setPower(await cluster.object("vm", "web"), "on");
    const on = await cluster.object("vm", "web");
    const kept = [{ name: "web-0" }, { name: "web-1" }, { volume: "quorum" }];
    for (const change of [
      { memory: "1GiB" },
      { cpu: { cores: 4, sockets: 1 } },
      { firmware: "UEFI" },
      { disks: kept.slice(1) },
      { disks: kept.slice(0, 2) },
    ]) {
      await rejects(cluster.change("web", change), "OBJECT_BUSY");
    }
    await rejects(cluster.remove("web"), "OBJECT_BUSY");
    assert.deepEqual(await cluster.object("vm", "web"), on);
    await cluster.change("web", { memory: "2GiB", disks: [...kept, small], nics: [], description: "still on" });
    await administration.setPower(on, "off");
    await cluster.change("web", { memory: "1GiB", disks: [] });
    await cluster.remove("web");
  });
});

describe("what a change takes away", () => {
  changeTest("is told before: what is deleted, and what stays somewhere", async (cluster) => {
    const { administration } = cluster.store;
    await cluster.create({ ...vm, name: "other", disks: [{ volume: "loose" }], nics: [] });
    const web = await cluster.object("vm", "web");
    const quorum = { what: "shared volume quorum" };
    const cdRom = { what: "CD-ROM tools.iso" };
    const disks = ["web-0", "web-1"].map((name) => ({ what: `disk ${name}`, deletedBytes: 65_536 }));
    assert.deepEqual(await administration.losses(web, "delete"), [...disks, quorum, cdRom]);
    const change = { disks: [{ name: "web-1" }, { cdRom: "tools.iso" }], nics: [] };
    assert.deepEqual(await administration.losses(web, objectChangeSchema.parse(change)), [
      ...[disks[0], quorum],
      { what: "NIC 52:54:00:00:00:01" },
    ]);
    assert.deepEqual(await administration.losses(web, { memory: 1 }), []);
    assert.deepEqual(await administration.losses(await cluster.object("vm", "other"), "delete"), [
      { what: "disk loose" },
    ]);
    assert.deepEqual(await administration.losses(await cluster.object("lun", "mail"), "delete"), []);
  });
});

describe("a VM's power", () => {
  changeTest("is switched on and off, twice as once, and nothing else has any", async (cluster) => {
    const { administration } = cluster.store;
    const web = await cluster.object("vm", "web");
    for (const [power, status] of [
      ["on", "RUNNING"],
      ["on", "RUNNING"],
      ["off", "STOPPED"],
    ] as const) {
      assert.deepEqual(await administration.setPower(web, power), { ...web, vm: { ...web.vm, status } });
    }
    await rejects(administration.setPower(await cluster.object("lun", "mail"), "on"), "BAD_REQUEST");
  });
});

describe("labels", () => {
  changeTest("are added, changed and taken away one by one, of objects of every kind", async (cluster) => {
    const { administration } = cluster.store;
    for (const [kind, name] of [
      ["vm", "web"],
      ["lun", "mail"],
      ["volume", "loose"],
      ["nfs-file", "/exports/e1/a"],
    ] as const) {
      const before = await cluster.object(kind, name);
      await administration.setLabels(before, { env: "prod", tier: "" });
      const labelled = await administration.setLabels(before, { env: "test", tier: null, a: "b" });
      assert.deepEqual(labelled, { ...before, labels: { env: "test", a: "b" } });
      assert.deepEqual(await administration.setLabels(before, { env: null, a: null }), before);
    }
  });

  changeTest("are 50 at most, of 255 characters", async (cluster) => {
    const { administration } = cluster.store;
    const web = await cluster.object("vm", "web");
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`label ${n}`, "x"]));
    await rejects(administration.setLabels(web, many(51)), "BAD_REQUEST");
    await rejects(administration.setLabels(web, { env: "x".repeat(256) }), "BAD_REQUEST");
    await rejects(administration.setLabels(web, { ["x".repeat(256)]: "" }), "BAD_REQUEST");
    await administration.setLabels(web, many(50));
    await administration.setLabels(web, { "label 0": "changed" });
  });
});

describe("a pool, a switch or an export", () => {
  changeTest("goes when nothing uses it any more", async (cluster) => {
    const { administration } = cluster.store;
    for (const of of [
      { kind: "pool", name: "small" },
      { kind: "switch", name: "prod" },
      { kind: "nfs-export", name: "e1" },
    ] as const) {
      await rejects(administration.deleteFacility(of), "OBJECT_BUSY");
    }
    for (const name of ["loose", "web", "/exports/e1/a"]) await cluster.remove(name);
    await administration.deleteFacility({ kind: "pool", name: "small" });
    await administration.deleteFacility({ kind: "switch", name: "prod" });
    await administration.deleteFacility({ kind: "nfs-export", name: "e1" });
    const { pools, switches } = await cluster.store.facilities();
    assert.deepEqual([pools.map(({ name }) => name), switches.map(({ name }) => name)], [["default"], ["lab"]]);
    await rejects(administration.deleteFacility({ kind: "pool", name: "small" }), "POOL_UNKNOWN");
    await rejects(administration.deleteFacility({ kind: "switch", name: "prod" }), "SWITCH_UNKNOWN");
    await rejects(administration.deleteFacility({ kind: "nfs-export", name: "e1" }), "EXPORT_UNKNOWN");
    await rejects(administration.deleteFacility({ kind: "pool", name: "default" }), "BAD_REQUEST");
  });

  changeTest("goes although mirrors are connected to it, which are not any more", async (cluster) => {
    const { administration } = cluster.store;
    const source = await cluster.object("vm", "web");
    await cluster.store.prepareMirror({ owner, object: source, mapping: { switches: { prod: "lab" } } });
    await administration.deleteFacility({ kind: "switch", name: "lab" });
    const mirror = (await cluster.store.inventory()).find(({ kind, origin }) => kind === "vm" && origin !== undefined);
    assert.ok(mirror?.kind === "vm");
    assert.equal(mirror.vm.nics[0]?.virtualSwitch, null);
  });

  changeTest("has room again for what was deleted from it", async (cluster) => {
    const full = { kind: "volume", name: "b", size: "128KiB", geometry, pool: "small" };
    await rejects(cluster.create(full), "POOL_FULL");
    await cluster.remove("loose");
    await cluster.create(full);
  });
});
