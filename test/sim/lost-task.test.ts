import assert from "node:assert/strict";
import { test } from "node:test";
import type { GatewayId } from "../../core/api/ids.ts";
import type { RunTask } from "../../core/api/task.ts";
import { runPlanNow } from "../../functions/engine/commands.ts";
import { handleReport } from "../../functions/report.ts";
import { calm, checkGroups, makeWorld, runsIn } from "./history.ts";
import { withoutWaiting } from "./no-waiting.ts";
import { noFaults } from "./world.ts";

withoutWaiting();

test("a task that got lost is sent again in time, though its siblings go on talking", async () => {
  const { world, planId } = await makeWorld(61, noFaults, { objects: 3, targets: 1, steps: 0 });
  await world.call((deps) => runPlanNow(deps, planId));
  const transfers = (): readonly RunTask[] =>
    world.tasks.flatMap(({ body }) => (body.kind === "transfer" ? [body] : []));
  while (transfers().length < 3) {
    const isTransfer = world.tasks.some(({ body }) => body.kind === "transfer");
    if (isTransfer || !world.deliverTask()) assert(await world.deliverReport());
  }
  const [lost, ...siblings] = transfers();
  assert(lost !== undefined);
  world.tasks.length = 0;
  let resent = 0;
  for (let second = 0; second < 6 * 3600; second += 15) {
    world.pass(15);
    for (const { id: taskId, runId, target, step, index, attempt, siteId } of siblings) {
      const about = { taskId, runId, target, step, index, attempt, siteId, gatewayId: "a1" as GatewayId };
      await world.call((deps) => handleReport(deps, { kind: "working", ...about }));
    }
    if (second % 60 === 0) await world.sweep();
    resent += transfers().filter(({ id }) => id === lost.id).length;
    if (second === 120) assert(resent > 0, "it was not sent again in two minutes");
    assert(!transfers().some(({ id }) => id !== lost.id), "a sibling that talks was sent again");
    world.tasks.length = 0;
    if (resent > 3) break;
  }
  // Then its gateway hears of it after all.
  await calm(world, planId);
  assert.equal(runsIn(world, planId)[0]?.targets["b"]?.state, "succeeded");
  checkGroups(world, 3);
});
