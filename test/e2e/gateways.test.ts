import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { answerOf } from "../../cli/context/client.ts";
import { writePattern } from "../../infra/local/demo/image.ts";
import { until } from "../patience.ts";
import { Local } from "./local.ts";

const MiB = 1024 ** 2;
const peers = ["a1", "b1", "b2"] as const;

// At the same time: a slot is a minute away at most.
describe("two sites with two gateways each", { concurrency: 2 }, () => {
  let local: Local;

  before(async () => {
    local = await Local.create();
    await local.start({ gatewaysPerSite: 2 });
    await writePattern(join(local.dir, "disk.img"), 8 * MiB, 1);
    await local.importImage("a", join(local.dir, "disk.img"), { name: "web1" });
    await local.importImage("a", join(local.dir, "disk.img"), { name: "web2" });
  });
  after(() => local.remove());

  const gateways = async (site: string) => {
    const { items } = await answerOf(local.api.v1.sites[":site"].gateways.$get({ param: { site } }));
    return items.filter(({ alive }) => alive).map(({ id }) => id);
  };
  const says = (site: string, gateway: string, text: string) => async () =>
    (await local.gatewayLog(site, gateway)).some((line) => JSON.stringify(line).includes(text));

  test("a gateway that an administrator removes is believed by no other, ends, and the site goes on without it", async (t) => {
    for (const site of ["a", "b"]) {
      await until(`both gateways of ${site}`, async () => (await gateways(site)).length === 2);
    }
    const removedMs = Date.now();
    const param = { site: "a", gateway: "a2" };
    const { revoked } = await answerOf(local.api.v1.sites[":site"].gateways[":gateway"].$delete({ param }));
    assert.equal(revoked, 1);
    await Promise.all([
      ...peers.map((peer) =>
        until(`the list at ${peer}`, says(peer.charAt(0), peer, "a list of revocations was taken up")),
      ),
      until("a2 to end", says("a", "a2", "GATEWAY_REMOVED")),
    ]);
    t.diagnostic(`all of that took ${((Date.now() - removedMs) / 1000).toFixed(1)} s`);
    await until("a1 to be the only one", async () => (await gateways("a")).join() === "a1");
    await local.createPlan({ name: "after", objects: [{ kind: "lun", name: "web1" }] });
    const run = await local.ended(await local.runPlan("after"));
    assert.equal(run.status, "succeeded");
    assert.doesNotMatch((await gateways("a")).join(), /a2/, "it is started again and again, and ends again and again");
  });

  test("a plan with a schedule runs by itself when its slot comes, once", async (t) => {
    const { slot, plan } = await local.createPlanBeforeSlot((at) => ({
      objects: [{ kind: "lun", name: "web2" }],
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
