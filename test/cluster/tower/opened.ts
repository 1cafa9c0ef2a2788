import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { CloudTower } from "../../../gateway/storage/smtx/cloud-tower/client.ts";
import { steadyTime, type Time } from "../../../gateway/time/time.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";

/** Waits pass so much quicker for a client that a cluster lets wait for nothing. */
const hastyFactor = 100;
const hastyTime: Time = {
  nowMs: () => steadyTime.nowMs() * hastyFactor,
  sleep: (ms, signal) => steadyTime.sleep(ms / hastyFactor, signal),
};

/**
 * A client of a stand-in of its own, and a hasty one, for what goes wrong. At the test's end
 * nothing may have been said against the vendor's contract, by either side.
 */
export const openedTower = async (context: TestContext) => {
  const standIn = await ClusterStandIn.open();
  const { url, user, password } = standIn.tower;
  const clientOf = (time: Time) => CloudTower.open({ url, user, password, source: "local", time });
  const [tower, hasty] = [clientOf(steadyTime), clientOf(hastyTime)];
  context.after(async () => {
    await tower.close();
    await hasty.close();
    await standIn.close();
    assert.deepEqual(standIn.tower.breaches, []);
  });
  const clusterId = standIn.cluster.id;
  const countOf = (operation: string) => standIn.tower.requests.filter((one) => one.operation === operation).length;
  return { tower, hasty, standIn, clusterId, countOf };
};
