import assert from "node:assert/strict";
import { test } from "node:test";
import { agentTimings } from "../../gateway/agent/timings.ts";
import { countHour, gatewaysPerSite, type HourCounts } from "./hour.ts";
import { month, siteMonth } from "./month.ts";

const none = { count: 0, milliseconds: 0, writeUnits: 0, readUnits: 0 };
const nothing: HourCounts = {
  functions: { report: none, plan: none, sweep: none, overdue: none },
  sqs: { asking: 0, reports: 0, tasks: 0 },
  answers: { count: 0, bytes: 0 },
  ...{ reports: 0, largeReports: 0, failedReports: 0 },
};
const free = { idle: nothing, busy: nothing, forgotten: { writeUnits: 10, readUnits: 20 }, seconds: 3600 };
const costOf = (busy: Partial<HourCounts>, sites = 1) => {
  const counted = { ...free, busy: { ...nothing, ...busy } };
  return siteMonth(month(counted, sites), sites) - siteMonth(month(free, sites), sites);
};
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual}, not ${expected}`);

test("what two sites do in an hour is paid half by each, 730 times a month", () => {
  near(costOf({ sqs: { asking: 2000, reports: 0, tasks: 0 } }), (1000 * 730 * 0.4) / 1e6);
  const report = { count: 0, milliseconds: 0, writeUnits: 2000, readUnits: 4000 };
  near(costOf({ functions: { ...nothing.functions, report } }), (730 * (1000 * 0.625 + 2000 * 0.125)) / 1e6);
});

test("each run is forgotten some day", () => {
  const plan = { ...none, count: 2 };
  const ran = costOf({ functions: { ...nothing.functions, plan } });
  const deleted = (730 * (10 * 0.625 + 20 * 0.125)) / 1e6;
  const begun = (730 * (1 + 0.2)) / 1e6;
  assert.ok(ran > deleted + begun && ran < deleted + begun + 0.001, `${ran}`);
});

test("many sites share what the installation costs, and five reports a call", () => {
  const alone = siteMonth(month(free, 1), 1);
  const shared = siteMonth(month(free, 1000), 1000);
  assert.ok(alone > 2 && shared < 0.1, `${alone} and ${shared}`);
  const busy = { reports: 1000, functions: { ...nothing.functions, report: { ...none, count: 1000 } } };
  assert.ok(costOf(busy, 1000) < costOf(busy, 1));
});

test("the gateways' real agents are counted: what they ask for, and what they say", async () => {
  const seconds = 300;
  const load = { plans: 0, objects: 1, transferSeconds: 0 };
  const { sqs, functions, reports, failedReports } = await countHour(load, seconds);
  const gateways = 2 * gatewaysPerSite;
  const polls = (gateways * 3 * seconds) / agentTimings.pollSeconds;
  assert.ok(Math.abs(sqs.asking - polls) <= gateways * 3, `${sqs.asking} polls, not about ${polls}`);
  assert.ok(reports > 0 && sqs.reports > 0 && functions.report.count > 0);
  assert.equal(functions.sweep.count, seconds / 60);
  assert.deepEqual([sqs.tasks, functions.plan.count, failedReports], [0, 0, 0]);
});

test("runs are counted beside what is always going on: each begins, and comes to an end", async () => {
  const load = { plans: 2, objects: 2, transferSeconds: 20 };
  const { sqs, functions, failedReports } = await countHour(load, 2400, 60);
  assert.equal(functions.plan.count, 4);
  assert.equal(failedReports, 0);
  // A snapshot, two preparations, transfers and a publication, at the least, are sent and removed.
  assert.ok(sqs.tasks >= 4 * 2 * 4, `${sqs.tasks} requests for tasks`);
  assert.ok(functions.report.writeUnits > 4 * 50, `${functions.report.writeUnits} write units`);
});
