import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { groupIdOf, runIdOf } from "../../core/api/ids.ts";
import type { VolumeShape } from "../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { objectSpecSchema } from "../../core/api/object-spec.ts";
import { isRunTask, type TaskResultOf, taskResultSchema, taskSchema } from "../../core/api/task.ts";
import { rebuiltName } from "../../core/object/rebuilt-name.ts";
import { recordingLog } from "../agent/testing.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { mirrorSetOf } from "../storage/mirror-set.ts";
import { openStorage } from "../storage/open.ts";
import { performTask } from "./perform.ts";
import { servesNothing } from "./serves-nothing.ts";
import { identity, instant, planId, runTaskFields, siteA, siteB } from "./testing.ts";

const owner = { planId, source: siteA };
const specs = [
  { kind: "switch", name: "prod" },
  { kind: "switch", name: "backup" },
  { kind: "volume", name: "quorum", size: "1MiB", sharing: true },
  {
    ...{ kind: "vm", name: "web", memory: "1GiB" },
    disks: [
      { size: "1MiB", name: "web-0" },
      { cdRom: "tools.iso" },
      { volume: "quorum" },
      { size: "2MiB", name: "web-1" },
    ],
    nics: [
      { macAddress: "52:54:00:00:00:01", switch: "prod" },
      { macAddress: "52:54:00:00:00:02", switch: "backup" },
    ],
  },
  { kind: "vm", name: "diskless", memory: "1GiB" },
  { kind: "lun", name: "mail", size: "1MiB", target: "iqn-mail", lunId: 7 },
  { kind: "nfs-export", name: "e1" },
  { kind: "nfs-file", name: "/exports/e1/vm/b.vmdk", size: "1MiB" },
  { kind: "nfs-file", name: "/exports/e1/vm/deep/a.vmdk", size: "1MiB" },
  { kind: "nfs-file", name: "/exports/e1/other.vmdk", size: "1MiB" },
].map((spec) => objectSpecSchema.parse(spec));

