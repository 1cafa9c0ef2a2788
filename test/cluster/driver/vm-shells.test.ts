import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Mapping } from "../../../core/api/object.ts";
import { objectSpecSchema } from "../../../core/api/object-spec.ts";
import type { Reason } from "../../../core/api/reason.ts";
import { groupId, owner } from "../../../gateway/storage/conformance/fixtures.ts";
import { nicOfSource, publishAll, vmOfSource } from "../../../gateway/storage/conformance/objects.ts";
import type { SmtxCluster } from "../../../gateway/storage/smtx/driver.ts";
import { steadyTime } from "../../../gateway/time/time.ts";
import { FakeVm, FakeVmFolder } from "../rest/entities/vms.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { openDriver } from "./under-test.ts";

const KiB = 1024;
const disks = [{ id: "00000000000000d1", index: 0, sizeBytes: 256 * KiB }];
const source = (vm: object = {}) =>
  vmOfSource({
    disks,
    vm: { nics: [nicOfSource(), nicOfSource({ macAddress: "52:54:00:00:00:02", virtualSwitch: "lab" })], ...vm },
  });
const folderName = `smtx-backup.mirror.${owner.source}.${owner.planId}`;

describe("the shell of a VM's mirror", () => {
  let standIn: ClusterStandIn;
  let driver: SmtxCluster;
  let warnings: Reason[];

  beforeEach(async () => {
    standIn = await ClusterStandIn.open();
    driver = await openDriver(standIn);
    warnings = [];
    const vlans = [{ name: "web", vlanId: 12 }];
    const specs = ["dr", "other"].map((name) => objectSpecSchema.parse({ kind: "switch", name, vlans }));
    await standIn.administration.createObjects(specs);
  });
  afterEach(async () => {
    await driver.close();
    await standIn.close();
    assert.deepEqual(standIn.tower.breaches, []);
  });

  const prepare = (object = source(), mapping: Mapping = { switches: { prod: "dr" } }) =>
    driver.prepareMirror({ owner, object, mapping, onWarning: (warning) => warnings.push(warning) });
  const shells = () => standIn.tower.model.vms.all().filter(({ name }) => name.startsWith("smtx-backup"));
  const theShell = () => {
    const [shell, ...others] = shells();
    assert.equal(others.length, 0);
    return shell ?? assert.fail("there is none");
  };
  const folders = () => standIn.tower.model.vmFolders.all().map(({ name }) => name);
  const fails = { kind: "task", fate: { kind: "fails", code: "VLAN_REFUSED", message: "not here" } } as const;

  test("is off, in the plan's folder, without disks, and connected as it is mapped, where nobody hears it", async () => {
    await prepare();
    const { status, folder, vm_disks, vm_nics, config } = theShell();
    assert.deepEqual([status, folder?.name, vm_disks], ["STOPPED", folderName, []]);
    assert.deepEqual(
      vm_nics.map(({ vlan, enabled, model }) => [vlan?.vds.name, vlan?.vlan_id, enabled, model]),
      [["dr", 12, false, "VIRTIO"]],
    );
    assert.ok(vm_nics.every(({ mac_address: address }) => !address.startsWith("52:54:00:00:00")));
    assert.deepEqual(
      [config.memory, config.cpu, config.firmware, config.ha],
      [8 * 2 ** 30, { cores: 2, sockets: 2 }, "UEFI", false],
    );
    assert.match(config.description, /“web”/);
    const inventory = await driver.inventory();
    assert.deepEqual(
      inventory.filter(({ kind }) => kind === "vm").map(({ name, origin }) => [name, origin?.role]),
      [["web", "mirror"]],
    );
    assert.deepEqual(warnings, []);
  });

  test("becomes what the VM is when its mirror is prepared again, and else is only looked at", async () => {
    await prepare();
    const { id } = theShell();
    const asked = standIn.tower.requests.length;
    await prepare();
    const operations = standIn.tower.requests.slice(asked).map(({ operation }) => operation);
    assert.deepEqual(
      operations.filter((one) => /vm/.test(one)),
      ["get-vms"],
    );
    await prepare(source({ memory: 2 ** 30 }), { switches: { prod: "other", lab: "dr" } });
    const changed = theShell();
    assert.equal(changed.id, id);
    assert.equal(changed.config.memory, 2 ** 30);
    assert.deepEqual(
      changed.vm_nics.map(({ vlan, enabled }) => [vlan?.vds.name, enabled]),
      [
        ["other", false],
        ["dr", false],
      ],
    );
    await prepare(source({ firmware: "BIOS" }));
    assert.equal(theShell().config.firmware, "BIOS");
  });

  test("is made again where somebody has deleted it", async () => {
    await prepare();
    await standIn.administration.deleteObject({ kind: "vm", id: theShell().id });
    await prepare();
    assert.equal(theShell().folder?.name, folderName);
    assert.deepEqual(folders(), [folderName]);
  });

  test("lies in no folder where the cluster has none, which is told", async () => {
    standIn.tower.faults.add("create-vm-folder", { kind: "error", status: 404, message: "no such operation" });
    await prepare();
    assert.equal(theShell().folder, null);
    assert.match(warnings.map(({ message }) => message).join(), /“web” has its shell outside the plan's folder/);
  });

  test("is not there while the cluster refuses what the VM is mapped to, which is told, and keeps no data back", async () => {
    standIn.tower.faults.add("create-vm", fails);
    const mirrors = await prepare();
    assert.equal(mirrors.length, 1);
    assert.deepEqual(shells(), []);
    assert.match(
      warnings.map(({ code, message }) => `${code} ${message}`).join(),
      /CLUSTER_TASK_FAILED .*“web” can't be made/,
    );
    await prepare();
    assert.equal(theShell().status, "STOPPED");
    assert.equal(warnings.length, 1);
  });

  test("goes with the mirror, also where somebody has started it; and then so does the folder", async () => {
    await publishAll(driver, 1, [{ object: source(), mapping: { switches: { prod: "dr" } } }]);
    theShell().status = "RUNNING";
    await driver.releaseMirrors({ owner, sequence: 1 });
    await driver.deleteGroup({ groupId: groupId(1), owner });
    assert.deepEqual(shells(), []);
    await driver.tend({ time: steadyTime });
    assert.deepEqual(folders(), []);
  });

  test("is theirs who has renamed it, and another one is made", async () => {
    await prepare();
    const theirs = theShell();
    theirs.name = "theirs";
    const shape = structuredClone(theirs.config);
    const named = async () =>
      (await driver.inventory()).filter(({ kind }) => kind === "vm").map(({ name, origin }) => [name, origin?.role]);
    const both = [
      ["theirs", undefined],
      ["web", "mirror"],
    ];
    assert.deepEqual((await named()).toSorted(), both);
    await prepare(source({ firmware: "BIOS", memory: 2 ** 30 }));
    assert.equal(theShell().config.firmware, "BIOS");
    assert.deepEqual(theirs.config, shape);
    assert.deepEqual((await named()).toSorted(), both);
    theShell().name = "theirs as well";
    await driver.releaseMirrors({ owner, sequence: 1 });
    await driver.tend({ time: steadyTime });
    assert.deepEqual(
      standIn.tower.model.vms.all().map(({ name }) => name),
      ["theirs", "theirs as well"],
    );
  });

  test("that no record knows goes, and so does its folder; one with a VM of somebody else's stays", async () => {
    await prepare();
    const { model } = standIn.tower;
    const config = theShell().config;
    const lost = new FakeVm("smtx-backup.mirror.a.plan.vm-1", standIn.cluster, { config, status: "STOPPED" });
    const theirs = new FakeVm("theirs", standIn.cluster, { config, status: "STOPPED" });
    for (const [vm, name] of [
      [lost, "smtx-backup.mirror.a.gone"],
      [theirs, "smtx-backup.mirror.a.used"],
    ] as const) {
      vm.folder = model.vmFolders.add(new FakeVmFolder(name, standIn.cluster));
      model.vms.add(vm);
    }
    await driver.tend({ time: steadyTime });
    assert.deepEqual(
      shells().map(({ folder }) => folder?.name),
      [folderName],
    );
    assert.deepEqual(folders().toSorted(), ["smtx-backup.mirror.a.used", folderName].toSorted());
  });
});
