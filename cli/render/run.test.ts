import assert from "node:assert/strict";
import { test } from "node:test";
import { runAnswerSchema } from "../../core/api/answers.ts";
import { runText, runTotals } from "./run.ts";
import { plainStyle } from "./style.ts";

const plan = "01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T010000000Z";
const extents = { extentsTotal: 8, extentsDone: 2, extentsUnchanged: 0, extentsHole: 1 };
const bytes = { bytesTotal: 4096, bytesRead: 1024, bytesChanged: 1024, bytesSent: 1024 };

const runOf = (state: "succeeded" | "failed" | "cancelled", objectsDone: number) =>
  runAnswerSchema.parse({
    ...{ id: `run_${plan}`, planId: "plan_01K0Z3NDEKTSV4RRFFQ69G5FAV", groupId: `group_${plan}` },
    ...{ kind: "backup", trigger: "person", slot: "2026-03-01T01:00:00.000Z", sequence: 1, source: "a" },
    ...{ objectCount: 2, createdAt: "2026-03-01T01:00:00.000Z", status: state, planName: "nightly", deadLetters: 0 },
    targets: [
      {
        ...{ site: "b", state, step: null, reason: null, warning: null, startedAt: null, endedAt: null },
        ...{ attempt: 1, attemptsMax: 10, waitsFor: null, current: null },
        base: { baseGroupId: null, why: "first-backup" },
        progress: { objectsTotal: 2, objectsDone, ...extents, ...bytes },
      },
    ],
  });

test("only what was sent is said to be sent in full", () => {
  const noteOf = (run: ReturnType<typeof runOf>) => runTotals(run, plainStyle).split("\n").at(-1);
  assert.equal(noteOf(runOf("succeeded", 2)), "b: sent in full, for it is the first backup");
  assert.equal(noteOf(runOf("cancelled", 1)), "b: was to be sent in full, for it is the first backup");
  assert.equal(noteOf(runOf("failed", 0)), "b: was to be sent in full, for it is the first backup");
  assert.equal(noteOf(runOf("failed", 2)), "b: sent in full, for it is the first backup");
});

test("a rollback that succeeded says how it is undone, and no other run does", () => {
  const last = (run: ReturnType<typeof runOf>) => runTotals(run, plainStyle).split("\n").at(-1) ?? "";
  const undo = `To undo it: smtx-backup rollback group_${plan} --discard-changes`;
  assert.equal(last({ ...runOf("succeeded", 2), kind: "rollback" }), undo);
  assert.doesNotMatch(last({ ...runOf("failed", 2), kind: "rollback" }), /undo/);
  assert.doesNotMatch(last(runOf("succeeded", 2)), /undo/);
});

test("a deletion shows no count of objects, for it counts groups", () => {
  assert.doesNotMatch(runTotals({ ...runOf("succeeded", 1), kind: "deletion" }, plainStyle), /OBJECTS/);
  assert.match(runTotals({ ...runOf("succeeded", 1), kind: "rebuild" }, plainStyle), /OBJECTS/);
});

test("a group is said to be there from before a rollback only where the rollback has succeeded", () => {
  const restore = { fromGroupId: `group_${plan}`, fromRunId: `run_${plan}`, namePrefix: "" };
  const groupLine = (run: object) =>
    runText(runAnswerSchema.parse({ ...runOf("succeeded", 2), restore, ...run }), plainStyle).match(/^Group.*$/m)?.[0];
  assert.match(groupLine({ kind: "rollback" }) ?? "", /back to group_\S+; what was there before is in group_/);
  assert.match(groupLine({ kind: "rollback", status: "failed" }) ?? "", /back to group_\S+$/);
  assert.match(groupLine({ kind: "clone" }) ?? "", /cloned from group_/);
});

test("what a failover orders is told with what it is, and by which group its objects are named", () => {
  const restore = { fromGroupId: `group_${plan}`, fromRunId: `run_${plan}`, namePrefix: "" };
  const run = { ...runOf("succeeded", 2), restore, kind: "failover", order: "stop" };
  const text = runText(runAnswerSchema.parse(run), plainStyle);
  assert.match(text, /^Run +failover \(stop\) of 2 objects/m);
  assert.match(text, /^Group +its objects are those of group_/m);
});
