import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { siteIdSchema } from "../../core/api/ids.ts";
import { type ManualTime, manualTime } from "../agent/testing.ts";
import { code } from "../tunnel/testing.ts";
import { type Taking, takenInTime } from "./taking.ts";
import { createThrottle, paced } from "./throttle.ts";

const siteId = siteIdSchema.parse("b");
const never = new AbortController().signal;
async function* chunksOf(bytes: number) {
  yield new Uint8Array(bytes);
}

/** A target takes pieces, and each takes it so long. */
const take = async (
  pieces: AsyncIterable<Uint8Array>,
  of: { readonly taking: Taking; readonly time: ManualTime; readonly signal: AbortSignal; readonly seconds: number },
) => {
  const { taking, time, signal, seconds } = of;
  for await (const { length } of taking.awaited(pieces)) {
    await time.sleep(seconds * 1000, signal);
    signal.throwIfAborted();
    taking.took(length);
  }
};

async function* cut(bytes: number, pieceBytes: number) {
  for await (const chunk of chunksOf(bytes)) {
    for (let at = 0; at < chunk.length; at += pieceBytes) yield chunk.subarray(at, at + pieceBytes);
  }
}

const passing = async <T>(time: ManualTime, work: Promise<T>): Promise<T> => {
  let isOver = false;
  const done = work.finally(() => {
    isOver = true;
  });
  done.catch(() => undefined);
  for (let hours = 0; hours < 24 && !isOver; hours++) await time.advance(3_600_000);
  return done;
};

describe("what a target takes", () => {
  test("ends the session as a try with LINK_SLOW when it is 1 KiB every 29 s", async () => {
    const time = manualTime();
    const sent = takenInTime({ siteId, time, signal: never }, (taking, signal) =>
      take(cut(1024 * 1024, 1024), { taking, time, signal, seconds: 29 }),
    );
    await assert.rejects(passing(time, sent), (error) => {
      assert.match(String(error), /Site b took less than 64 bytes a second/);
      return code("LINK_SLOW")(error);
    });
  });

  test("passes over a line of 56 kbit/s that four sessions of four uploads share", async () => {
    const time = manualTime();
    const seconds = (16 * 1024) / (7000 / 16);
    const uploads = (taking: Taking, signal: AbortSignal) =>
      Promise.all([1, 2, 3, 4].map(() => take(cut(512 * 1024, 16 * 1024), { taking, time, signal, seconds })));
    const sessions = [1, 2, 3, 4].map(() => takenInTime({ siteId, time, signal: never }, uploads));
    await passing(time, Promise.all(sessions));
  });

  test("may be as little as our own throttle lets go", async () => {
    const time = manualTime();
    const throttle = createThrottle(time);
    throttle.setRate(16);
    const sent = takenInTime({ siteId, time, signal: never }, (taking, signal) =>
      take(paced(new Uint8Array(100_000), throttle, signal), { taking, time, signal, seconds: 0.1 }),
    );
    await passing(time, sent);
  });

  test("ends with the signal's reason when that comes first", async () => {
    const time = manualTime();
    const stop = new AbortController();
    const sent = takenInTime({ siteId, time, signal: stop.signal }, (taking, signal) =>
      take(cut(10_000, 10), { taking, time, signal, seconds: 10 }),
    );
    stop.abort(new Error("stopped"));
    await assert.rejects(passing(time, sent), /stopped/);
  });
});
