import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { sentenceCharactersMax } from "../../core/api/bounds.ts";
import { groupIdOf, runIdOf } from "../../core/api/ids.ts";
import { judgeObject } from "../../core/api/judged-object.ts";
import { messageBytesMax, messageText } from "../../core/api/message.ts";
import { nameCharactersMax } from "../../core/api/name.ts";
import { type LeftOut, textCharactersMax } from "../../core/api/object/common.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { PlanObject } from "../../core/api/plan.ts";
import { type Report, reportSchema } from "../../core/api/report.ts";
import { type RunTask, taskSchema, type VolumeTransfer } from "../../core/api/task.ts";
import { recordingLog } from "../agent/testing.ts";
import type { SnapshotGroupOptions } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { mirrorSetOf } from "../storage/mirror-set.ts";
import type { TaskContext } from "./context.ts";
import { performTask } from "./perform.ts";
import { resultParts } from "./result-parts.ts";
import { servesNothing } from "./serves-nothing.ts";
import { groupId, identity, instant, planId, progressOf, runTaskFields, siteB } from "./testing.ts";

const KiB = 1024;
/** What a plan may have: so many objects, and so much text of them. */
const planObjectsMax = 4000;
const planObjectsBytesMax = 600 * KiB;
/** Of one object, as a gateway judges it. */
const objectBytesMax = 64 * KiB;
const idCharactersMax = 256;
const groupsMax = 1000;

/** The shape of a plan's objects, and which of them have much to say. */
const shapes = fc.record({
  letter: fc.constantFrom("a", "é", "字"),
  count: fc.oneof(fc.constant(planObjectsMax), fc.integer({ min: 1, max: planObjectsMax })),
  idCharacters: fc.oneof(fc.constant(36), fc.integer({ min: 4, max: idCharactersMax })),
  nameCharacters: fc.integer({ min: 1, max: nameCharactersMax }),
  textBytes: fc.integer({ min: 0, max: 400 }),
  large: fc.integer({ min: 0, max: 20 }),
});
type Shape = typeof shapes extends fc.Arbitrary<infer T> ? T : never;

const idOf = ({ letter, idCharacters }: Shape, index: number) => String(index).padStart(idCharacters, letter);

const objectOf = (shape: Shape, index: number): ObjectConfig => {
  const { letter, nameCharacters } = shape;
  const id = idOf(shape, index);
  const object: ObjectConfig = {
    kind: "volume",
    id,
    name: letter.repeat(nameCharacters),
    volumes: [{ id, sizeBytes: 1, geometry: { extentBytes: 65536, stripeCount: 1, stripeBytes: 65536 } }],
  };
  const room = index < shape.large ? objectBytesMax - messageText(object).length : shape.textBytes;
  return { ...object, leftOut: leftOutOf(letter, room) };
};

/** What is left out of an object, so that it is of `bytes` in a message at most. */
const leftOutOf = (letter: string, bytes: number): LeftOut[] => {
  const letterBytes = messageText({ letter }).length - messageText({ letter: "" }).length;
  const all: LeftOut[] = [];
  for (let left = bytes - 20; left >= leftOutHeadBytes + 2 * letterBytes; ) {
    const letters = Math.min(2 * textCharactersMax, Math.floor((left - leftOutHeadBytes) / letterBytes));
    const what = letter.repeat(Math.ceil(letters / 2));
    all.push({ what, reason: letter.repeat(Math.floor(letters / 2)) });
    left -= leftOutHeadBytes + letters * letterBytes;
  }
  return all;
};
const leftOutHeadBytes = messageText({ what: "", reason: "" }).length + 1;

/** As many of the objects as a plan may have. */
const acceptedOf = (shape: Shape): readonly ObjectConfig[] => {
  const objects: ObjectConfig[] = [];
  let bytes = 0;
  for (let index = 0; index < shape.count; index++) {
    const object = objectOf(shape, index);
    bytes += messageText(planObjectOf(object)).length + 1;
    if (bytes > planObjectsBytesMax) break;
    objects.push(object);
  }
  return objects;
};
const planObjectOf = ({ kind, id, name }: ObjectConfig): PlanObject => ({ kind, id, name });

const groupIds = (from: number) =>
  Array.from({ length: groupsMax }, (_, n) => {
    const slot = new Date(Date.UTC(2026, 0, 1, from + n)).toISOString();
    return groupIdOf(runIdOf(planId, instant(slot)));
  });
const groupsToDelete = groupIds(0);
const groupsToKeep = groupIds(groupsMax);

