import {
  gatewayIdSchema,
  groupIdOf,
  type Instant,
  instantSchema,
  planIdSchema,
  runIdOf,
  siteIdSchema,
} from "../../core/api/ids.ts";
import type { Progress } from "../../core/api/run.ts";
import type { GatewayIdentity } from "./context.ts";

/**
 * What tests of tasks and of the agent agree on: a plan of site
 * `a`, its first run, a gateway of `a`.
 */
export const instant = (text: string): Instant => instantSchema.parse(text);
export const siteA = siteIdSchema.parse("a");
export const siteB = siteIdSchema.parse("b");
export const planId = planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAV");
export const runId = runIdOf(planId, instant("2026-03-01T01:00:00.000Z"));
export const groupId = groupIdOf(runId);

export const identity: GatewayIdentity = {
  id: gatewayIdSchema.parse("a1"),
  siteId: siteA,
  endpoint: "127.0.0.1:1",
  tunnel: "direct-tls",
  version: "0.0.0",
  storage: "extentstore",
};

/** The fields that every task of a run has. */
export const runTaskFields = {
  id: "task-1",
  runId,
  planId,
  groupId,
  sequence: 1,
  source: siteA,
  target: siteB,
  index: 0,
  attempt: 1,
  siteId: siteA,
  issuedAt: instant("2026-03-01T01:00:00.000Z"),
};

export const progressOf = (fields: Partial<Progress>): Progress => ({
  phase: "sending",
  extentsTotal: 0,
  extentsDone: 0,
  extentsUnchanged: 0,
  extentsHole: 0,
  bytesTotal: 0,
  bytesRead: 0,
  bytesChanged: 0,
  bytesSent: 0,
  ...fields,
});
