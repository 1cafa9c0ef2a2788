import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CreateScheduleCommand,
  CreateScheduleGroupCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  paginateListSchedules,
} from "@aws-sdk/client-scheduler";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Instant } from "../../../core/api/ids.ts";
import { createClients } from "../../../functions/aws/clients.ts";
import { startScheduler } from "./scheduler.ts";

const clock = { now: () => "2026-11-24T00:00:00.250Z" as Instant };

describe("the Scheduler emulator", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "smtx-backup-scheduler-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const started = async () => {
    const emulator = await startScheduler({ dir, clock });
    const { scheduler } = createClients({ AWS_ENDPOINT_URL: emulator.endpoint });
    const stop = async () => {
      scheduler.destroy();
      await emulator.stop();
    };
    return { emulator, scheduler, stop };
  };
  const create = (Name: string, more: object = {}) =>
    new CreateScheduleCommand({
      Name,
      ScheduleExpression: "rate(1 day)",
      Target: { Arn: "arn:function", RoleArn: "arn:role", Input: "{}" },
      FlexibleTimeWindow: { Mode: "OFF" },
      ...more,
    });

  test("finds schedules and groups again after a restart, with their dates", async () => {
    const EndDate = new Date("2027-01-01T00:00:00.500Z");
    const first = await started();
    await first.scheduler.send(new CreateScheduleGroupCommand({ Name: "plans" }));
    const { ScheduleArn } = await first.scheduler.send(create("kept", { GroupName: "plans", EndDate }));
    await first.stop();

    const second = await started();
    const kept = await second.scheduler.send(new GetScheduleCommand({ Name: "kept", GroupName: "plans" }));
    assert.equal(kept.Arn, ScheduleArn);
    assert.deepEqual(kept.CreationDate, new Date(clock.now()));
    assert.deepEqual(kept.EndDate, EndDate);
    assert.equal(kept.State, "ENABLED");
    await assert.rejects(second.scheduler.send(new CreateScheduleGroupCommand({ Name: "plans" })), /already exists/);
    await second.stop();
  });

  test("makes all of many changes at once", async () => {
    const { scheduler, stop } = await started();
    const names = Array.from({ length: 30 }, (_, n) => `schedule-${n}`);
    await Promise.all(names.map((name) => scheduler.send(create(name))));
    const listed: (string | undefined)[] = [];
    for await (const page of paginateListSchedules({ client: scheduler, pageSize: 7 }, {})) {
      assert((page.Schedules?.length ?? 0) <= 7);
      listed.push(...(page.Schedules ?? []).map(({ Name }) => Name));
    }
    assert.deepEqual(listed, names.toSorted());
    await stop();
  });

  test("makes a schedule once when the request comes again, and refuses another one of its name", async () => {
    const { scheduler, stop } = await started();
    const { ScheduleArn } = await scheduler.send(create("once", { ClientToken: "first" }));
    assert.deepEqual((await scheduler.send(create("once", { ClientToken: "first" }))).ScheduleArn, ScheduleArn);
    await assert.rejects(scheduler.send(create("once", { ClientToken: "second" })), { name: "ConflictException" });
    await stop();
  });

  test("lists by group, by the beginning of the name and by state", async () => {
    const { scheduler, stop } = await started();
    await scheduler.send(new CreateScheduleGroupCommand({ Name: "plans" }));
    await scheduler.send(create("a-1"));
    await scheduler.send(create("a-2", { GroupName: "plans", State: "DISABLED" }));
    await scheduler.send(create("b-1", { GroupName: "plans" }));
    const list = async (input: ListSchedulesCommand["input"]) =>
      (await scheduler.send(new ListSchedulesCommand(input))).Schedules?.map(({ Name }) => Name);
    assert.deepEqual(await list({}), ["a-1", "a-2", "b-1"]);
    assert.deepEqual(await list({ GroupName: "plans" }), ["a-2", "b-1"]);
    assert.deepEqual(await list({ NamePrefix: "a-" }), ["a-1", "a-2"]);
    assert.deepEqual(await list({ State: "DISABLED" }), ["a-2"]);
    await stop();
  });

  test("refuses names and time zones that AWS would refuse", async () => {
    const { scheduler, stop } = await started();
    await assert.rejects(scheduler.send(create("no spaces")), { name: "ValidationException" });
    const nowhere = create("nowhere", { ScheduleExpressionTimezone: "Mars/Olympus" });
    await assert.rejects(scheduler.send(nowhere), { name: "ValidationException" });
    await stop();
  });

  test("says so when its file is damaged, and leaves it alone", async () => {
    await writeFile(join(dir, "schedules.json"), "{");
    await assert.rejects(startScheduler({ dir, clock }), (error) => VisibleError.is(error, "STORE_CORRUPT"));
  });

  test("refuses a port that is taken", async () => {
    const { emulator, stop } = await started();
    const port = Number(new URL(emulator.endpoint).port);
    await assert.rejects(startScheduler({ dir, clock, port }), (error) => VisibleError.is(error, "CONFLICT"));
    await stop();
  });
});
