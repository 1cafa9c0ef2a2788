import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunAnswer } from "../../core/api/answers.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import { createNightlyPlan, createTestApi, siteA, siteB } from "../api/testing.ts";
import { complete, report, takeTasks } from "../api/testing-gateway.ts";
import { handleSweep } from "../sweep.ts";

const siteC = siteIdSchema.parse("c");
const target = (site: string) => ({ site, retention: { keepLast: 2 }, switches: { "vds-0": "ovs" } });

/** A plan to c and b, and what c says of its tasks of a step, for hours and for ever. */
const worldWith = async (step: string, said: object) => {
  const api = await createTestApi();
  await api.send("POST", "/v1/sites", { id: siteC, multiCluster: "main" });
  await createNightlyPlan(api, { targets: [target("c"), target("b")] });
  const begin = async () => (await api.send<RunAnswer>("POST", "/v1/plans/nightly/run")).body;
  const hours = async (): Promise<void> => {
    const endless = new Map<string, Parameters<typeof report>[1]>();
    for (let minute = 0; minute < 240; minute += 1) {
      for (const task of [siteA, siteB, siteC].flatMap((site) => takeTasks(api, site))) {
        if (task.siteId === siteC && task.step === step) endless.set(task.id, task);
        else await complete(api, task);
      }
      for (const task of endless.values()) await report(api, task, said);
      api.pass(60);
      await handleSweep(api.deps);
    }
  };
  const partsOf = async ({ id }: Pick<RunAnswer, "id">) => {
    const { targets } = (await api.send<RunAnswer>("GET", `/v1/runs/${id}`)).body;
    return Object.fromEntries(targets.map(({ site, state }) => [site, state]));
  };
  return { api, begin, hours, partsOf };
};

const sayings = [
  { kind: "working" },
  {
    ...{ kind: "failed", retryable: true, progressed: true },
    reason: { code: "LINK_BROKEN", message: "It broke." },
  },
];
const steps = ["preparing", "publishing", "reclaiming"];
const cases = sayings.flatMap((said) => steps.map((step) => ({ step, said })));

describe("a target that says for ever that it works, or that it failed and got on", () => {
  test("holds its own lane alone: the runs to other targets go on", async () => {
    for (const { step, said } of cases) {
      const { begin, hours, partsOf } = await worldWith(step, said);
      const first = await begin();
      await hours();
      const second = await begin();
      await hours();
      assert.equal((await partsOf(second))["b"], "succeeded", step);
      const { b, c = "" } = await partsOf(first);
      assert.equal(b, "succeeded", step);
      assert.ok([step, "waiting"].includes(c), c);
    }
  });

  test("gives its lane to the next run when a person cancels, also while it tidies up", async () => {
    for (const { step, said } of cases) {
      const { api, begin, hours, partsOf } = await worldWith(step, said);
      const first = await begin();
      await hours();
      const second = await begin();
      assert.equal((await partsOf(second))["c"], "queued", step);
      const { status } = await api.send("POST", `/v1/runs/${first.id}/cancel`);
      assert.equal(status, 200);
      assert.equal((await partsOf(first))["c"], step === "reclaiming" ? "succeeded" : "cancelled");
      assert.notEqual((await partsOf(second))["c"], "queued", step);
    }
  });
});
