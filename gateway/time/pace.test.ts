import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { manualTime } from "../agent/testing.ts";
import { fallsBehind } from "./pace.ts";

const graceSeconds = 150;
const kibibyte = 1024;

/** Whether a session has fallen behind after a day, and when. */
const play = async (options: {
  /** All bytes until so many seconds. */
  readonly bytesAt: (seconds: number) => number;
  readonly isAwaited?: (seconds: number) => boolean;
}) => {
  const time = manualTime(0);
  const seconds = () => time.nowMs() / 1000;
  const over = new AbortController();
  let behindAt: number | undefined;
  const { bytesAt, isAwaited = () => true } = options;
  const pace = { graceSeconds, time, bytes: () => bytesAt(seconds()), isAwaited: () => isAwaited(seconds()) };
  const watching = fallsBehind(pace, over.signal).then((isBehind) => {
    if (isBehind) behindAt = seconds();
  });
  for (let hours = 0; hours < 6 && behindAt === undefined; hours++) await time.advance(3_600_000);
  over.abort();
  await watching;
  return behindAt;
};

describe("the pace of a session", () => {
  test("ends one that brings nothing after its grace, and one that brings a byte a second soon after", async () => {
    assert.equal(await play({ bytesAt: () => 0 }), graceSeconds);
    assert.equal(await play({ bytesAt: (seconds) => seconds }), graceSeconds + graceSeconds / 12);
  });

  test("ends one that brings 1 KiB every 29 s", async () => {
    const behindAt = await play({ bytesAt: (seconds) => Math.floor(seconds / 29) * kibibyte });
    assert.ok(behindAt !== undefined && behindAt < 600, `${behindAt} s`);
  });

  test("lets a line of 56 kbit/s pass that a hundred sessions share", async () => {
    assert.equal(await play({ bytesAt: (seconds) => (seconds * 7000) / 100 }), undefined);
  });

  test("lets such a line pass that sixteen share, each behind a buffer that empties by 32 KiB", async () => {
    const leap = 32 * kibibyte;
    assert.equal(await play({ bytesAt: (seconds) => Math.floor((seconds * 7000) / 16 / leap) * leap }), undefined);
  });

  test("lets one pass that stands for as long as its grace between two leaps", async () => {
    assert.equal(await play({ bytesAt: (seconds) => Math.floor(seconds / 137) * 10 * kibibyte }), undefined);
  });

  test("does not count the time in which our own limit holds it back", async () => {
    assert.equal(await play({ bytesAt: (seconds) => seconds, isAwaited: () => false }), undefined);
    const isAwaited = (seconds: number) => seconds % 600 === 0;
    assert.equal(await play({ bytesAt: (seconds) => seconds, isAwaited }), undefined);
  });
});
