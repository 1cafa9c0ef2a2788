import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { CreateScheduleCommand, DeleteScheduleCommand, UpdateScheduleCommand } from "@aws-sdk/client-scheduler";
import type { Instant } from "../../../core/api/ids.ts";
import { addSeconds } from "../../../core/ports/clock.ts";
import type { Clients } from "../../../functions/aws/clients.ts";
import { createClients } from "../../../functions/aws/clients.ts";
import { ensureScheduleGroup } from "../../../functions/aws/scheduler.ts";
import type { Emulator } from "../emulators/emulator.ts";
import { startScheduler } from "../emulators/scheduler.ts";
import { createScheduleReader } from "./schedules.ts";
import { createTicker } from "./ticker.ts";

const instant = (text: string) => new Date(text).toISOString() as Instant;

describe("the ticker", () => {
  let dir: string;
  let emulator: Emulator;
  let clients: Clients;
  let now = instant("2026-11-24T00:00:00Z");
  let groups = 0;
  let group: string;
  let calls: { target: string; input: string }[];
  let warnings: string[];
  let failing: string | undefined;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "smtx-backup-ticker-"));
    emulator = await startScheduler({ dir, clock: { now: () => now } });
    clients = createClients({ AWS_ENDPOINT_URL_SCHEDULER: emulator.endpoint });
  });
  after(async () => {
    clients.destroy();
    await emulator.stop();
    await rm(dir, { recursive: true });
  });
  beforeEach(async () => {
    now = instant("2026-11-24T00:00:00Z");
    group = `group-${++groups}`;
    calls = [];
    warnings = [];
    failing = undefined;
    await rm(join(dir, "ticker.json"), { force: true });
    await ensureScheduleGroup(clients.scheduler, group);
  });

  /** A ticker as it is after a start of the process. */
  const restarted = () =>
    createTicker({
      client: clients.scheduler,
      groupName: group,
      dir,
      invoke: async (target, input) => {
        if (target === failing) throw new Error("the function is down");
        calls.push({ target, input });
      },
      log: {
        info: () => undefined,
        failed: (_, message) => warnings.push(message),
        warn: (_, message) => warnings.push(message),
        error: () => undefined,
      },
    });

  const scheduleOf = (name: string, expression: string, more: object = {}) => ({
    Name: name,
    GroupName: group,
    ScheduleExpression: expression,
    FlexibleTimeWindow: { Mode: "OFF" as const },
    Target: { Arn: `arn:${name}`, RoleArn: "arn:role", Input: `{"at":"<aws.scheduler.scheduled-time>"}` },
    ...more,
  });
  const create = (...parameters: Parameters<typeof scheduleOf>) =>
    clients.scheduler.send(new CreateScheduleCommand(scheduleOf(...parameters)));
  const slots = () => calls.map(({ input }) => JSON.parse(input).at);

  test("calls the target once when its minute has come, with slot and schedule in the input", async () => {
    const Input = `{"time":"<aws.scheduler.scheduled-time>","schedule":"<aws.scheduler.schedule-arn>"}`;
    await create("daily", "cron(0 9 * * ? *)", {
      ScheduleExpressionTimezone: "Asia/Shanghai",
      Target: { Arn: "arn:plan", RoleArn: "arn:role", Input },
    });
    const ticker = restarted();
    assert.deepEqual(await ticker.tick(instant("2026-11-24T00:59:59.999Z")), { fired: 0, failed: 0 });
    assert.deepEqual(await ticker.tick(instant("2026-11-24T01:00:00Z")), { fired: 1, failed: 0 });
    assert.deepEqual(await ticker.tick(instant("2026-11-24T01:00:59Z")), { fired: 0, failed: 0 });
    assert.deepEqual(await ticker.tick(instant("2026-11-24T01:01:00Z")), { fired: 0, failed: 0 });
    const schedule = `arn:aws:scheduler:us-east-1:000000000000:schedule/${group}/daily`;
    const input = JSON.stringify({ time: "2026-11-24T01:00:00Z", schedule });
    assert.deepEqual(calls, [{ target: "arn:plan", input }]);
  });

  test("goes on where it was after a restart, neither losing nor repeating anything", async () => {
    await create("often", "cron(* * * * ? *)");
    await restarted().tick(instant("2026-11-24T00:02:30Z"));
    await restarted().tick(instant("2026-11-24T00:05:30Z"));
    const expected = [0, 1, 2, 3, 4, 5].map((minute) => `2026-11-24T00:0${minute}:00Z`);
    assert.deepEqual(slots(), expected);
  });

  test("drops what came due more than ten minutes ago, and says so", async () => {
    await create("often", "cron(*/5 * * * ? *)");
    const ticker = restarted();
    await ticker.tick(instant("2026-11-24T00:00:00Z"));
    await ticker.tick(instant("2026-11-24T06:12:00Z"));
    assert.deepEqual(slots().slice(1), ["2026-11-24T06:05:00Z", "2026-11-24T06:10:00Z"]);
    assert.equal(warnings.length, 1);
  });

  test("fires again at once when the clock, and with it what it remembers, was years ahead or behind", async () => {
    await create("often", "cron(* * * * ? *)");
    const ticker = restarted();
    await ticker.tick(instant("2026-11-24T00:00:00Z"));
    await ticker.tick(instant("2028-11-24T00:00:00Z"));
    await ticker.tick(instant("2026-11-24T00:02:00Z"));
    await ticker.tick(instant("2026-11-24T00:03:00Z"));
    assert.deepEqual(slots().slice(-2), ["2026-11-24T00:02:00Z", "2026-11-24T00:03:00Z"]);
    assert.ok(warnings.some((message) => message.includes("a clock was ahead")));
    await ticker.tick(instant("2024-11-24T00:00:00Z"));
    await ticker.tick(instant("2026-11-24T00:05:00Z"));
    assert.equal(slots().at(-1), "2026-11-24T00:05:00Z");
  });

  test("fires a schedule that was made when the clock was ahead", async () => {
    now = instant("2027-06-01T00:00:00Z");
    await create("often", "cron(* * * * ? *)");
    now = instant("2026-11-24T00:00:00Z");
    await restarted().tick(instant("2026-11-24T00:02:00Z"));
    assert.equal(slots().at(-1), "2026-11-24T00:02:00Z");
  });

  test("fires each minute of a schedule that was made when the clock was ahead by minutes, also before that time comes", async () => {
    now = instant("2026-11-24T00:12:00Z");
    await create("often", "cron(* * * * ? *)");
    now = instant("2026-11-24T00:00:00Z");
    const minutes = Array.from({ length: 15 }, (_, minute) => addSeconds(now, 60 * minute));
    const ticker = restarted();
    for (const minute of minutes) await ticker.tick(minute);
    assert.deepEqual(
      slots(),
      minutes.map((minute) => minute.replace(".000", "")),
    );
  });

  test("waits for no clock that was set back between two looks", async () => {
    const stop = new AbortController();
    const clocks = [instant("2026-11-24T00:00:20Z"), instant("2024-11-24T00:00:00Z")];
    const waits: number[] = [];
    await restarted().run({
      clock: { now: () => clocks.shift() ?? now },
      signal: stop.signal,
      sleep: async (milliseconds) => {
        waits.push(milliseconds);
        stop.abort();
      },
    });
    assert.deepEqual(waits, [60_000]);
  });

  test("tries a failed call again until it succeeds, and holds no other schedule up", async () => {
    await create("broken", "cron(1 0 * * ? *)");
    await create("sound", "cron(1 0 * * ? *)");
    failing = "arn:broken";
    const ticker = restarted();
    assert.deepEqual(await ticker.tick(instant("2026-11-24T00:01:00Z")), { fired: 1, failed: 1 });
    assert.deepEqual(await ticker.tick(instant("2026-11-24T00:01:05Z")), { fired: 0, failed: 1 });
    failing = undefined;
    assert.deepEqual(await restarted().tick(instant("2026-11-24T00:03:00Z")), { fired: 1, failed: 0 });
    const targets = calls.map((call) => call.target);
    assert.deepEqual(targets, ["arn:sound", "arn:broken"]);
  });

  test("fires again what was fired before a kill that kept the note of it from being written", async () => {
    await create("daily", "cron(1 0 * * ? *)");
    const ticker = restarted();
    await ticker.tick(instant("2026-11-24T00:00:30Z"));
    const note = await readFile(join(dir, "ticker.json"));
    await ticker.tick(instant("2026-11-24T00:01:00Z"));
    await writeFile(join(dir, "ticker.json"), note);
    await restarted().tick(instant("2026-11-24T00:01:05Z"));
    assert.deepEqual(slots(), ["2026-11-24T00:01:00Z", "2026-11-24T00:01:00Z"]);
  });

  test("fires nothing for the time before a schedule was made, nor while it is disabled, nor after it is gone", async () => {
    now = instant("2026-11-24T00:05:20Z");
    await create("new", "cron(* * * * ? *)");
    const ticker = restarted();
    await ticker.tick(instant("2026-11-24T00:06:00Z"));
    assert.deepEqual(slots(), ["2026-11-24T00:05:00Z", "2026-11-24T00:06:00Z"]);
    now = instant("2026-11-24T00:06:20Z");
    const disabled = scheduleOf("new", "cron(* * * * ? *)", { State: "DISABLED" });
    await clients.scheduler.send(new UpdateScheduleCommand(disabled));
    await ticker.tick(instant("2026-11-24T00:07:00Z"));
    now = instant("2026-11-24T00:07:20Z");
    await clients.scheduler.send(new UpdateScheduleCommand(scheduleOf("new", "cron(* * * * ? *)")));
    await ticker.tick(instant("2026-11-24T00:08:00Z"));
    assert.deepEqual(slots().slice(2), ["2026-11-24T00:08:00Z"]);
    await clients.scheduler.send(new DeleteScheduleCommand({ Name: "new", GroupName: group }));
    assert.deepEqual(await ticker.tick(instant("2026-11-24T00:09:00Z")), { fired: 0, failed: 0 });
    assert.equal(await readFile(join(dir, "ticker.json"), "utf8"), "{}");
  });

  test("asks what a schedule says once, and again after it was changed, however shortly after it was read", async () => {
    await create("kept", "cron(0 0 * * ? *)");
    const client = createClients({ AWS_ENDPOINT_URL_SCHEDULER: emulator.endpoint }).scheduler;
    let asked = 0;
    const count = (next: (args: never) => Promise<never>, context: { commandName?: string }) => (args: never) => {
      if (context.commandName === "GetScheduleCommand") asked += 1;
      return next(args);
    };
    client.middlewareStack.add(count as never, { step: "initialize" });
    const read = createScheduleReader(client, group);
    const expressionAt = async (at: string) => (await read(instant(at)))[0]?.expression;
    assert.equal(await expressionAt("2026-11-24T00:00:01Z"), "cron(0 0 * * ? *)");
    await clients.scheduler.send(new UpdateScheduleCommand(scheduleOf("kept", "cron(1 0 * * ? *)")));
    assert.equal(await expressionAt("2026-11-24T00:01:00Z"), "cron(1 0 * * ? *)");
    assert.equal(asked, 2);
    assert.equal(await expressionAt("2026-11-24T00:02:00Z"), "cron(1 0 * * ? *)");
    assert.equal(asked, 2);
    now = instant("2026-11-24T00:02:30Z");
    await clients.scheduler.send(new UpdateScheduleCommand(scheduleOf("kept", "cron(2 0 * * ? *)")));
    assert.equal(await expressionAt("2026-11-24T00:03:00Z"), "cron(2 0 * * ? *)");
    client.destroy();
  });

  test("does not repeat itself when the clock is set back", async () => {
    await create("often", "cron(* * * * ? *)");
    const ticker = restarted();
    await ticker.tick(instant("2026-11-24T00:01:00Z"));
    await ticker.tick(instant("2026-11-24T00:00:00Z"));
    await ticker.tick(instant("2026-11-24T00:01:00Z"));
    assert.deepEqual(slots(), ["2026-11-24T00:00:00Z", "2026-11-24T00:01:00Z"]);
  });

  test("runs from minute to minute, sooner after a failure, until it is told to end", async () => {
    await create("often", "cron(* * * * ? *)");
    failing = "arn:often";
    now = instant("2026-11-24T00:00:42Z");
    const abort = new AbortController();
    const waits: number[] = [];
    const sleep = async (milliseconds: number) => {
      waits.push(milliseconds);
      now = addSeconds(now, milliseconds / 1000);
      failing = undefined;
      if (waits.length === 3) abort.abort();
    };
    await restarted().run({ clock: { now: () => now }, signal: abort.signal, sleep });
    assert.deepEqual(waits, [5_000, 13_000, 60_000]);
    assert.deepEqual(slots(), ["2026-11-24T00:00:00Z", "2026-11-24T00:01:00Z"]);
  });

  test("looks again at the next minute when its timer woke a little too early", async () => {
    await create("often", "cron(* * * * ? *)");
    now = instant("2026-11-24T00:00:30Z");
    const abort = new AbortController();
    const waits: number[] = [];
    const sleep = async (milliseconds: number) => {
      waits.push(milliseconds);
      // The first one wakes a millisecond before the minute, and the tick takes longer than that.
      now = addSeconds(now, (milliseconds - (waits.length === 1 ? 1 : 0)) / 1000);
      if (waits.length === 2) abort.abort();
    };
    await restarted().run({ clock: { now: () => now }, signal: abort.signal, sleep });
    assert.deepEqual(waits, [30_000, 1]);
  });

  test("survives a scheduler that does not answer", async () => {
    const { scheduler } = createClients({ AWS_ENDPOINT_URL: "http://127.0.0.1:9" });
    const abort = new AbortController();
    const log = {
      info: () => undefined,
      failed: (_: object, message: string) => warnings.push(message),
      warn: () => undefined,
      error: () => undefined,
    };
    const ticker = createTicker({ client: scheduler, dir, invoke: async () => undefined, log });
    await ticker.run({ clock: { now: () => now }, signal: abort.signal, sleep: async () => abort.abort() });
    assert.deepEqual(warnings, ["the schedules could not be read; they are read again"]);
    scheduler.destroy();
  });
});
