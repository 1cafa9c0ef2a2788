import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ValidationException } from "@aws-sdk/client-scheduler";
import type { Instant, PlanId } from "../../core/api/ids.ts";
import { startScheduler } from "../../infra/local/emulators/scheduler.ts";
import { createClients } from "./clients.ts";
import { schedulerConformance } from "./scheduler.conformance.ts";
import { createEventBridgeScheduler, ensureScheduleGroup } from "./scheduler.ts";

const started = async () => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-scheduler-"));
  const emulator = await startScheduler({ dir, clock: { now: () => "2026-11-24T00:00:00.000Z" as Instant } });
  return {
    env: { AWS_ENDPOINT_URL_SCHEDULER: emulator.endpoint },
    async stop() {
      await emulator.stop();
      await rm(dir, { recursive: true });
    },
  };
};

schedulerConformance("by our own emulator", started);

// Not a promise that every emulator keeps: ministack takes any expression.
test("a schedule with an expression that is none is refused", async (t) => {
  const { env, stop } = await started();
  const { scheduler: client, destroy } = createClients(env);
  t.after(async () => {
    destroy();
    await stop();
  });
  const groupName = "plans";
  await ensureScheduleGroup(client, groupName);
  const scheduler = createEventBridgeScheduler({ client, groupName, targetArn: "arn:function", roleArn: "arn:role" });
  const planId = `plan_${"0".repeat(26)}` as PlanId;
  await assert.rejects(scheduler.put(planId, { expression: "daily", timeZone: "UTC" }), ValidationException);
});
