import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { isUnusable, judgeObject } from "../../core/api/judged-object.ts";
import { messageBytesMax, messageText } from "../../core/api/message.ts";
import { mirrorSetOf } from "../../core/api/mirror-set.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { PlanEntry } from "../../core/api/plan.ts";
import { type Report, reportSchema } from "../../core/api/report.ts";
import { type RunTask, snapshotTaskSchema, taskSchema } from "../../core/api/task.ts";
import { performTask } from "./perform.ts";
import { resultParts } from "./result-parts.ts";
import { groupId, identity, planId, runTaskFields, siteB } from "./testing.ts";
import { fakeCluster, groupOfRun } from "./testing-cluster.ts";
import { fileOf, planObjectOf, vmOf } from "./testing-objects.ts";

const KiB = 1024;
const [vmCount, diskCount, nicCount] = [1000, 4, 2];
const numbers = (count: number) => Array.from({ length: count }, (_, number) => number);
const id = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 16);

/**
 * A VM as people have them: with names in letters that a message escapes, labels, a
 * CD-ROM and addresses.
 */
const vm = (number: number): ObjectConfig => {
  const name = `客户端-web-${number.toString().padStart(4, "0")}.example.com`;
  const disks = numbers(diskCount).map((disk) => ({
    id: `volume-${id(`${number}/${disk}`)}`,
    name: `${name}-disk-${disk}`,
  }));
  const plain = vmOf(name, {
    disks: disks.map((disk) => disk.name),
    switches: numbers(nicCount).map((nic) => `业务网络-${nic}`),
  });
  assert(plain.kind === "vm");
  const { vm: config } = plain;
  return {
    ...plain,
    id: `vm-${id(String(number))}`,
    volumes: plain.volumes.map((volume, index) => ({ ...volume, id: disks[index]?.id ?? "" })),
    labels: { env: "prod", owner: "team-payments", tier: "front", 地区: "上海" },
    leftOut: [{ what: "CD-ROM cloud-init.iso", reason: "it is no data of the VM's" }],
    vm: {
      ...config,
      description: "前端 ".repeat(60),
      disks: config.disks.map((disk, index) => ({ ...disk, volumeId: disks[index]?.id ?? "" })),
      nics: config.nics.map((nic) => ({
        ...nic,
        ...{ ipAddress: "10.100.200.201", gateway: "10.100.200.1", subnetMask: "255.255.255.0" },
      })),
    },
  };
};
const vms = numbers(vmCount).map(vm);
const volumeIds = vms.flatMap(({ volumes }) => volumes.map((volume) => volume.id));

const snapshotTaskOf = (objects: readonly PlanEntry[], sequence = 1) =>
  snapshotTaskSchema.parse({
    ...runTaskFields,
    ...{
      kind: "snapshot",
      step: "snapshotting",
      planName: "nightly",
      objects,
      sequence,
      groupId: groupOfRun(sequence),
    },
  });

/** What the reports say, as the control plane reads them; none is above 192 KiB. */
const reported = async (task: RunTask, context: Parameters<typeof performTask>[1]) => {
  const parts = resultParts(await performTask(task, context));
  const { id: taskId, runId, target, step, index, attempt, sequence, siteId } = task;
  return parts.map((part) => {
    const about = { taskId, runId, target, step, index, attempt, sequence, siteId, gatewayId: identity.id };
    const text = messageText({ kind: "completed", ...about, ...part } satisfies Report);
    assert(text.length <= 192 * KiB, `a report has ${text.length} bytes`);
    const report = reportSchema.parse(JSON.parse(text));
    assert(report.kind === "completed" && report.result.kind === "snapshot");
    return report.result;
  });
};

