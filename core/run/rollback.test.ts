import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TargetRun } from "../api/run.ts";
import { decidePart } from "./decide.ts";
import { defaultRetryPolicy } from "./retry-policy.ts";
import { begin, runOf, startedUntil } from "./testing.ts";

const ofRollback = { kind: "rollback" } as const;
const changed = { code: "CHANGED_SINCE", retryable: false };

describe("a rollback", () => {
  test("that is refused when it is checked has done nothing, and nothing is undone", () => {
    const play = startedUntil("checking", ofRollback);
    play.fail("checking", 0, changed);
    assert.deepEqual([play.end().state, play.end().reason], ["failed", "CHANGED_SINCE"]);
    assert.deepEqual(
      play.sent().map(({ step }) => step),
      ["checking"],
    );
  });

  test("that goes wrong while objects are written is undone before it has failed, for the same reason", () => {
    const play = startedUntil("rolling-back", ofRollback);
    play.fail("rolling-back", 0, changed);
    assert.equal(play.part().state, "undoing");
    play.workUntil();
    assert.deepEqual([play.end().state, play.end().reason], ["failed", "CHANGED_SINCE"]);
  });

  test("that a person cancels is undone before it is cancelled", () => {
    const play = startedUntil("undoing", ofRollback);
    play.workUntil();
    assert.deepEqual([play.end().state, play.end().reason], ["cancelled", "CANCELLED"]);
  });

  test("that was done before it could be undone has succeeded, and that is said", () => {
    const run = runOf("rollback", 1);
    const part = startedUntil("undoing", ofRollback).part();
    const warning = { code: "ROLLBACK_DONE", message: "It was done." };
    const after: TargetRun = decidePart(run, part, { type: "done", step: "undoing", warning }, { now: begin });
    assert.deepEqual([after.state, after.warning, after.reason], ["succeeded", warning, null]);
  });

  test("that can't be undone has failed, for both reasons", () => {
    const play = startedUntil("undoing", ofRollback);
    play.fail("undoing", 0, { code: "NOT_OURS", retryable: false });
    assert.deepEqual([play.end().state, play.end().reason], ["failed", "CANCELLED"]);
    assert.match(play.part().reason?.message ?? "", /cancelled the run\. It went wrong\./);
  });
});

describe("a snapshot of what a restore writes", () => {
  for (const code of ["OBJECT_LOCKED", "ROLLBACK_UNFINISHED"]) {
    test(`waits as long as that takes, and does not fail by it: ${code}`, () => {
      const play = startedUntil("snapshotting");
      for (let tries = 0; tries < 10 * defaultRetryPolicy.triesMax; tries += 1) play.fail("snapshotting", 0, { code });
      assert.equal(play.part().state, "snapshotting");
      assert.equal(play.shardAt("snapshotting")?.reason?.code, code);
      assert.equal(play.sent().at(-1)?.delaySeconds, defaultRetryPolicy.lockedSeconds);
      play.workUntil();
      assert.equal(play.end().state, "succeeded");
    });
  }
});
