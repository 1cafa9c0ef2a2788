import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { instantSchema } from "../api/ids.ts";
import { objectConfigSchema } from "../api/object.ts";
import type { Step } from "../api/run.ts";
import { stepSchema } from "../api/run.ts";
import { type TaskResult, taskResultSchema } from "../api/task.ts";
import { type AskedOfTask, answerFault } from "./answer-fault.ts";

const geometry = { extentBytes: 2 ** 28, stripeCount: 1, stripeBytes: 2 ** 28 };
const lun = (name: string, volumeIds = [`volume-${name}`]) =>
  objectConfigSchema.parse({
    ...{ kind: "lun", id: `lun-${name}`, name, lun: { target: "t", lunId: 1 } },
    volumes: volumeIds.map((id) => ({ id, sizeBytes: 2 ** 28, geometry })),
  });
const progress = {
  ...{ phase: "done", extentsTotal: 4, extentsDone: 4, extentsUnchanged: 0, extentsHole: 0 },
  ...{ bytesTotal: 1, bytesRead: 1, bytesChanged: 1, bytesSent: 1 },
} as const;
const takenAt = "2026-03-01T01:00:00.000Z";
const groupIds = [1, 2].map((n) => `group_00000000000000000000000001_2026030${n}T000000000Z`);

const snapshot = (more: object = {}) => ({
  ...{ kind: "snapshot", takenAt, from: 0 },
  objects: ["db", "web"].map((name) => ({ config: lun(name), snapshotIds: [`s-${name}`] })),
  ...more,
});
const object = (name: string, more: object = {}) => ({ config: lun(name), snapshotIds: [`s-${name}`], ...more });
const mirror = (name: string, mirrorVolumeId = `m-${name}`) => ({ sourceVolumeId: `volume-${name}`, mirrorVolumeId });

const judge = (step: Step, result: object, asked: AskedOfTask = {}, part?: { number: number; of: number }) => {
  const parsed = taskResultSchema.parse(result);
  return answerFault({ step, result: parsed, part }, asked);
};

const answers: Record<Step, object> = {
  snapshotting: snapshot(),
  preparing: { kind: "prepare", volumes: [mirror("db")] },
  transferring: { kind: "transfer", progress },
  publishing: { kind: "publish", publishedAt: takenAt, sizeBytes: 1 },
  reclaiming: { kind: "reclaim", deleted: [] },
  rebuilding: { kind: "rebuild", object: lun("db") },
  checking: { kind: "check" },
  "rolling-back": { kind: "rollback" },
  undoing: { kind: "undo-rollback" },
  looking: { kind: "order", order: { type: "look", power: "on", obstacles: [] } },
  stopping: { kind: "order", order: { type: "stop", power: "on" } },
  comparing: { kind: "order", order: { type: "compare", power: "off", extents: 0 } },
  starting: { kind: "order", order: { type: "start", power: "off" } },
  readying: { kind: "order", order: { type: "ready" } },
  deleting: { kind: "reclaim", deleted: [] },
  attaching: { kind: "attach", progress },
};

describe("an answer", () => {
  test("is one to its own step and to no other", () => {
    for (const step of stepSchema.options) {
      for (const [of, result] of Object.entries(answers)) {
        const isAnswer = JSON.stringify(result) === JSON.stringify(answers[step]);
        assert.equal(judge(step, result), isAnswer ? undefined : "ANSWER_OF_ANOTHER_KIND", `${of} for ${step}`);
      }
    }
    const abort: TaskResult = { kind: "abort" };
    for (const step of stepSchema.options) assert.equal(judge(step, abort), "ANSWER_OF_ANOTHER_KIND");
  });
});

