import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addSeconds } from "../../core/ports/clock.ts";
import { identity, instant, siteB } from "../tasks/testing.ts";
import { setUp, task } from "./testing-agent.ts";

/** When the tests' time begins. */
const start = instant("2026-03-01T00:00:00.000Z");

const settings = (fields: object = {}) => ({
  kind: "settings",
  id: "s",
  siteId: identity.siteId,
  gatewayId: identity.id,
  version: 1,
  gateways: 2,
  limits: [{ target: siteB, bytesPerSecond: 65_536 }],
  issuedAt: start,
  ...fields,
});

describe("settings", () => {
  test("for this gateway are applied and removed, and its next report says so", async () => {
    const { settings: queue, applied, reports, time, stop } = setUp();
    await queue.deliver(settings());
    assert.deepEqual(
      applied.map(({ version, gateways, limits }) => [version, gateways, limits]),
      [[1, 2, [{ target: siteB, bytesPerSecond: 65_536 }]]],
    );
    assert.deepEqual(queue.calls, ["remove r1"]);
    await time.advance(5_000);
    const last = reports.findLast(({ kind }) => kind === "alive");
    assert.deepEqual(last?.kind === "alive" && last.gateway.settings, { version: 1, gateways: 2 });
    await stop();
  });

  test("that are older than those it has are removed and change nothing; a later share counts", async () => {
    const { settings: queue, applied, stop } = setUp();
    await queue.deliver(settings({ version: 2, issuedAt: addSeconds(start, 2) }));
    await queue.deliver(settings({ version: 1, issuedAt: addSeconds(start, 3) }));
    await queue.deliver(settings({ version: 2, gateways: 9, issuedAt: addSeconds(start, 1) }));
    await queue.deliver(settings({ version: 2, gateways: 3, issuedAt: addSeconds(start, 4) }));
    assert.deepEqual(
      applied.map(({ version, gateways }) => [version, gateways]),
      [
        [2, 2],
        [2, 3],
      ],
    );
    assert.deepEqual(queue.calls, ["remove r1", "remove r2", "remove r3", "remove r4"]);
    await stop();
  });

  test("for another gateway are given back at once, and not asked for again at once", async () => {
    const { settings: queue, applied, time, stop } = setUp();
    await queue.deliver(settings({ gatewayId: "a2" }));
    assert.deepEqual(queue.calls, ["release r1"]);
    await queue.deliver(settings());
    assert.deepEqual(queue.calls, ["release r1"]);
    await time.advance(200);
    assert.deepEqual(queue.calls, ["release r1", "remove r2"]);
    assert.equal(applied.length, 1);
    await stop();
  });

  test("of the same version are taken though they are older, when those before were of a clock far ahead", async () => {
    const { settings: queue, applied, stop } = setUp();
    await queue.deliver(settings({ issuedAt: "2028-03-01T00:00:00.000Z" }));
    await queue.deliver(settings({ gateways: 7 }));
    assert.equal(applied.at(-1)?.gateways, 7);
    await stop();
  });

  test("for another gateway that has not come for them within a minute are removed", async () => {
    const { settings: queue, applied, time, stop } = setUp();
    await time.advance(60_001);
    await queue.deliver(settings({ gatewayId: "a2" }));
    assert.deepEqual(queue.calls, ["remove r1"]);
    assert.deepEqual(applied, []);
    await stop();
  });

  test("are taken though all places for tasks are", async () => {
    const { queue, settings: own, applied, stop } = setUp({ concurrency: 1 });
    await queue.deliver(task());
    await own.deliver(settings());
    assert.equal(applied.length, 1);
    await stop();
  });

  test("that can't be removed come again and change nothing", async () => {
    const { settings: queue, applied, log, stop } = setUp();
    const { remove } = queue.source;
    queue.source.remove = () => Promise.reject(new Error("no network"));
    await queue.deliver(settings());
    queue.source.remove = remove;
    await queue.deliver(settings());
    assert.equal(applied.length, 1);
    assert.ok(log.lines.some(({ message }) => message.startsWith("could not deal with settings")));
    await stop();
  });

  test("that are something else are left to the dead-letter queue", async () => {
    const { settings: queue, log, stop } = setUp();
    await queue.deliver(task());
    assert.deepEqual(queue.calls, []);
    assert.equal(log.lines.filter(({ level }) => level === "error").length, 1);
    await stop();
  });
});
