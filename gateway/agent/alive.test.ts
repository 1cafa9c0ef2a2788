import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Report } from "../../core/api/report.ts";
import { gatewayAbsentAfterSeconds } from "../../core/api/site.ts";
import { identity, instant, siteB } from "../tasks/testing.ts";
import { RefusedPeers } from "../tunnel/refused.ts";
import { recordingLog } from "./testing.ts";
import { result, setUp, task } from "./testing-agent.ts";
import { agentTimings } from "./timings.ts";

const aliveOf = (reports: readonly Report[]) =>
  reports.flatMap((each) => (each.kind === "alive" ? [each.gateway] : []));
const hourMs = 3600_000;

const settings = {
  ...{ kind: "settings", id: "s", siteId: identity.siteId, gatewayId: identity.id, version: 1, gateways: 2 },
  ...{ limits: [{ target: siteB, bytesPerSecond: 65_536 }], issuedAt: instant("2026-03-01T00:00:00.000Z") },
};

describe("a gateway that is alive", () => {
  test("says so at the start and after every 45 s of silence, and where it can be reached", async () => {
    const { reports, time, stop } = setUp();
    await time.advance(44_999);
    const [first, ...others] = aliveOf(reports);
    assert.deepEqual(first, { ...identity, settings: { version: 0, gateways: 1 } });
    assert.deepEqual(others, []);
    await time.advance(45_001);
    assert.equal(aliveOf(reports).length, 3);
    await stop();
  });

  test("says what is known of it when that has changed, but not that a clock wavers", async () => {
    const state = { clockAheadSeconds: 0 };
    const { reports, time, stop } = setUp({ state: () => state });
    for (const clockAheadSeconds of [1, -1, 3, 7200]) {
      state.clockAheadSeconds = clockAheadSeconds;
      await time.advance(5_000);
    }
    assert.deepEqual(
      aliveOf(reports).map(({ clockAheadSeconds }) => clockAheadSeconds),
      [0, 7200],
    );
    await stop();
  });

  test("answers whenever it was told its settings, also when they were no news", async () => {
    const { settings: queue, reports, time, stop } = setUp();
    for (let times = 1; times <= 3; times++) {
      await queue.deliver(settings);
      await time.advance(5_000);
      assert.equal(aliveOf(reports).length, 1 + times);
    }
    assert.deepEqual(aliveOf(reports).at(-1)?.settings, { version: 1, gateways: 2 });
    await stop();
  });

  test("lets its tasks say it for it, and is never silent for as long as makes it absent", async () => {
    const { queue, firstTry, reports, time, stop } = setUp();
    await time.advance(12_000);
    await queue.deliver(task());
    let silentMs = 0;
    let longestMs = 0;
    let { length } = reports;
    for (let second = 0; second < 3600; second++) {
      if (second === 2400) await firstTry().resolve(result);
      else if (second % 60 === 0) firstTry().context.onMoved();
      await time.advance(1_000);
      silentMs = reports.length > length ? 0 : silentMs + 1_000;
      longestMs = Math.max(longestMs, silentMs);
      ({ length } = reports);
    }
    const alive = aliveOf(reports).length;
    const atWork = 2400 / agentTimings.describeSeconds;
    const idle = 1200 / agentTimings.aliveSeconds;
    assert.ok(alive <= atWork + idle + 3, `${alive} times`);
    assert.ok(longestMs < (gatewayAbsentAfterSeconds / 2) * 1000, `silent for ${longestMs} ms`);
    await stop();
  });

  test("says it again when that could not be sent", async () => {
    const { reports, world, time, stop } = setUp();
    await time.advance(40_000);
    world.reportsFail = true;
    await time.advance(10_000);
    assert.equal(aliveOf(reports).length, 1);
    world.reportsFail = false;
    await time.advance(5_000);
    assert.equal(aliveOf(reports).length, 2);
    await stop();
  });

  test("says what it has refused its peers along with it, and once", async () => {
    const refused = new RefusedPeers(recordingLog());
    const { reports, world, time, stop } = setUp({ refused });
    await time.advance(40_000);
    for (let times = 0; times < 3; times++)
      refused.count("NOT_GRANTED", { multiCluster: siteB, siteId: siteB, gatewayId: identity.id });
    const sent = () => reports.flatMap((each) => (each.kind === "alive" ? [each.refused] : []));
    world.reportsFail = true;
    await time.advance(10_000);
    assert.deepEqual(sent(), [undefined], "it is no reason to say more often that it is alive");
    world.reportsFail = false;
    await time.advance(100_000);
    const peer = { siteId: siteB, gatewayId: identity.id };
    const told = [{ peer, code: "NOT_GRANTED", times: 3 }];
    assert.deepEqual(sent().slice(1, 3), [told, undefined], "kept until it could be sent");
    await stop();
  });

  test("says what it has refused though its tasks say that it is alive", async () => {
    const refused = new RefusedPeers(recordingLog());
    const { queue, firstTry, reports, time, stop } = setUp({ refused });
    await queue.deliver(task());
    for (let second = 0; second < 60; second++) {
      if (second === 10) refused.count("BAD_REQUEST", undefined);
      if (second % 10 === 0) firstTry().context.onMoved();
      await time.advance(1_000);
    }
    const told = reports.flatMap((each) => (each.kind === "alive" && each.refused) || []);
    assert.deepEqual(told, [{ code: "BAD_REQUEST", times: 1 }]);
    await stop();
  });

  test("says it though the clock was set back", async () => {
    const { reports, time, stop } = setUp();
    const { nowMs } = time;
    await time.advance(1_000);
    time.nowMs = () => nowMs() - hourMs;
    await time.advance(10_000);
    assert.equal(aliveOf(reports).length, 2);
    await stop();
  });

  test("and has nothing to do asks and says little: some 660 requests an hour", async (context) => {
    const { queue, other, settings: own, reports, time, stop } = setUp({ twoQueues: true });
    await time.advance(hourMs);
    const polls = [queue, other, own].reduce((sum, source) => sum + (source?.polls.length ?? 0), 0);
    context.diagnostic(`${polls} polls and ${reports.length} reports`);
    assert.ok(polls <= 3 * (3600 / 20 + 1), `${polls} polls`);
    assert.ok(reports.length <= 3600 / 30 + 3, `${reports.length} reports`);
    await stop();
  });
});
