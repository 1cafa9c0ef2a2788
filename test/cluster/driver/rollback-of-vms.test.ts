import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { objectChangeSchema, objectSpecSchema } from "../../../core/api/object-spec.ts";
import { groupId, noise, owner, rejects } from "../../../gateway/storage/conformance/fixtures.ts";
import { back, take } from "../../../gateway/storage/conformance/rollback.ts";
import type { SmtxCluster } from "../../../gateway/storage/smtx/driver.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { openDriver } from "./under-test.ts";

const diskBytes = 512 * 1024;
const nic = (n: number, vlan: number, more: object = {}) => ({
  ...{ switch: "prod", vlan, macAddress: `52:54:00:00:00:0${n}`, ...more },
});
const spec = {
  ...{ kind: "vm", name: "web", memory: "1GiB", cpu: { cores: 2, sockets: 1 }, description: "the shop" },
  disks: [
    { name: "system", size: diskBytes },
    { cdRom: "tools.iso" },
    { name: "data", size: diskBytes, bus: "SCSI", boot: 2 },
    { name: "log", size: diskBytes },
  ],
  nics: [nic(1, 7, { ipAddress: "10.0.0.5" }), nic(2, 8), nic(3, 7)],
};
/** Everything is other, and in the place of “data”, which goes, there is a new disk. */
const change = {
  ...{ memory: "2GiB", cpu: { cores: 1, sockets: 4 }, description: "another one", ha: true },
  disks: [{ volume: "log" }, { cdRom: "tools.iso" }, { name: "new", size: diskBytes }, { volume: "system", boot: 3 }],
  nics: [nic(1, 8, { ipAddress: "10.0.0.6", enabled: false }), nic(4, 7), nic(2, 8)],
};