describe("a snapshot's answer", () => {
  for (const [what, result, fault] of [
    ["begins elsewhere than with the first object", snapshot({ from: 1 }), "ANSWER_OUT_OF_RANGE"],
    ["counts volumes before its first object", snapshot({ fromVolume: 1 }), "ANSWER_OUT_OF_RANGE"],
    [
      "lacks a volume's snapshot",
      snapshot({ objects: [{ config: lun("db", ["a", "b"]), snapshotIds: ["s"] }] }),
      "ANSWER_OUT_OF_RANGE",
    ],
    [
      "is for an entry that the plan does not have",
      snapshot({ objects: [object("db", { because: 2 })] }),
      "ANSWER_OUT_OF_RANGE",
    ],
    [
      "repeats a volume that the object does not have",
      snapshot({ objects: [object("db", { repeated: [1] })] }),
      "ANSWER_OUT_OF_RANGE",
    ],
    ["has an object twice", snapshot({ objects: [object("db"), object("db")] }), "ANSWER_REPEATS"],
    [
      "has one snapshot of two volumes",
      snapshot({ objects: [object("db"), object("web", { snapshotIds: ["s-db"] })] }),
      "ANSWER_CONTRADICTS",
    ],
    [
      "has two snapshots of one volume",
      snapshot({ objects: [object("db"), { config: { ...lun("web", ["volume-db"]) }, snapshotIds: ["s-web"] }] }),
      "ANSWER_CONTRADICTS",
    ],
  ] as const) {
    test(`that ${what} is none`, () => {
      assert.equal(judge("snapshotting", result, { entries: 2 }), fault);
    });
  }

  test("that names what is gone twice is none", () => {
    const gone = [1, 2].map(() => ({ kind: "lun", id: "lun-x", name: "x", named: true }));
    assert.equal(judge("snapshotting", snapshot({ gone })), "ANSWER_REPEATS");
  });

  test("in parts of two instants is none, and in parts of one is", () => {
    const at = instantSchema.parse(takenAt);
    const taken = { at, sizeBytes: 1, extents: 1 };
    const part = { number: 1, of: 2 };
    assert.equal(judge("snapshotting", snapshot({ from: 2 }), { taken }, part), undefined);
    const later = snapshot({ from: 2, takenAt: "2026-03-01T01:00:01.000Z" });
    assert.equal(judge("snapshotting", later, { taken }, part), "ANSWER_CONTRADICTS");
  });
});

describe("a preparation's answer", () => {
  const asked = { object: lun("db", ["volume-db", "volume-db-1"]) };
  const prepare = (...volumes: object[]) => judge("preparing", { kind: "prepare", volumes }, asked);

  test("has a mirror of each volume of the object, and of no other", () => {
    assert.equal(prepare(mirror("db"), mirror("db-1")), undefined);
    assert.equal(prepare(mirror("db")), "ANSWER_OUT_OF_RANGE");
    assert.equal(prepare(mirror("db"), mirror("web")), "ANSWER_OUT_OF_RANGE");
    assert.equal(prepare(mirror("db"), mirror("db-1"), mirror("web")), "ANSWER_OUT_OF_RANGE");
  });

  test("names no volume and no mirror twice", () => {
    assert.equal(prepare(mirror("db"), mirror("db", "m-other")), "ANSWER_REPEATS");
    assert.equal(prepare(mirror("db"), mirror("db-1", "m-db")), "ANSWER_REPEATS");
  });
});

describe("a reclaim's answer", () => {
  const [one, other] = groupIds;
  const reclaim = (more: object) =>
    judge("reclaiming", { kind: "reclaim", deleted: [], ...more }, { mayBeDeleted: (id) => id === one });

  test("has deleted only what it was told to, and each once", () => {
    assert.equal(reclaim({ deleted: [one] }), undefined);
    assert.equal(reclaim({ deleted: [one, other] }), "ANSWER_OUT_OF_RANGE");
    assert.equal(reclaim({ deleted: [one, one] }), "ANSWER_REPEATS");
  });

  test("lists each group once", () => {
    assert.equal(reclaim({ groups: [{ groupId: one }, { groupId: one }] }), "ANSWER_REPEATS");
  });
});
