import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { taskResultSchema } from "./task.ts";

const groupId = (hour: number) => `group_01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T0${hour}0000000Z`;
const takenAt = "2026-03-01T01:00:00.000Z";

describe("what a task came to", () => {
  test("by a gateway that tells a snapshot in one piece begins with the first object", () => {
    const result = taskResultSchema.parse({ kind: "snapshot", takenAt, objects: [] });
    assert.equal(result.kind === "snapshot" && result.from, 0);
  });

  test("names groups also where they can't be read in full, and takes what is none for none", () => {
    const whole = { groupId: groupId(1), sequence: 1, takenAt, volumeCount: 1, sizeBytes: 1 };
    const strange = { ...whole, groupId: groupId(2), takenAt: "yesterday" };
    const groups = [whole, strange, { ...whole, groupId: "theirs" }, null];
    const result = taskResultSchema.parse({ kind: "reclaim", deleted: [], groups });
    assert(result.kind === "reclaim");
    assert.deepEqual([result.groups, result.present], [[whole, { groupId: groupId(2) }], []]);
  });

  test("by a gateway that tells no more of groups than their ids is a list, too", () => {
    const result = taskResultSchema.parse({ kind: "reclaim", deleted: [], present: [groupId(1), "theirs", 7] });
    assert(result.kind === "reclaim");
    assert.deepEqual([result.groups, result.present], [undefined, [groupId(1)]]);
  });
});
