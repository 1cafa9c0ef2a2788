import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { paginateScan } from "@aws-sdk/client-dynamodb";
import { answerOf } from "../../cli/context/client.ts";
import type { PlanMember, RunAnswer, RunObject } from "../../core/api/answers.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { allItems, pagesOf } from "../../core/api/pages.ts";
import { createClients } from "../../functions/aws/clients.ts";
import type { ServicesUnderTest } from "../../functions/aws/testing.ts";
import { localNames } from "../../infra/local/control-plane.ts";
import { Local } from "../e2e/local.ts";
import { createObjects, isMirror, isVm } from "../e2e/scenario.ts";
import { disksEach, vmCount, vmName, vmsWithDisks } from "../e2e/thousand.ts";
import { emulatorsUnderTest, environmentWith, startServices } from "./emulators.ts";

/** Of a machine that is busy with other things: five thousand tasks, each a few round trips. */
const patienceMs = 1_500_000;
/** Of DynamoDB. */
const itemBytesMax = 400 * 1024;
/** Disks that hold something; what is written to the others would be no other work. */
const written = 100;

// The built-in pair: what other emulators do is what their conformance shows, and they
// are some times as slow.
const count = vmCount;
for (const emulator of emulatorsUnderTest.slice(0, 1)) {
  describe(`a plan of ${count} VMs with four disks each on ${emulator.name}`, () => {
    let chosen: ServicesUnderTest;
    let services: ServicesUnderTest;
    let local: Local;
    let first: RunAnswer;

    before(async () => {
      chosen = await emulator.choose();
      services = await startServices(chosen);
      local = await Local.create({ env: environmentWith(services.env) });
      await local.start();
      await createObjects(local, "b", [
        { kind: "switch", name: "dr-prod" },
        { kind: "switch", name: "dr-san" },
      ]);
    });
    after(async () => {
      await local?.remove();
      await services?.stop();
      await chosen?.stop();
    });

    const timed = async <T>(what: string, t: { diagnostic(message: string): void }, work: () => Promise<T>) => {
      const begun = performance.now();
      const answer = await work();
      t.diagnostic(`${what}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
      return answer;
    };

    /** All pages of a list. */
    const all = async <T>(
      page: (query: {
        limit: string;
        cursor?: string;
      }) => Promise<{ items: readonly unknown[]; cursor?: string | undefined }>,
    ): Promise<T[]> => {
      const read = (cursor: string | undefined) => page({ limit: "25", ...(cursor !== undefined && { cursor }) });
      return (await allItems(pagesOf(read))) as T[];
    };

    test("is created, from an inventory of them and their volumes", async (t) => {
      await timed("making them", t, () => createObjects(local, "a", vmsWithDisks(count)));
      await timed("inventory", t, () => local.refreshed("a"));
      const { objects } = await local.command<{ objects: ObjectConfig[] }>("object", "list", "--site", "a");
      assert.equal(objects.filter(isVm).length, count);
      assert.equal(objects.length, count * (1 + disksEach));
      await local.onStorage("a", async (storage) => {
        for (const { vm } of objects.filter(isVm).slice(0, written)) {
          const volume = await storage.openVolume(vm.disks[0]?.volumeId ?? "", "write");
          await volume.write(0, new Uint8Array(4096).fill(1));
          await volume.close();
        }
      });
      await local.command("site", "map", "a", "--to", "b", "prod=dr-prod", "san=dr-san");
      const plan = {
        name: "all",
        source: "a",
        targets: [{ site: "b", retention: { keepLast: 2 } }],
        objects: Array.from({ length: count }, (_, vm) => ({ kind: "vm", name: vmName(vm) })),
      };
      await writeFile(join(local.dir, "plan.yaml"), JSON.stringify(plan));
      await timed("the plan", t, () => local.command("plan", "create", "-f", join(local.dir, "plan.yaml")));
    });

    test("runs, and every VM has its mirror", async (t) => {
      first = await timed("the run", t, async () => local.ended(await local.runPlan("all"), patienceMs));
      assert.equal(first.status, "succeeded", JSON.stringify(first));
      const [target] = first.targets;
      assert.equal(target?.progress.extentsTotal, count * disksEach);
      assert.equal(target.progress.extentsTotal - target.progress.extentsHole, written);
      const mirrors = (await local.inventory("b")).filter(isMirror).filter(isVm);
      assert.equal(mirrors.length, count);
      assert(mirrors.every(({ vm }) => vm.disks.length === disksEach && vm.nics.length === 2));
    });

    test("is shown: its objects, those of the run, and what it keeps", async (t) => {
      const param = { plan: "all" };
      const members = await timed("plan objects", t, () =>
        all<PlanMember>((query) => answerOf(local.api.v1.plans[":plan"].objects.$get({ param, query }))),
      );
      assert.equal(members.length, count);
      const objects = await timed("run objects", t, () =>
        all<RunObject>((query) =>
          answerOf(
            local.api.v1.runs[":run"].objects.$get({ param: { run: first.id }, query: { ...query, target: "b" } }),
          ),
        ),
      );
      assert.equal(objects.length, count);
      assert(objects.every(({ volumes, progress }) => volumes === disksEach && progress.phase === "done"));
      const { items } = await answerOf(local.api.v1.plans[":plan"].groups.$get({ param, query: { site: "b" } }));
      assert.deepEqual(
        items.map(({ objectCount, volumeCount }) => [objectCount, volumeCount]),
        [[count, count * disksEach]],
      );
    });

    test("keeps within what DynamoDB allows", async (t) => {
      const clients = createClients(services.env);
      let items = 0;
      let largest = 0;
      for await (const { Items = [] } of paginateScan(
        { client: clients.dynamodb },
        { TableName: localNames.tableName },
      )) {
        items += Items.length;
        for (const item of Items) largest = Math.max(largest, JSON.stringify(item).length);
      }
      clients.destroy();
      assert(largest <= itemBytesMax, `an item has ${largest} bytes`);
      const tasks = (await Promise.all(["a", "b"].map((site) => local.gatewayLog(site)))).flat();
      const begun = tasks.filter(({ msg }) => msg === "task begun").length;
      t.diagnostic(`${items} items, the largest of ${largest} bytes; ${begun} tasks`);
    });
  });
}