describe(`a plan of ${vmCount} VMs with ${diskCount} disks and ${nicCount} NICs each`, () => {
  test("is one task message, whether they are named or a rule takes them, and its result comes in parts of 192 KiB", async (t) => {
    for (const entries of [vms.map(planObjectOf), [{ kind: "vm", match: "*web*" } satisfies PlanEntry]]) {
      const task = snapshotTaskOf(entries);
      const text = messageText(task);
      assert(text.length < messageBytesMax);
      assert.deepEqual(taskSchema.parse(JSON.parse(text)), task);
      const parts = await reported(task, fakeCluster(vms).context);
      const told = parts.flatMap(({ objects }) => objects);
      assert.deepEqual(
        told.map(({ config }) => config),
        vms,
      );
      assert.deepEqual(
        told.map(({ snapshotIds }) => snapshotIds.length),
        vms.map(() => diskCount),
      );
      for (const part of parts) assert.equal(part.fromVolume, part.from * diskCount);
      t.diagnostic(`the task has ${text.length} bytes, its result ${parts.length} parts`);
    }
  });

  test("has tasks for an object and for a volume that are small, and a publication that names ids only", () => {
    const largest = vms.reduce((a, b) => (messageText(a).length > messageText(b).length ? a : b));
    const common = { ...runTaskFields, siteId: siteB };
    const mapping = {
      pool: "fast",
      switches: Object.fromEntries(numbers(nicCount).map((nic) => [`业务网络-${nic}`, "dr"])),
    };
    const head = { planId, planName: "nightly", source: common.source, groupId, sequence: 1, takenAt: common.issuedAt };
    const volume = {
      snapshotId: `snapshot-${id("s")}`,
      baseSnapshotId: `snapshot-${id("b")}`,
      mirrorVolumeId: volumeIds[0],
    };
    const tasks = [
      { ...common, kind: "prepare", step: "preparing", object: largest, mapping },
      {
        ...{ ...common, kind: "transfer", step: "transferring", volumes: [volume], baseGroupId: groupId },
        ...{
          compression: { enabled: true, level: 1, dictionary: true },
          endpoints: ["10.0.0.1:9443", "10.0.0.2:9443"],
        },
      },
      {
        ...{ ...common, kind: "publish", step: "publishing", manifest: { ...head, objects: vms.map(() => null) } },
        mirrors: mirrorSetOf(volumeIds, (text) => createHash("sha256").update(text).digest("hex")),
      },
      {
        ...common,
        kind: "rebuild",
        step: "rebuilding",
        fromGroupId: groupId,
        object: largest,
        name: `restored-${largest.name}`,
      },
    ];
    for (const task of tasks) {
      const { length } = messageText(taskSchema.parse(task));
      assert(length < 16 * KiB, `the task ${task.kind} has ${length} bytes`);
    }
  });

  test("tells what is gone in parts too, when all of a directory's files are", async () => {
    const files = numbers(4000).map((number) => fileOf(`vm/字字字/${number}.vmdk`));
    const [kept] = vms;
    assert(kept !== undefined);
    const { world, context } = fakeCluster([...files, kept]);
    await performTask(snapshotTaskOf([{ kind: "nfs-file", directory: "/exports/e1/vm" }], 1), context);
    world.objects = [kept, { ...vm(1), name: "web-broken", volumes: [] }];
    const entries: PlanEntry[] = [
      { kind: "nfs-file", directory: "/exports/e1" },
      { kind: "vm", match: "*" },
    ];
    const parts = await reported(snapshotTaskOf(entries, 2), context);
    assert(parts.length > 1 && parts.every(({ gone = [] }) => gone.length <= 1000));
    assert.deepEqual(
      new Set(parts.flatMap(({ gone = [] }) => gone.map(({ name }) => name))),
      new Set(files.map(({ name }) => name)),
    );
    assert.deepEqual(
      parts.map(({ from, objects, warnings }) => [from, objects.length, warnings?.length]),
      parts.map((_, number) => (number === 0 ? [0, 1, 1] : [1, 0, undefined])),
    );
  });
});

test("a VM is as large as a message can tell of it, and one that is larger says so", () => {
  const disksOf = (count: number) => vmOf("large", { disks: numbers(count).map((disk) => `disk-${disk}`) });
  assert(!isUnusable(judgeObject(disksOf(128))));
  const judged = judgeObject({
    ...disksOf(256),
    labels: Object.fromEntries(numbers(50).map((n) => [`l${n}`, "é".repeat(255)])),
  });
  assert(isUnusable(judged));
  assert.match(judged.unusable, /bytes, and 65536 are the most/);
});