describe("a VM of a cluster that is rolled back", () => {
  let standIn: ClusterStandIn;
  let driver: SmtxCluster;

  beforeEach(async () => {
    standIn = await ClusterStandIn.open();
    driver = await openDriver(standIn);
  });
  afterEach(async () => {
    await driver.close();
    await standIn.close();
    assert.deepEqual(standIn.tower.breaches, []);
  });

  const fakeVm = () => standIn.tower.model.vms.all().find(({ name }) => name === "web") ?? assert.fail("it is gone");
  const pathOf = (disk: string): string => {
    const volume = fakeVm().vm_disks.find(({ vm_volume: one }) => one?.name === disk)?.vm_volume;
    return standIn.customer.zbsVolume(volume?.id ?? assert.fail(`it has no disk ${disk}`)).path;
  };
  const named = async (name: string): Promise<ObjectConfig> =>
    (await driver.inventory()).find((object) => object.name === name) ?? assert.fail(`there is no ${name}`);
  const update = (more: object) =>
    standIn.administration.updateObject({ kind: "vm", id: fakeVm().id }, objectChangeSchema.parse(more));

  /** Group 1 has it as it was, group 2 as it is now. */
  const changed = async (more: object = change) => {
    await standIn.administration.createObjects([
      objectSpecSchema.parse({
        kind: "switch",
        name: "prod",
        vlans: [7, 8].map((vlanId) => ({ name: `v${vlanId}`, vlanId })),
      }),
      objectSpecSchema.parse(spec),
    ]);
    for (const [n, disk] of ["system", "data", "log"].entries()) writeFileSync(pathOf(disk), noise(diskBytes, n));
    const then = await named("web");
    await take(driver, 1, [then], 1);
    await update(more);
    writeFileSync(pathOf("system"), noise(diskBytes, 9));
    const now = await named("web");
    await take(driver, 2, [then]);
    return { then, now };
  };
  const hasBytes = () => {
    for (const [n, disk] of ["system", "data", "log"].entries()) {
      assert(readFileSync(pathOf(disk)).equals(noise(diskBytes, n)), disk);
    }
  };
  const drives = () => fakeVm().vm_disks.filter(({ type }) => type === "CD_ROM").length;
  /** Without the places that a CD-ROM drive takes among them. */
  const partsOf = (object: ObjectConfig) => {
    assert(object.kind === "vm");
    return { ...object.vm, disks: object.vm.disks.map(({ index: _, ...disk }) => disk) };
  };

  test("has its disks, NICs and resources again, and keeps what it has got as volumes by themselves", async () => {
    const { then } = await changed();
    const [told] = await driver.rollback(back(1, 2, [then]));
    assert.deepEqual([told?.takenOut, told?.cameBack], [["new"], ["data"]]);
    assert.deepEqual(partsOf(await named("web")), partsOf(then));
    hasBytes();
    assert.equal(drives(), 1);
    const volumes = (await driver.inventory()).filter(({ kind }) => kind === "volume");
    assert.ok(volumes.some(({ name }) => name === "new"));
    assert.deepEqual(
      standIn.tower.model.vmVolumes.all().filter(({ name }) => name.startsWith("smtx-backup")),
      [],
    );
    // It can be rolled forward, too.
    await take(driver, 3, [then]);
    await driver.rollback(back(1, 3, [then]));
    assert.deepEqual(partsOf(await named("web")), partsOf(then));
  });

  for (const operation of ["create-vm-volume", "remove-vm-disk", "add-vm-disk", "remove-vm-nic", "add-vm-nic"]) {
    const fails = { kind: "task", fate: { kind: "fails", code: "ENoSpace", message: "there is no room now" } } as const;

    test(`and is cut at ${operation} has them after the next try, which tells all`, async () => {
      const { then } = await changed();
      standIn.tower.faults.add(operation, fails);
      await rejects(driver.rollback(back(1, 2, [then])), "CLUSTER_TASK_FAILED");
      assert.deepEqual(await driver.unfinishedRollbacks([then]), [{ key: groupId(2), owner }]);
      await driver.close();
      driver = await openDriver(standIn);
      const [told] = await driver.rollback(back(1, 2, [then]));
      assert.deepEqual([told?.takenOut, told?.cameBack], [["new"], ["data"]]);
      assert.deepEqual(partsOf(await named("web")), partsOf(then));
      hasBytes();
    });

    test(`and is cut at ${operation} is what it was before when that is undone`, async () => {
      const { then, now } = await changed();
      standIn.tower.faults.add(operation, fails);
      await rejects(driver.rollback(back(1, 2, [then])), "CLUSTER_TASK_FAILED");
      assert.deepEqual(await driver.undoRollback({ key: groupId(2), owner }), { wasDone: false });
      assert.deepEqual(partsOf(await named("web")), partsOf(now));
      assert.ok(readFileSync(pathOf("system")).equals(noise(diskBytes, 9)));
      assert.equal(drives(), 1);
    });
  }

  test("and is cut, and then started, is not written before it is off", async () => {
    const { then, now } = await changed();
    const fate = { kind: "fails", code: "ENoSpace", message: "there is no room now" } as const;
    standIn.tower.faults.add("create-vm-volume", { kind: "task", fate });
    await rejects(driver.rollback(back(1, 2, [then])), "CLUSTER_TASK_FAILED");
    const vm = fakeVm();
    vm.status = "RUNNING";
    writeFileSync(pathOf("system"), noise(diskBytes, 7));
    await rejects(driver.rollback(back(1, 2, [then])), "OBJECT_BUSY");
    assert.ok(readFileSync(pathOf("system")).equals(noise(diskBytes, 7)));
    await rejects(driver.undoRollback({ key: groupId(2), owner }), "OBJECT_BUSY");
    assert.ok(readFileSync(pathOf("system")).equals(noise(diskBytes, 7)));
    vm.status = "STOPPED";
    assert.deepEqual(await driver.undoRollback({ key: groupId(2), owner }), { wasDone: false });
    assert.deepEqual(partsOf(await named("web")), partsOf(now));
    assert.ok(readFileSync(pathOf("system")).equals(noise(diskBytes, 9)));
  });

  test("is refused, and stays as it is, where its firmware is another one", async () => {
    const { then, now } = await changed({ ...change, firmware: "UEFI" });
    await rejects(driver.rollback(back(1, 2, [then])), "OBJECT_UNUSABLE");
    assert.deepEqual(await driver.unfinishedRollbacks([then]), []);
    assert.deepEqual(await named("web"), now);
    assert.ok(readFileSync(pathOf("system")).equals(noise(diskBytes, 9)));
  });
});
