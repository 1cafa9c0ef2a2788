import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { writePattern } from "../../infra/local/demo/image.ts";
import { until } from "../patience.ts";
import { Local } from "./local.ts";

const MiB = 1024 ** 2;

describe("a plan with a schedule", () => {
  let local: Local;

  before(async () => {
    local = await Local.create();
    await local.start();
    await writePattern(join(local.dir, "disk.img"), 8 * MiB, 1);
    await local.importImage("a", join(local.dir, "disk.img"), { name: "web1" });
  });
  after(() => local.remove());

  test("runs by itself when its slot comes, once", async (t) => {
    const { slot, plan } = await local.createPlanBeforeSlot((at) => ({
      objects: [{ kind: "lun", name: "web1" }],
      schedule: { cycle: "hourly", minute: at.getUTCMinutes(), every: 1, timeZone: "UTC", startsOn: "2026-01-01" },
    }));
    await until("the slot's run to succeed", async () => {
      const { items } = await local.history(plan.id);
      return items.some((item) => item.type === "run" && item.run.status === "succeeded");
    });
    const { items } = await local.history(plan.id);
    assert.equal(items.length, 1);
    assert(items[0]?.type === "run");
    assert.equal(items[0].run.trigger, "schedule");
    assert.equal(items[0].run.slot, slot.toISOString());
    const lateSeconds = (Date.parse(items[0].run.createdAt) - slot.getTime()) / 1000;
    assert(lateSeconds >= 0, `the run began ${-lateSeconds} s before its slot`);
    t.diagnostic(`the run began ${lateSeconds} s after its slot`);
  });
});
