import assert from "node:assert/strict";
import { test } from "node:test";
import { statusOf } from "../../core/run/steps.ts";
import { runPlanNow } from "../../functions/engine/commands.ts";
import { calm, checkGroups, full, makeWorld, runsIn } from "./history.ts";
import { withoutWaiting } from "./no-waiting.ts";
import { noFaults } from "./world.ts";

withoutWaiting();

const objects = Array.from({ length: 1000 }, (_, index) => `${index}-${"n".repeat(100)}`);

for (const [what, more, volumes] of [
  ["objects", {}, 1000],
  ["VMs of four disks and two NICs", { disks: 4 }, 4000],
] as const) {
  test(`a plan of a thousand ${what} keeps to DynamoDB's 400 KB an item and 100 actions, and to SQS's 1 MiB a message`, async (t) => {
    const { world, planId } = await makeWorld(31, noFaults, { ...full, objects, targets: 1, ...more });
    await world.call((deps) => runPlanNow(deps, planId));
    await calm(world, planId);
    assert.deepEqual(runsIn(world, planId).map(statusOf), ["succeeded"]);
    checkGroups(world, objects.length);
    const [group] = world.site("b").groups.values();
    assert.equal(group?.contents.size, volumes);
    const { itemBytesMax, actionsMax } = world.table.counts;
    const { messageBytesMax } = world.counts;
    t.diagnostic(
      `largest item ${itemBytesMax} bytes, transaction ${actionsMax} actions, message ${messageBytesMax} bytes`,
    );
    assert(itemBytesMax > 0 && itemBytesMax < 400 * 1024);
    assert(actionsMax > 0 && actionsMax <= 100);
    assert(messageBytesMax > 0 && messageBytesMax < 1024 * 1024);
  });
}

test("a start of a plan costs two transactions", async () => {
  for (const targets of [1, 2]) {
    const { world, planId } = await makeWorld(32, noFaults, { ...full, targets });
    const before = world.table.counts.transactions;
    await world.call((deps) => runPlanNow(deps, planId));
    assert.equal(world.table.counts.transactions - before, 2);
  }
});
