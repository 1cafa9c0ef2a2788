import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunAnswer } from "../../core/api/answers.ts";
import type { Run } from "../../core/api/run.ts";
import { createNightlyPlan, createTestApi, siteA, siteB } from "../api/testing.ts";
import { workAt } from "../api/testing-gateway.ts";
import { factKey } from "../documents/records.ts";

test("a restore point of whose snapshot nothing is known any more is no base: the next run builds on an older one, or sends in full", async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  const run = async (): Promise<RunAnswer> => {
    api.pass(1);
    const { body } = await api.send<Run>("POST", "/v1/plans/nightly/run");
    await workAt(api, [siteA, siteB]);
    return (await api.send<RunAnswer>("GET", `/v1/runs/${body.id}`)).body;
  };
  const forget = ({ id }: RunAnswer) =>
    api.deps.store.commit(
      [0, 1].map((index) => ({
        type: "delete",
        key: factKey(id, "snapshotting", "source", index),
        expect: "any",
      })),
    );
  const [first, second] = [await run(), await run()];
  await forget(second);
  const third = await run();
  assert.deepEqual([third.status, third.targets[0]?.base?.baseGroupId], ["succeeded", first.groupId]);
  await forget(first);
  await forget(third);
  const fourth = await run();
  assert.deepEqual([fourth.status, fourth.targets[0]?.base?.baseGroupId], ["succeeded", null]);
});
