import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlanAnswer } from "../../core/api/answers.ts";
import { stageSchema } from "../../core/api/failover/stage.ts";
import { instantSchema, planIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { planTargetSchema, scheduleSchema } from "../../core/api/plan.ts";
import { firstRunText, planText, scheduleText, slotsText } from "./plan.ts";
import { styleFor } from "./style.ts";

const plan: PlanAnswer = {
  ...{ id: planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAV"), kind: "backup", status: "active", name: "nightly" },
  ...{
    source: siteIdSchema.parse("a"),
    targets: [],
    objectCount: 0,
    objectSet: 1,
    objects: [],
    sequence: 0,
    lanes: {},
  },
  compression: { enabled: true, level: 1, dictionary: true },
  createdAt: instantSchema.parse("2026-03-01T00:00:00.000Z"),
  slotsDoneUntil: instantSchema.parse("2026-03-01T00:00:00.000Z"),
};

const text = (schedule: object) => scheduleText(scheduleSchema.parse(schedule));

test("a schedule is told in words", () => {
  assert.equal(text({ cycle: "hourly", minute: 5 }), "every hour at minute 5, UTC");
  assert.equal(
    text({ cycle: "daily", every: 2, at: "23:30", timeZone: "Asia/Shanghai" }),
    "every 2 days at 23:30, Asia/Shanghai",
  );
  assert.equal(text({ cycle: "weekly", on: ["mon", "fri"] }), "every week on mon, fri at 01:00, UTC");
  assert.equal(text({ cycle: "monthly", day: "last", at: "03:00" }), "every month on the last day at 03:00, UTC");
  assert.equal(
    text({ cycle: "monthly", every: 3, day: 15, endsAt: "2027-01-01T00:00:00Z" }),
    "every 3 months on day 15 at 01:00, UTC, until 2027-01-01 00:00:00 UTC",
  );
  assert.equal(scheduleText(undefined), "none: it runs when it is told to");
});

test("a plan's targets, and the switches that they map, are told by name", () => {
  const retention = { keepLast: 2 };
  const targets = [
    { site: "c", retention, switches: { prod: "p", lab: "l" } },
    { site: "b", retention },
  ].map((target) => planTargetSchema.parse(target));
  assert.match(firstRunText({ targets }, []), /in full to b, c:/);
  const text = planText({ ...plan, targets }, styleFor({ isTerminal: false, env: {} }));
  assert.match(text, /\nTargets +b, keeps 2 groups\n +c, keeps 2 groups, switches lab → l, prod → p\n/);
});

test("a snapshot plan says nothing of compression, for it sends nothing", () => {
  const style = styleFor({ isTerminal: false, env: {} });
  assert.doesNotMatch(planText({ ...plan, kind: "snapshot" }, style), /Compression/);
  const targets = [planTargetSchema.parse({ site: "b", retention: { keepLast: 2 } })];
  assert.match(planText({ ...plan, targets }, style), /\nCompression +zstd, level 1$/);
});

test("a plan's stages are told in their order, with what comes between them", () => {
  const stages = [
    { objects: ["db", "\u001b[2Jx"], delaySeconds: 30, ready: { tcp: "db:5432" }, withinSeconds: 60 },
    { objects: ["web-*"], ready: { http: "http://web/health", status: 204 }, message: "Look at the page." },
    { objects: ["mail"], ready: { guestAgent: true } },
  ].map((stage) => stageSchema.parse(stage));
  const text = planText({ ...plan, stages }, styleFor({ isTerminal: false, env: {} }));
  const lines = [
    "1. db, \uFFFD[2Jx; then 30 s; then tcp db:5432, within 60 s",
    "2. web-*; then http://web/health answers 204; then a person goes on: Look at the page.",
    "3. mail; then their guest agents answer",
  ];
  for (const line of lines) assert.ok(text.includes(line), `${line} in ${text}`);
});

test("the next runs are told in the schedule's own zone, and why there are none", () => {
  const schedule = scheduleSchema.parse({ cycle: "daily", timeZone: "Asia/Shanghai" });
  assert.equal(
    slotsText({ schedule, slots: ["2026-03-01T17:00:00.000Z"] }),
    "It runs next at\n  2026-03-02 01:00:00 Asia/Shanghai",
  );
  assert.match(
    slotsText({ schedule, slots: ["2026-03-01T17:00:00.000Z"], isSuspended: true }),
    /^It is suspended\. When it is resumed, it runs next at\n/,
  );
  assert.match(slotsText({ schedule, slots: [] }), /ended/);
  assert.match(slotsText({ slots: [] }), /no schedule/);
  assert.equal(slotsText({ slots: [], isDeleted: true }), "It is deleted: it does not run any more.");
});

test("a monthly schedule says which months it leaves out, and how to have the last day of each", () => {
  const noteOf = (day: number | "last") => {
    const schedule = scheduleSchema.parse({ cycle: "monthly", day });
    return slotsText({ schedule, slots: ["2026-03-01T17:00:00.000Z"] }).split("\n")[2];
  };
  assert.equal(
    noteOf(31),
    "Without a run: February, April, June, September and November, which have no day 31. For the last day of every month write day: last.",
  );
  assert.match(noteOf(29) ?? "", /^Without a run: February, which has no day 29 but in leap years\./);
  assert.equal(noteOf(28), undefined);
  assert.equal(noteOf("last"), undefined);
});
