import assert from "node:assert/strict";
import { test } from "node:test";
import type { SiteId } from "../api/ids.ts";
import { hasFailedAt } from "./steps.ts";
import { playPart, runOf, startedUntil, target } from "./testing.ts";

test("a run asks each site what it has before it tells it what to delete, and ends by the answer to that alone", () => {
  const play = startedUntil("reclaiming");
  const told = () =>
    play
      .sent()
      .filter(({ step }) => step === "reclaiming")
      .map(({ index, attempt }) => [index, attempt]);
  assert.deepEqual(told(), [
    [0, 1],
    [1, 1],
  ]);
  play.answer("reclaiming", 0, { attempt: 1 });
  assert.deepEqual(told().slice(2), [[0, 2]]);
  assert.equal(play.shardAt("reclaiming", 0)?.listed, true);
  play.answer("reclaiming", 0, { attempt: 1 });
  assert.equal(told().length, 3);
  assert.equal(play.shardAt("reclaiming", 0)?.index, 0, "a second copy of the list ends nothing");
  play.answer("reclaiming", 1, { attempt: 1 });
  assert.deepEqual(told().slice(3), [[1, 2]]);
  play.answer("reclaiming", 0, { attempt: 2 });
  assert.equal(play.part().state, "reclaiming");
  play.answer("reclaiming", 1, { attempt: 2 });
  assert.equal(play.part().state, "succeeded");
});

test("what it is told to delete stays told when that fails and is tried again", () => {
  const play = startedUntil("reclaiming", { kind: "snapshot" });
  play.answer("reclaiming");
  play.fail("reclaiming", 0, { attempt: 2, code: "STORE_IN_USE" });
  play.answer("reclaiming", 0, { attempt: 3 });
  assert.equal(play.part().state, "succeeded");
});

test("it is told again as long as there is more to delete, and tries are counted from the start each time", () => {
  const play = startedUntil("reclaiming", { kind: "snapshot" });
  play.answer("reclaiming", 0, { more: true });
  for (let attempt = 2; attempt < 30; attempt += 2) {
    play.fail("reclaiming", 0, { attempt });
    play.answer("reclaiming", 0, { attempt: attempt + 1, more: true });
    assert.deepEqual([play.shardAt("reclaiming")?.attempt, play.shardAt("reclaiming")?.failures], [attempt + 2, 0]);
  }
  assert.equal(play.part().state, "reclaiming");
  play.answer("reclaiming");
  assert.equal(play.part().state, "succeeded");
});

test("a run passes over a slot whose group the site has already: the part is skipped, and has not failed", () => {
  const play = startedUntil("preparing");
  play.fail("preparing", 0, { code: "GROUP_EXISTS", retryable: false });
  const { state, reason, isLaneHeld } = play.end();
  assert.deepEqual([state, reason, isLaneHeld], ["skipped", "GROUP_EXISTS", false]);
  const run = (part = play.part()) => ({ ...runOf("backup", 1), targets: { [target]: part } });
  const source = "a" as SiteId;
  assert(!hasFailedAt(run(), target) && !hasFailedAt(run(), source));
  const cancelled = playPart();
  cancelled.happen({ type: "cancel" });
  assert(hasFailedAt(run(cancelled.part()), target) && hasFailedAt(run(cancelled.part()), source));
});
