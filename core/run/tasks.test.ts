import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addSeconds, secondsBetween } from "../ports/clock.ts";
import { defaultRetryPolicy, retryDelaySeconds } from "./retry-policy.ts";
import { hasEnded } from "./steps.ts";
import { startedUntil } from "./testing.ts";

const { triesMax, silencesMax, workingSeconds } = defaultRetryPolicy;

describe("a task", () => {
  test("that failed is sent again after a wait that grows, and given up after ten tries", () => {
    const play = startedUntil("snapshotting");
    for (let attempt = 1; attempt < triesMax; attempt += 1) {
      play.fail("snapshotting");
      const delaySeconds = retryDelaySeconds(defaultRetryPolicy, attempt, 0.5);
      assert.deepEqual(play.sent().at(-1), { step: "snapshotting", index: 0, attempt: attempt + 1, delaySeconds });
      const shard = play.shardAt("snapshotting");
      assert.deepEqual([shard?.waiting, shard?.reason?.code], [true, "LINK_BROKEN"]);
      assert(shard?.deadline && shard.deadline > addSeconds(play.now(), delaySeconds));
    }
    assert.equal(play.part().state, "snapshotting");
    play.fail("snapshotting");
    assert.equal(play.part().state, "failed");
    assert.match(play.part().reason?.message ?? "", /It went wrong\. \(10 tries\)/);
  });

  test("waits longer after each failure up to a limit, and a fifth of it is chance", () => {
    const waits = Array.from({ length: 20 }, (_, failures) =>
      retryDelaySeconds(defaultRetryPolicy, failures + 1, 0.9999),
    );
    assert.deepEqual(
      waits,
      [...waits].sort((one, other) => one - other),
    );
    assert(waits.every((wait) => wait <= defaultRetryPolicy.retrySecondsMax));
    assert.equal(retryDelaySeconds(defaultRetryPolicy, 3, 0), 0.8 * 8);
  });

  test("has its tries counted from the start again once something was acknowledged", () => {
    const play = startedUntil("snapshotting");
    for (let i = 0; i < 3; i += 1) play.fail("snapshotting");
    play.fail("snapshotting", 0, { progressed: true });
    assert.equal(play.shardAt("snapshotting")?.failures, 1);
    for (let i = 0; i < triesMax - 2; i += 1) play.fail("snapshotting");
    assert.equal(play.part().state, "snapshotting");
  });

  test("is given up at once when trying again can't help", () => {
    const play = startedUntil("snapshotting");
    play.fail("snapshotting", 0, { retryable: false });
    assert.equal(play.part().state, "failed");
    assert.equal(play.part().reason?.message, "It went wrong.");
  });

  test("of which the target has lost the base is told so until it is done, and the next one is not", () => {
    const play = startedUntil("transferring", { objectCount: 9 });
    play.fail("transferring", 0, { noBase: true });
    play.fail("transferring");
    assert.equal(play.shardAt("transferring")?.noBase, true);
    play.answer("transferring", 0);
    assert.deepEqual([play.shardAt("transferring")?.index, play.shardAt("transferring")?.noBase], [8, undefined]);
  });

  test("waits no more when its next try is heard of, and its failures stay counted", () => {
    const play = startedUntil("snapshotting");
    play.fail("snapshotting");
    play.speak("snapshotting");
    const { waiting, reason, failures } = play.shardAt("snapshotting") ?? {};
    assert.deepEqual([waiting, reason, failures], [undefined, undefined, 1]);
  });

  test("whose worker is heard of is not sent again, and one that is heard of often writes nothing", () => {
    const play = startedUntil("snapshotting");
    const before = play.shardAt("snapshotting");
    play.pass(10);
    play.speak("snapshotting");
    assert.equal(play.shardAt("snapshotting"), before, "its deadline is far off");
    play.pass(30);
    play.speak("snapshotting");
    assert.equal(play.shardAt("snapshotting")?.deadline, addSeconds(play.now(), workingSeconds));
    play.pass(40);
    play.overdue("snapshotting");
    assert.deepEqual(play.sent().length, 1);
  });

  test("takes no notice of what is said late of an earlier try, of one to come, or of another task or step", () => {
    const play = startedUntil("preparing", { objectCount: 9 });
    play.fail("preparing");
    play.pass(50);
    const [before, sent] = [JSON.stringify(play.shardsOf("preparing")), play.sent().length];
    for (const attempt of [1, 3]) {
      play.speak("preparing", 0, { attempt });
      play.fail("preparing", 0, { attempt, retryable: false });
    }
    for (const attempt of [1, 2]) {
      play.speak("preparing", 8, { attempt });
      play.fail("preparing", 8, { attempt });
      play.answer("preparing", 8, { attempt });
      play.answer("transferring", 0, { attempt });
      play.answer("snapshotting", 0, { attempt });
      play.fail("snapshotting", 0, { attempt, retryable: false });
    }
    assert.deepEqual([JSON.stringify(play.shardsOf("preparing")), play.sent().length], [before, sent]);
    assert.equal(play.part().state, "preparing");
  });

  test("is done by the answer to any try, since it is the same task each time", () => {
    const play = startedUntil("snapshotting");
    play.fail("snapshotting");
    play.fail("snapshotting");
    play.answer("snapshotting", 0, { attempt: 1 });
    assert.equal(play.part().state, "preparing");
  });

  test("is sent again when nobody answers, ever more patiently, and given up in the end", () => {
    const play = startedUntil("snapshotting");
    const waits: number[] = [];
    while (!hasEnded(play.part())) {
      const before = play.now();
      play.wait("snapshotting");
      waits.push(secondsBetween(before, play.now()));
      assert(waits.length < 50);
    }
    assert.equal(play.part().reason?.code, "GATEWAY_ABSENT");
    assert.equal(waits.length, silencesMax + 1);
    assert.equal(play.sent().length, 1 + silencesMax);
    assert.deepEqual(waits.slice(0, 3), [60, 120, 240]);
    assert.equal(waits.at(-1), defaultRetryPolicy.dispatchSecondsMax);
  });

  test("that somebody said could not be done was not met with silence: patience begins anew", () => {
    const play = startedUntil("snapshotting");
    for (let i = 0; i < silencesMax; i += 1) play.wait("snapshotting");
    play.fail("snapshotting");
    play.wait("snapshotting");
    assert.deepEqual([play.part().state, play.shardAt("snapshotting")?.silence], ["snapshotting", 1]);
  });

  test("is asked for again for ever while gateways are there, which are busy", () => {
    const play = startedUntil("snapshotting");
    for (let i = 0; i < 100; i += 1) play.wait("snapshotting", 0, { isStaffed: true });
    assert.equal(play.part().state, "snapshotting");
    assert.deepEqual(
      [...new Set(play.sent().map(({ attempt }) => attempt))],
      [1],
      "it is the same try, whoever has it after all",
    );
  });

  test("keeps a deadline that lies further ahead when its worker is heard of", () => {
    const play = startedUntil("snapshotting");
    for (let i = 0; i < 3; i += 1) play.wait("snapshotting");
    const { deadline } = play.shardAt("snapshotting") ?? {};
    play.pass(5);
    play.speak("snapshotting");
    assert(deadline && deadline > addSeconds(play.now(), workingSeconds));
    assert.equal(play.shardAt("snapshotting")?.deadline, deadline);
  });

  test("has its silences counted from the start again once somebody was heard of", () => {
    const play = startedUntil("snapshotting");
    for (let i = 0; i < silencesMax; i += 1) play.wait("snapshotting");
    play.speak("snapshotting");
    assert.equal(play.shardAt("snapshotting")?.silence, 0);
    play.wait("snapshotting");
    assert.equal(play.part().state, "snapshotting");
  });
});
