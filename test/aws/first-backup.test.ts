import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { answerOf } from "../../cli/context/client.ts";
import type { ServicesUnderTest } from "../../functions/aws/testing.ts";
import { writePattern } from "../../infra/local/demo/image.ts";
import { Local } from "../e2e/local.ts";
import { until } from "../patience.ts";
import { emulatorsUnderTest, environmentWith } from "./emulators.ts";

const MiB = 1024 ** 2;
const imageBytes = 64 * MiB;

// At the same time: what takes longest is waiting for a slot.
describe("the first backup", { concurrency: emulatorsUnderTest.length }, () => {
  for (const emulator of emulatorsUnderTest) {
    describe(`on ${emulator.name}`, { concurrency: 1 }, () => {
      let chosen: ServicesUnderTest;
      let local: Local;
      const file = (name: string) => join(local.dir, name);

      before(async () => {
        chosen = await emulator.choose();
        local = await Local.create({ env: environmentWith(chosen.env) });
        await local.start();
        await writePattern(file("disk.img"), imageBytes, 1);
      });
      after(async () => {
        await local?.remove();
        await chosen?.stop();
      });

      /**
       * Runs the plan, rebuilds on b what was snapshotted on a, and compares.
       * @returns the hash of both
       */
      const backUpAndCompare = async (prefix: string): Promise<string> => {
        const run = await local.ended(await local.runPlan("nightly"));
        assert.equal(run.status, "succeeded", JSON.stringify(run));
        const [snapshot] = await local.snapshotsOf("a", run.groupId);
        assert(snapshot);
        const source = await local.exportImage("a", file("source.img"), { snapshotId: snapshot.snapshotId });
        const json = { type: "rebuild", groupId: run.groupId, siteId: "b", namePrefix: prefix } as never;
        const { id } = await answerOf(local.api.v1.restores.$post({ json }));
        const restore = await local.ended(id);
        assert.equal(restore.status, "succeeded", JSON.stringify(restore));
        await local.refreshed("b");
        const object = (await local.objects("b"))?.objects.find(({ name }) => name === `${prefix}web1`);
        assert(object?.volumes[0], `site b has no ${prefix}web1`);
        const rebuilt = await local.exportImage("b", file("rebuilt.img"), { volumeId: object.volumes[0].id });
        assert.equal(rebuilt.sha256, source.sha256);
        return source.sha256;
      };

      test("is imported, planned, run twice and rebuilt, byte for byte", async () => {
        const { volumeId } = await local.importImage("a", file("disk.img"), { name: "web1" });
        await local.createPlan({ name: "nightly", objects: [{ kind: "lun", name: "web1" }] });
        const first = await backUpAndCompare("first-");
        await writePattern(file("disk.img"), imageBytes, 2);
        await local.importImage("a", file("disk.img"), { into: volumeId });
        assert.notEqual(await backUpAndCompare("second-"), first);
      });

      test("is fired by its schedule in its time zone, once, whether or not the emulator fires too", async (t) => {
        // Half an hour off in every zone that ignores it.
        const timeZone = "Asia/Kolkata";
        const { slot, plan } = await local.createPlanBeforeSlot((instant) => {
          const at = instant.toLocaleTimeString("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" });
          return {
            objects: [{ kind: "lun", name: "web1" }],
            schedule: { cycle: "daily", every: 1, at, timeZone, startsOn: "2026-01-01" },
          };
        });
        await until("the slot's run to succeed", async () => {
          const { items } = await local.history(plan.id);
          return items.some((item) => item.type === "run" && item.run.status === "succeeded");
        });
        const { items } = await local.history(plan.id);
        assert.equal(items.length, 1);
        assert(items[0]?.type === "run");
        assert.equal(items[0].run.slot, slot.toISOString());
        t.diagnostic(`the run began ${(Date.parse(items[0].run.createdAt) - slot.getTime()) / 1000} s after its slot`);
      });

      test("is found again by a second start on the same folder", async () => {
        await local.stop();
        await local.start();
        const run = await local.ended(await local.runPlan("nightly"));
        assert.equal(run.status, "succeeded", JSON.stringify(run));
        await local.stop();
      });
    });
  }
});
