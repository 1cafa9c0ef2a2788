import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../../patience.ts";
import { extentBytes } from "./cluster-site.ts";
import { ClusterWorld, progressOf } from "./world.ts";

const extents = 64;
const many = Array.from({ length: 24 }, (_, i) => i * 2);
const atA = { site: "a", name: "db1" };

describe("two gateways at each of two clusters", () => {
  let world: ClusterWorld;

  before(async () => {
    world = await ClusterWorld.withPlan({ a: {}, b: {} }, extents, { gatewaysPerSite: 2 });
    await world.backUp("nightly");
  });
  after(() => world?.close());

  /** The gateways of a site that have said it of a run, or of its group. */
  const whoSays = async (site: string, text: string, of: readonly string[]): Promise<readonly string[]> => {
    const gateways = [`${site}1`, `${site}2`];
    const logs = await Promise.all(gateways.map((gateway) => world.local.gatewayLog(site, gateway)));
    const isIt = (line: Record<string, unknown>) =>
      line["msg"] === text && of.some((one) => line["groupId"] === one || (line["run"] === one && isTransfer(line)));
    return gateways.filter((_, n) => logs[n]?.some(isIt));
  };
  const isTransfer = (line: Record<string, unknown>) => line["kind"] === "transfer";

  for (const [site, text, doing] of [
    ["b", "a transfer began", "receives"],
    ["a", "task begun", "sends"],
  ] as const) {
    test(`a run goes on when the gateway dies that ${doing} it`, async (t) => {
      await world.writeExtents(atA, many);
      await world.local.limit(extentBytes * 2);
      const runId = await world.local.runPlan("nightly");
      const { groupId } = await world.local.readRun(runId);
      await until("something to be sent", async () => {
        const [target] = (await world.local.readRun(runId)).targets;
        return (target?.progress.bytesSent ?? 0) > 0;
      });
      const [busy] = await whoSays(site, text, [runId, groupId]);
      assert.ok(busy, `no gateway of ${site} has it`);
      await world.local.killGateway(site, busy);
      const { bytesSent, bytesToDo } = progressOf(await world.local.readRun(runId));
      assert.ok(bytesSent < (bytesToDo ?? 0), "all was sent before it died");
      await world.local.limit(undefined);
      const run = await world.local.ended(runId);
      assert.equal(run.status, "succeeded", JSON.stringify(run));
      t.diagnostic(`${busy} died; ${await whoSays(site, text, [runId, groupId])} had it`);
      const sum = await world.sha256(atA);
      assert.equal(await world.rebuilt({ site: "b", groupId, name: "db1" }), sum);
    });
  }

  test("both gateways of a cluster take part", async () => {
    for (const site of ["a", "b"]) {
      for (const gateway of [`${site}1`, `${site}2`]) {
        await until(`a task at ${gateway}`, async () => {
          const log = await world.local.gatewayLog(site, gateway);
          if (log.some(({ msg }) => msg === "task completed")) return true;
          await world.backUp("nightly");
          return false;
        });
      }
    }
  });
});
