import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { recordingLog } from "../agent/testing.ts";
import { HostClock } from "./host-clock.ts";

const startMs = Date.parse("2026-11-24T01:00:00.000Z");
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A host whose clock a test sets, and which looks once a minute. */
const hostOf = () => {
  const stop = new AbortController();
  const log = recordingLog();
  let [wallMs, upMs] = [startMs, 5000];
  let looks = 0;
  let wake = Promise.withResolvers<void>();
  const time = {
    nowMs: () => wallMs,
    sleep: async () => {
      looks += 1;
      await wake.promise;
    },
  };
  const clock = new HostClock({ time, upMs: () => upMs, log });
  const following = clock.follow(stop.signal);
  /** A minute goes by, in which the host may sleep for longer, or its clock be set. */
  const minute = async ({ sleptMs = 0, setByMs = 0 } = {}) => {
    wallMs += 60_000 + sleptMs + setByMs;
    upMs += 60_000 + sleptMs;
    const before = looks;
    wake.resolve();
    wake = Promise.withResolvers();
    while (looks === before) await Promise.resolve();
  };
  const end = async () => {
    stop.abort();
    wake.resolve();
    await following;
  };
  const lines = () => log.lines.map(({ message, fields }) => `${message} ${JSON.stringify(fields)}`);
  return { clock, minute, end, lines, dateOf: (offsetMs: number) => new Date(wallMs + offsetMs).toUTCString() };
};

describe("a host's clock", () => {
  test("that is set is told of once, with by how much", async () => {
    const { minute, end, lines } = hostOf();
    await minute();
    await minute({ setByMs: -2 * hourMs });
    await minute();
    await end();
    assert.deepEqual(lines(), ['this host\'s clock was set {"bySeconds":-7200}']);
  });

  test("that goes on while the host sleeps was not set", async () => {
    const { minute, end, lines } = hostOf();
    await minute({ sleptMs: 20 * dayMs });
    await minute({ setByMs: 5000 });
    await end();
    assert.deepEqual(lines(), []);
  });

  test("that differs from the others' is told of once, and when it is right again", async () => {
    const { clock, minute, end, lines, dateOf } = hostOf();
    clock.heard(dateOf(-3 * hourMs));
    for (let minutes = 0; minutes < 5; minutes += 1) await minute();
    assert.deepEqual([clock.aheadSeconds, lines().length], [3 * 3600, 1]);
    assert.match(lines()[0] ?? "", /is wrong: let it follow a time server.*"aheadSeconds":10800/);
    clock.heard(dateOf(0));
    await minute();
    assert.match(lines()[1] ?? "", /right again/);
    await end();
  });

  test("tells the others' time while it is wrong, also when it was set after they were heard of", async () => {
    const { clock, minute, end, dateOf } = hostOf();
    assert.deepEqual([clock.nowMs(), clock.aheadSeconds], [startMs, undefined]);
    clock.heard(dateOf(0));
    await minute({ setByMs: 700 * dayMs, sleptMs: hourMs });
    assert.equal(clock.nowMs(), startMs + 60_000 + hourMs);
    assert.equal(clock.aheadSeconds, 700 * 86_400);
    await end();
  });

  test("is believed while it differs by seconds, and whatever is no date is left alone", async () => {
    const { clock, end, dateOf } = hostOf();
    clock.heard(dateOf(30_000));
    for (const date of [undefined, "", "yesterday"]) clock.heard(date);
    assert.deepEqual([clock.nowMs(), clock.aheadSeconds], [startMs, -30]);
    await end();
  });
});