/** A cluster whose every id is as long as can be. */
const storageOf = (objects: readonly ObjectConfig[], longId: string): StorageDriver => {
  const group = ({ volumeIds, objects: taken }: SnapshotGroupOptions) => ({
    takenAt: runTaskFields.issuedAt,
    objects: taken,
    snapshots: volumeIds.map((id) => ({ volumeId: id, sourceVolumeId: id, snapshotId: longId, sizeBytes: 1 })),
  });
  const calls = {
    inventory: async () => objects,
    findObjects: async () => objects,
    findGroup: async () => undefined,
    snapshotGroup: async (options: SnapshotGroupOptions) => group(options),
    prepareMirror: async ({ object }: { object: ObjectConfig }) => [
      { sourceVolumeId: object.id, mirrorVolumeId: longId },
    ],
    snapshotShape: async () => ({ ...objects[0]?.volumes[0] }),
    openSnapshot: async () => ({ ...objects[0]?.volumes[0] }),
    closeSnapshot: async () => undefined,
    // What a rebuild would take is told in four entries at most.
    foreignManifest: async () => undefined,
    publishGroup: async () => ({ snapshots: [{ sizeBytes: Number.MAX_SAFE_INTEGER }] }),
    deleteGroup: async () => undefined,
    listGroups: async () =>
      groupsToKeep.map((id) => ({
        groupId: id,
        sequence: Number.MAX_SAFE_INTEGER,
        takenAt: runTaskFields.issuedAt,
        volumeCount: Number.MAX_SAFE_INTEGER,
        sizeBytes: Number.MAX_SAFE_INTEGER,
      })),
    objectOfGroup: async () => objects.toSorted((a, b) => messageText(b).length - messageText(a).length)[0],
    rebuildObject: async ({ object }: { object: ObjectConfig }) => object,
    abortGroup: async () => undefined,
  };
  return calls as unknown as StorageDriver;
};

const contextOf = (storage: StorageDriver): TaskContext => ({
  ...servesNothing,
  storage,
  send: async () => progressOf({ bytesSent: Number.MAX_SAFE_INTEGER }),
  identity,
  now: () => runTaskFields.issuedAt,
  log: recordingLog(),
  signal: new AbortController().signal,
  onMoved: () => undefined,
  onProgress: () => undefined,
  onAcknowledged: () => undefined,
});

/** All tasks of a run of these objects; of those that there are for each of them, the largest. */
const tasksOf = (objects: readonly ObjectConfig[], longId: string): readonly RunTask[] => {
  const { issuedAt, ...fields } = runTaskFields;
  const common = { ...fields, issuedAt, id: "t".repeat(200), sequence: Number.MAX_SAFE_INTEGER };
  const [largest] = objects.toSorted((a, b) => messageText(b).length - messageText(a).length);
  assert(largest !== undefined);
  const volume: VolumeTransfer = { snapshotId: longId, baseSnapshotId: longId, mirrorVolumeId: longId };
  const manifest = { planId, planName: "n".repeat(63), source: common.source, groupId, sequence: 1, takenAt: issuedAt };
  return [
    { ...common, kind: "snapshot", step: "snapshotting", objects: objects.map(planObjectOf) },
    { ...common, kind: "prepare", step: "preparing", siteId: siteB, object: largest },
    {
      ...{ ...common, kind: "transfer", step: "transferring", baseGroupId: groupId, volumes: [volume] },
      compression: { enabled: true, level: 1, dictionary: true },
      endpoints: Array(16).fill(`${"h".repeat(253)}:65535`),
    },
    {
      ...{ ...common, kind: "publish", step: "publishing", siteId: siteB },
      mirrors: mirrorSetOf(objects.map((_, index) => `${index}${longId}`)),
      manifest: { ...manifest, objects: objects.map(() => null) },
    },
    { ...common, kind: "reclaim", step: "reclaiming", groupIds: groupsToDelete, keeps: groupsToKeep },
    {
      ...{ ...common, kind: "rebuild", step: "rebuilding", siteId: siteB, fromGroupId: groupId },
      ...{ object: largest, name: largest.name },
    },
    { ...common, kind: "abort", step: "transferring", siteId: siteB },
  ];
};

const aboutOf = ({ id, runId, target, step, index, attempt, sequence, siteId }: RunTask) => ({
  ...{ taskId: id, runId, target, step, index, attempt, sequence, siteId },
  gatewayId: identity.id,
});

/** What a gateway says of a task: that it is done, in parts, or has failed with much to say. */
const reportsOf = async (task: RunTask, context: TaskContext): Promise<readonly Report[]> => {
  const about = aboutOf(task);
  const reason = { code: "INTERNAL", message: "é".repeat(sentenceCharactersMax) };
  const result = await performTask(task, context);
  return [
    ...resultParts(result).map((part): Report => ({ kind: "completed", ...about, ...part })),
    { kind: "failed", ...about, reason, retryable: true, progressed: false, newestSequence: 1 },
  ];
};

describe("the messages of a run", () => {
  test("are sendable, and what a gateway reports fits a queue of 256 KiB too, for any plan that is accepted", async (context) => {
    let largest = { task: 0, report: 0 };
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const objects = acceptedOf(shape);
        for (const object of objects.slice(0, shape.large)) assert.deepEqual(judgeObject(object), object);
        const longId = shape.letter.repeat(idCharactersMax - 4);
        const gateway = contextOf(storageOf(objects, longId));
        for (const task of tasksOf(objects, longId)) {
          const text = messageText(task);
          assert(text.length < messageBytesMax, `the task ${task.kind} has ${text.length} bytes`);
          assert.equal(taskSchema.parse(JSON.parse(text)).kind, task.kind);
          largest = { ...largest, task: Math.max(largest.task, text.length) };
          for (const report of await reportsOf(task, gateway)) {
            const { length } = messageText(report);
            assert(length < 256 * KiB, `the report ${report.kind} of ${task.kind} has ${length} bytes`);
            reportSchema.parse(report);
            largest = { ...largest, report: Math.max(largest.report, length) };
          }
        }
      }),
      { numRuns: 15 },
    );
    context.diagnostic(`the largest task has ${largest.task} bytes, the largest report ${largest.report}`);
  });
});
