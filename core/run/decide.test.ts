import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type RunKind, restoreKindSchema, stepSchema, type TargetRun, type TargetState } from "../api/run.ts";
import { defaultRetryPolicy } from "./retry-policy.ts";
import { statusOf, stepsOf } from "./steps.ts";
import { begin, type Play, playPart, runOf, startedUntil, superseded, target } from "./testing.ts";

const { silencesMax } = defaultRetryPolicy;

describe("a part of a run", () => {
  for (const kind of Object.keys(stepsOf) as RunKind[]) {
    test(`of kind ${kind} goes through its steps in their order, and lets its lane go at the end`, () => {
      const play = playPart({ kind, objectCount: 3, isSent: true });
      play.start();
      assert.equal(play.end().isLaneHeld, true);
      play.workUntil();
      assert.deepEqual([...new Set(play.sent().map(({ step }) => step))], stepsOf[kind]);
      const { state, reason, warning, isLaneHeld } = play.end();
      assert.deepEqual([state, reason, warning, isLaneHeld], ["succeeded", undefined, undefined, false]);
      assert.deepEqual([play.part().startedAt, play.part().endedAt], [begin, play.now()]);
      assert.equal(play.part().endedIn, stepsOf[kind].at(-1));
    });
  }

  test("of a restore that finds its group at its target has no step that brings it there", () => {
    const play = playPart({ kind: "clone", objectCount: 3 });
    play.start();
    play.workUntil();
    assert.deepEqual([...new Set(play.sent().map(({ step }) => step))], ["rebuilding"]);
    assert.equal(play.part().state, "succeeded");
  });

  test("takes a step that is done twice as done once, and no notice of what is given up of one that is over", () => {
    for (const step of ["preparing", "reclaiming"] as const) {
      const play = startedUntil(step, { objectCount: 2 });
      const before = play.part();
      play.happen({ type: "done", step: "snapshotting" });
      play.happen({ type: "gave-up", step: "snapshotting", reason: { code: "LATE", message: "It is late." } });
      assert.equal(play.part(), before);
    }
  });

  test("is started once", () => {
    const play = startedUntil("preparing");
    const before = play.part();
    play.start();
    assert.equal(play.part(), before);
  });

  test("that waits in its lane gives its place to a newer slot, and one that has begun does not", () => {
    const waiting = playPart();
    waiting.happen(superseded);
    const { state, reason } = waiting.end();
    assert.deepEqual([state, reason], ["skipped", "SUPERSEDED"]);
    const begun = startedUntil("preparing");
    begun.happen(superseded);
    assert.equal(begun.part().state, "preparing");
  });

  test("is cancelled while it waits and in each step; once its restore point is there, only its tidying is", () => {
    const kinds = ["backup", "deletion", ...restoreKindSchema.options] as const;
    // What a rollback has done is undone before.
    const undone = ["rolling-back", "undoing"];
    for (const step of [undefined, ...stepSchema.options.filter((one) => !undone.includes(one))]) {
      const kind = kinds.find((one) => step !== undefined && stepsOf[one].includes(step)) ?? "backup";
      const play = step === undefined ? playPart() : startedUntil(step, { kind });
      play.happen({ type: "cancel" });
      const { state, reason, isLaneHeld } = play.end();
      const isThere = step === "reclaiming";
      const wanted = isThere ? ["succeeded", undefined, false] : ["cancelled", "CANCELLED", false];
      assert.deepEqual([state, reason, isLaneHeld], wanted, step);
      if (isThere) assert.equal(play.part().warning?.code, "CANCELLED");
      assert.equal(play.part().endedIn, step);
      for (const shard of play.shardsOf(step ?? "snapshotting")) assert(shard.closed);
    }
  });

  test("of an attachment succeeds when it is detached, begun or not, and no other knows of that", () => {
    for (const play of [playPart({ kind: "attach" }), startedUntil("attaching", { kind: "attach" })]) {
      play.happen({ type: "detach" });
      assert.equal(play.part().state, "succeeded");
      for (const shard of play.shardsOf("attaching")) assert(shard.closed, "nothing is given out any more");
    }
    const backup = startedUntil("transferring");
    backup.happen({ type: "detach" });
    assert.equal(backup.part().state, "transferring");
  });

  test("that has ended lets a lane go again that comes round to it, and is not begun by that", () => {
    const cancelled = playPart();
    cancelled.happen({ type: "cancel" });
    cancelled.start();
    const { state, isLaneHeld, sent } = cancelled.end();
    assert.deepEqual([state, isLaneHeld, sent], ["cancelled", false, []]);
  });

  test("fails when a task is given up, with its reason", () => {
    const play = startedUntil("transferring", { objectCount: 2 });
    play.fail("transferring", 1, { code: "VOLUME_GONE", retryable: false });
    const { state, reason, isLaneHeld } = play.end();
    assert.deepEqual([state, reason, isLaneHeld], ["failed", "VOLUME_GONE", false]);
    assert.equal(play.part().endedIn, "transferring");
    assert(play.shardsOf("transferring").every(({ closed }) => closed));
  });

  for (const [what, code, giveUp] of [
    ["fails", "STORE_FULL", (play: Play) => play.fail("reclaiming", 0, { code: "STORE_FULL", retryable: false })],
    [
      "is not taken up",
      "GATEWAY_ABSENT",
      (play: Play) => {
        for (let i = 0; i <= silencesMax; i += 1) play.wait("reclaiming", 0);
      },
    ],
  ] as const) {
    test(`is a success with a warning when only the tidying up ${what}`, () => {
      const play = startedUntil("reclaiming");
      giveUp(play);
      const { state, reason, warning, isLaneHeld } = play.end();
      assert.deepEqual([state, reason, warning, isLaneHeld], ["succeeded", undefined, code, false]);
    });
  }
});

test("a run says what became of it as a whole", () => {
  const run = runOf("backup", 1);
  const part = run.targets[target] ?? assert.fail("it has a part");
  const cases: readonly (readonly [states: readonly TargetState[], status: string])[] = [
    [["queued", "queued"], "queued"],
    [["queued", "succeeded"], "running"],
    [["transferring", "failed"], "running"],
    [["succeeded", "skipped"], "succeeded"],
    [["succeeded", "failed"], "partly"],
    [["failed", "cancelled"], "failed"],
    [["cancelled", "skipped"], "cancelled"],
    [["skipped", "skipped"], "skipped"],
  ];
  for (const [states, status] of cases) {
    const parts = states.map((state, i): [string, TargetRun] => [`${i}`, { ...part, state }]);
    assert.equal(statusOf({ ...run, targets: Object.fromEntries(parts) }), status, states.join());
  }
});
