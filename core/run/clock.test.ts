import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Instant } from "../api/ids.ts";
import { addSeconds } from "../ports/clock.ts";
import { deadlineSecondsMax, defaultRetryPolicy } from "./retry-policy.ts";
import { begin, type Play, playPart, startedUntil } from "./testing.ts";

const ahead = "2028-11-24T01:00:00.000Z" as Instant;
const { workingSeconds, dispatchSeconds, silencesMax } = defaultRetryPolicy;

/** A run that was begun when the clock was two years ahead, which is right again. */
const begun = (): Play => {
  const play = playPart({ at: ahead });
  play.start();
  play.setClock(begin);
  return play;
};
const deadlineOf = (play: Play) => play.shardAt("snapshotting")?.deadline ?? assert.fail("it has a deadline");

describe("I7: a deadline that a wrong clock has set two years ahead", () => {
  test("is set anew when the worker is heard of", () => {
    const play = begun();
    play.speak("snapshotting");
    assert.equal(deadlineOf(play), addSeconds(begin, workingSeconds));
  });

  test("has passed: the task is sent again", () => {
    const play = begun();
    play.overdue("snapshotting");
    assert.equal(play.sent().length, 2);
    assert.equal(deadlineOf(play), addSeconds(begin, 2 * dispatchSeconds));
  });

  test("is not kept over a failure, nor over an answer", () => {
    const failed = begun();
    failed.fail("snapshotting");
    assert(deadlineOf(failed) < addSeconds(begin, deadlineSecondsMax(defaultRetryPolicy)));
    const answered = begun();
    answered.answer("snapshotting", 0, { part: { number: 0, of: 2 } });
    assert.equal(deadlineOf(answered), addSeconds(begin, workingSeconds));
  });
});

test("a deadline as far ahead as any is set for has not passed", () => {
  const play = startedUntil("snapshotting", { at: ahead });
  for (let silence = 0; silence < silencesMax; silence += 1) {
    play.wait("snapshotting", 0, { isStaffed: true });
    const before = play.shardAt("snapshotting");
    play.overdue("snapshotting");
    assert.equal(play.shardAt("snapshotting"), before);
  }
});
