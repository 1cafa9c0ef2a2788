import assert from "node:assert/strict";
import { test } from "node:test";
import { probeCluster } from "../../../gateway/storage/smtx/probe/probe.ts";
import { namesOn, openConfigured } from "./configured.ts";

const contentBytes = 2 ** 20;

test("a probe sees what a cluster can, and leaves nothing on it", async (context) => {
  const { standIn, config, close } = await openConfigured();
  context.after(close);
  const report = await probeCluster(config, {
    contentBytes,
    onStep: (step) => context.diagnostic(`${performance.now()} ${step}`),
  });
  assert.deepEqual(namesOn(standIn), []);
  assert.deepEqual(standIn.tower.breaches, []);
  for (const { answer, evidence, question } of report.answers) assert.equal(answer, "yes", `${question} ${evidence}`);
});
