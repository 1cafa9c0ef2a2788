import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { answerOf } from "../../cli/client.ts";
import { writePattern } from "../../infra/local/demo/image.ts";
import { Local } from "./local.ts";

const MiB = 1024 ** 2;

describe("a plan with a schedule", { timeout: 240_000 }, () => {
  let local: Local;

  before(async () => {
    local = await Local.create();
    await local.start();
    await writePattern(join(local.dir, "disk.img"), 8 * MiB, 1);
    await local.importImage("a", join(local.dir, "disk.img"), { name: "web1" });
  });
  after(() => local.remove());

  test("runs by itself when its slot comes, once", async () => {
    // A slot that is 20 s away at least, so that the plan is there before it.
    const slot = new Date(Math.ceil((Date.now() + 20_000) / 60_000) * 60_000);
    const schedule = { cycle: "hourly" as const, minute: slot.getUTCMinutes() };
    const plan = await local.createPlan({
      name: "hourly",
      objects: [{ kind: "lun", name: "web1" }],
      schedule: { ...schedule, every: 1, timeZone: "UTC", startsOn: "2026-01-01" },
    });
    const history = async () =>
      answerOf(local.api.v1.plans[":plan"].runs.$get({ param: { plan: plan.id }, query: {} }));
    await local.until(
      "the slot's run to succeed",
      async () => {
        const { items } = await history();
        return items.some((item) => item.type === "run" && item.run.status === "succeeded");
      },
      100,
    );
    const { items } = await history();
    assert.equal(items.length, 1);
    assert(items[0]?.type === "run");
    assert.equal(items[0].run.trigger, "schedule");
    assert.equal(items[0].run.slot, slot.toISOString());
    const lateSeconds = (Date.parse(items[0].run.createdAt) - slot.getTime()) / 1000;
    assert(lateSeconds >= 0 && lateSeconds < 60, `the run began ${lateSeconds} s after its slot`);
  });
});