/** A plan of all four kinds on a cluster, by the tasks that its runs have. */
describe("the tasks of a plan of all kinds", () => {
  let dir = "";
  let [source, target]: StorageDriver[] = [];
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "gateway-kinds-"));
    [source, target] = await Promise.all(
      ["a", "b"].map((name) => openStorage({ kind: "extentstore", dir: join(dir, name) })),
    );
    await source?.administration?.createObjects(specs);
    await target?.administration?.createObjects([objectSpecSchema.parse({ kind: "switch", name: "dr-prod" })]);
  });
  after(async () => {
    await Promise.all([source?.close(), target?.close()]);
    await rm(dir, { recursive: true });
  });

  const perform = async (storage: StorageDriver | undefined, fields: object, sequence = 1) => {
    const groupId = groupOf(sequence);
    const task = taskSchema.parse({ ...runTaskFields, groupId, sequence, ...fields });
    assert(isRunTask(task) && storage !== undefined);
    const result = await performTask(task, {
      ...servesNothing,
      ...{ storage, identity, now: () => runTaskFields.issuedAt, log: recordingLog() },
      ...{ signal: new AbortController().signal, onMoved: () => undefined, onProgress: () => undefined },
      ...{ onAcknowledged: () => undefined, send: () => Promise.reject(new Error("nothing is sent here")) },
    });
    return taskResultSchema.parse(JSON.parse(JSON.stringify(result)));
  };
  const groupOf = (sequence: number) =>
    groupIdOf(runIdOf(planId, instant(new Date(Date.UTC(2026, 0, sequence)).toISOString())));
  const namedEntry = async (name: string) => {
    const found = (await source?.inventory())?.find((object) => object.name === name);
    assert(found !== undefined, name);
    return { kind: found.kind, id: found.id, name };
  };
  const snapshot = async (sequence: number, entries: readonly object[]) => {
    const result = await perform(source, { kind: "snapshot", step: "snapshotting", objects: entries }, sequence);
    assert(result.kind === "snapshot");
    return result;
  };
  /** As the steps of a run do, but that what travels are zeros. */
  const publish = async (sequence: number, { takenAt, objects }: TaskResultOf<"snapshot">, mapping?: object) => {
    const told: TaskResultOf<"prepare">[] = [];
    const mirrors = new Map<string, VolumeShape>();
    for (const [index, { config }] of objects.entries()) {
      const fields = { kind: "prepare", step: "preparing", siteId: siteB, index, object: config };
      const result = await perform(target, { ...fields, ...(mapping && { mapping }) }, sequence);
      assert(result.kind === "prepare");
      told.push(result);
      for (const { sourceVolumeId, mirrorVolumeId } of result.volumes) {
        const volume = config.volumes.find(({ id }) => id === sourceVolumeId);
        assert(volume !== undefined);
        mirrors.set(mirrorVolumeId, volume);
      }
    }
    for (const [mirrorVolumeId, { sizeBytes, geometry }] of mirrors) {
      const run = { groupId: groupOf(sequence), sequence, sender: siteA };
      const options = { owner, mirrorVolumeId, ...run, baseGroupId: null, sizeBytes, geometry };
      const { epoch } = (await target?.openMirror(options)) ?? assert.fail();
      await target?.completeMirror({ mirrorVolumeId, epoch });
    }
    const head = { planId, planName: "nightly", source: siteA, groupId: groupOf(sequence), sequence, takenAt };
    const manifest = { ...head, objects: objects.map(() => null) };
    const fields = { kind: "publish", step: "publishing", siteId: siteB, mirrors: mirrorSetOf([...mirrors.keys()]) };
    await perform(target, { ...fields, manifest }, sequence);
    return told;
  };
  const names = (objects: readonly { readonly config: ObjectConfig }[]) =>
    objects.map(({ config }) => `${config.kind} ${config.name}`);

  test("a run takes what the entries are, makes it at the target, and a restore makes it anew", async () => {
    const entries = [
      await namedEntry("mail"),
      { kind: "nfs-file", directory: "/exports/e1/vm" },
      { kind: "vm", match: "*" },
      await namedEntry("web-1"),
    ];
    const taken = await snapshot(1, entries);
    assert.deepEqual(names(taken.objects), [
      "lun mail",
      "nfs-file /exports/e1/vm/b.vmdk",
      "nfs-file /exports/e1/vm/deep/a.vmdk",
      "vm web",
      "volume web-1",
    ]);
    assert.deepEqual(
      taken.objects.map(({ because, repeated, snapshotIds }) => [because, repeated, snapshotIds.length]),
      [
        [0, undefined, 1],
        [1, undefined, 1],
        [1, undefined, 1],
        [2, undefined, 2],
        [3, [0], 1],
      ],
    );
    assert.deepEqual(
      taken.warnings?.map(({ code }) => code),
      ["OBJECT_UNUSABLE"],
    );
    const vm = taken.objects[3]?.config;
    assert.deepEqual(vm?.leftOut?.length, 2);

    const prepared = await publish(1, taken, { switches: { prod: "dr-prod" } });
    const warnings = prepared.flatMap((result) => result.warnings ?? []);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ["SWITCH_UNMAPPED"],
    );
    assert.match(warnings[0]?.message ?? "", /52:54:00:00:00:02.*“web”.*“backup”/);
    const [kept] = (await target?.manifests()) ?? [];
    assert.deepEqual(
      kept?.manifest.objects,
      taken.objects.map(({ config }) => config),
    );

    const restore = async (prefix: string, objects: typeof taken.objects, sequence: number) => {
      for (const { config } of objects) {
        const name = rebuiltName(config, prefix);
        const step = { kind: "rebuild", step: "rebuilding", siteId: siteB, fromGroupId: groupOf(1) };
        const made = await perform(target, { ...step, object: config, name }, sequence);
        assert(made.kind === "rebuild");
        assert.deepEqual([made.object.kind, made.object.name], [config.kind, name]);
        assert.deepEqual(await perform(target, { ...step, object: config, name }, sequence), made);
      }
      const there = (await target?.inventory()) ?? [];
      return there.filter(({ name, origin }) => origin?.role !== "mirror" && name.includes(prefix));
    };
    const restored = await restore("restored-", taken.objects, 9);
    const again = await restore("again-", taken.objects.toReversed(), 10);
    for (const [prefix, made] of Object.entries({ "restored-": restored, "again-": again })) {
      assert.deepEqual(
        made.map(({ kind, name }) => `${kind} ${name}`).sort(),
        [
          ...taken.objects.map(({ config }) => `${config.kind} ${rebuiltName(config, prefix)}`),
          `volume ${prefix}web-0`,
        ].sort(),
      );
      const [web] = made.filter(({ kind }) => kind === "vm");
      const [disk] = made.filter(({ name }) => name === `${prefix}web-1`);
      assert.deepEqual(web?.volumes[1], disk?.volumes[0], "the volume by itself is the VM's");
    }
  });

  test("a switch that the target does not have fails the preparing", async () => {
    const taken = await snapshot(2, [await namedEntry("web")]);
    await assert.rejects(publish(2, taken, { switches: { prod: "no-such-switch" } }), { code: "SWITCH_UNKNOWN" });
    await assert.rejects(publish(2, taken, { pool: "no-such-pool", switches: {} }), { code: "POOL_UNKNOWN" });
  });

  test("a file and a VM that are deleted are told with the newest group that has them", async () => {
    const [web, file] = [await namedEntry("web"), await namedEntry("/exports/e1/vm/b.vmdk")];
    const entries = [web, { kind: "nfs-file", directory: "/exports/e1" }];
    await snapshot(3, entries);
    for (const { kind, id } of [web, file]) await source?.administration?.deleteObject({ kind, id });
    const taken = await snapshot(4, entries);
    assert.deepEqual(names(taken.objects), ["nfs-file /exports/e1/other.vmdk", "nfs-file /exports/e1/vm/deep/a.vmdk"]);
    assert.deepEqual(taken.gone, [
      { ...web, named: true, lastSequence: 3 },
      { ...file, named: false, lastSequence: 3 },
    ]);
    assert.deepEqual(await snapshot(4, entries), taken);
  });
});
