import assert from "node:assert/strict";
import { test } from "node:test";
import type { FailoverId, GroupId, PlanId, RunId, SiteId } from "../../core/api/ids.ts";
import type { Key } from "../../core/ports/store.ts";
import * as records from "./records.ts";
import { tableOf } from "./tables.ts";

const plan = "plan_00000000000000000000000001" as PlanId;
const run = "run_00000000000000000000000001_20260301T010000000Z" as RunId;
const [a, b] = ["a", "b"] as SiteId[] as [SiteId, SiteId];
const groupOfB = "group_00000000000000000000000001_20260301T010000000Z" as GroupId;
const at = "2026-03-01T01:00:00.000Z";

/** A key of each kind, by what makes it, that is not of the table of state. */
const elsewhere: Readonly<Record<string, readonly [Key, "access" | "audit"]>> = {
  siteKey: [records.siteKey(a), "access"],
  certificatesKey: [records.certificatesKey(a, "a1"), "access"],
  lastProofKey: [records.lastProofKey(a, "a1"), "access"],
  revocationsKey: [records.revocationsKey(a), "access"],
  enrolmentKey: [records.enrolmentKey("hash"), "access"],
  tokenKey: [records.tokenKey("hash"), "access"],
  takenOverKey: [records.takenOverKey, "access"],
  auditKey: [records.auditKey(at, "x"), "audit"],
};
const ofState: Readonly<Record<string, Key>> = {
  gatewayKey: records.gatewayKey(a, "a1"),
  inventoryHeadKey: records.inventoryHeadKey(a),
  objectKey: records.objectKey(a, "x"),
  objectNameKey: records.objectNameKey(a, "x", "y"),
  facilitiesKey: records.facilitiesKey(a),
  damageKey: records.damageKey(a, "x"),
  inventoryKey: records.inventoryKey(a, 1, 1),
  objectPageKey: records.objectPageKey(`PLAN#${plan}`, "set", 1),
  planKey: records.planKey(plan),
  planNameKey: records.planNameKey("nightly"),
  pastNameKey: records.pastNameKey("nightly", plan),
  goneKey: records.goneKey(plan, "lun", "x"),
  runKey: records.runKey(run),
  partKey: records.partKey(run, b),
  runOfKey: records.runKey(run),
  skipKey: records.skipKey(plan, at),
  failoverKey: records.failoverKey("failover_00000000000000000000000001_20260301T010000000Z" as FailoverId),
  failoverOfKey: records.failoverKey("failover_00000000000000000000000001_20260301T010000000Z" as FailoverId),
  currentFailoverKey: records.currentFailoverKey(plan, true),
  groupKey: records.groupKey(groupOfB, b),
  runPlanKey: records.runPlanKey(run),
  factKey: records.factKey(run, "preparing", b, 1),
  volumePageKey: records.volumePageKey(run, 1, 1),
  warningKey: records.warningKey(run, "preparing", b, 1),
  mappingKey: records.mappingKey(run, b),
  baseKey: records.baseKey(run, b),
  shardKey: records.shardKey(run, b, "preparing", 1),
  shardOfKey: records.shardKey(run, b, "preparing", 1),
  questionKey: records.questionKey(run, b, 0, "list"),
  deadLetterKey: records.deadLetterKey(run, "x"),
  expiryKey: records.expiryKey(run),
  expiriesKey: records.expiriesKey(at, run),
  outboxKey: records.outboxKey(records.planKey(plan), 1),
  refusalKey: records.refusalKey(at, "stranger", "FORBIDDEN"),
  lockKey: records.lockKey(a, "x"),
  spaceQuestionKey: records.spaceQuestionKey(a, "x"),
  adoptionKey: records.adoptionKey(a, "x"),
  manifestPieceKey: records.manifestPieceKey("x", groupOfB, 0),
  groupOutcomeKey: records.groupOutcomeKey("x", groupOfB),
  planOutcomeKey: records.planOutcomeKey("x", plan),
  stagedKey: records.stagedKey(run),
  stagedVolumesKey: records.stagedVolumesKey(run, 1),
  refusedPeersKey: records.refusedPeersKey(at, a, "a1"),
};

test("what says who may do what lies in the table of access, the audit trail in its own, and all else in that of state", () => {
  for (const [name, [key, table]] of Object.entries(elsewhere)) assert.equal(tableOf(key), table, name);
  for (const [name, key] of Object.entries(ofState)) assert.equal(tableOf(key), "state", name);
});

test("every kind of key is one of those", () => {
  const kinds = Object.keys(records).filter((name) => name.endsWith("Key"));
  assert.deepEqual(kinds.toSorted(), [...Object.keys(elsewhere), ...Object.keys(ofState)].toSorted());
});

test("a kind is looked for where its documents lie", () => {
  assert.equal(tableOf(records.certificatesKey(a, "")), "access");
  assert.equal(tableOf(records.gatewayKey(a, "")), "state");
  assert.equal(tableOf(records.auditKey("", "")), "audit");
});
