import type { Knowledge } from "./attack.ts";

/** A report that is a lie, as it goes into the queue. */
export interface Lie {
  readonly name: string;
  readonly report: object;
}

/** Who tells it. */
export interface Liar {
  readonly siteId: string;
  readonly gatewayId: string;
  /** Where its own listener is. */
  readonly endpoint: string;
}

const largest = Number.MAX_SAFE_INTEGER;
const farFuture = "2126-01-01T00:00:00.000Z";

/** The lies of a site that was taken over: about others' runs, and about its own. */
export const liesOf = ({ honest, ended }: Knowledge, me: Liar): readonly Lie[] => {
  const says = { siteId: me.siteId, gatewayId: me.gatewayId };
  const about = (runId: string, target: string, step: string, more: object = {}) => ({
    ...{ taskId: `${runId}.${step}.${target}.0`, runId, target, step, index: 0, attempt: 1 },
    ...says,
    ...more,
  });
  const snapshot = (takenAt: string) => ({
    ...{ kind: "snapshot", takenAt, from: 0 },
    objects: [{ config: honest.object, snapshotIds: honest.object.volumes.map(() => "nowhere") }],
  });
  const group = { groupId: honest.groupId, sequence: largest, takenAt: farFuture, volumeCount: 1, sizeBytes: 1 };
  const gateway = (id: string, siteId: string) => ({
    ...{ id, siteId, endpoint: me.endpoint, tunnel: "direct-tls", version: "0.1.0", storage: "extentstore" },
  });
  const inventory = (more: object) => ({
    ...{ kind: "inventory", ...says, generation: largest, part: 0, parts: 1, observedAt: farFuture, objects: [] },
    ...more,
  });
  const failed = (runId: string, target: string, step: string, more: object) => ({
    ...{ kind: "failed", ...about(runId, target, step), retryable: false, progressed: false },
    ...more,
  });
  const completed = (runId: string, target: string, step: string, result: object, more: object = {}) => ({
    ...{ kind: "completed", ...about(runId, target, step, more), result },
  });
  const now = new Date().toISOString();
  const other = { siteId: honest.source, gatewayId: `${honest.source}1` };
  const reason = { code: "STORE_CORRUPT", message: "all is lost" };
  return [
    {
      name: "a snapshot of another's run, in its site's name",
      report: completed(honest.runId, honest.target, "snapshotting", snapshot(now), other),
    },
    {
      name: "a snapshot of another's run, in its own name",
      report: completed(honest.runId, honest.target, "snapshotting", snapshot(now)),
    },
    {
      name: "that a task of another's run has failed",
      report: failed(honest.runId, honest.target, "transferring", { reason }),
    },
    {
      name: "a snapshot of a run that has ended",
      report: completed(ended.runId, ended.target, "snapshotting", snapshot(now)),
    },
    {
      name: "a group at a site that is no target of the plan",
      report: completed(honest.runId, me.siteId, "reclaiming", { kind: "reclaim", deleted: [], groups: [group] }),
    },
    {
      name: "that another's restore point is deleted",
      report: completed(honest.runId, honest.target, "reclaiming", {
        ...{ kind: "reclaim", deleted: [honest.groupId], groups: [] },
      }),
    },
    {
      name: "a result of another kind",
      report: completed(ended.runId, ended.target, "transferring", snapshot(now)),
    },
    {
      name: "a task that the run does not have",
      report: completed(ended.runId, ended.target, "snapshotting", snapshot(now), { index: 999 }),
    },
    { name: "that another site has nothing", report: inventory(other) },
    { name: "an inventory of the year 2126", report: inventory({}) },
    {
      name: "damage in another site's restore point",
      report: inventory({
        generation: Date.now(),
        observedAt: now,
        damage: [{ groupId: honest.groupId, volumeId: honest.object.volumes[0]?.id, name: "db", extents: 1 }],
      }),
    },
    {
      name: "the largest number of a group, of another's run",
      report: failed(honest.runId, honest.target, "preparing", {
        reason: { code: "GROUP_STALE", message: "newer ones are here" },
        newestSequence: largest,
      }),
    },
    {
      name: "the largest number of a group, of its own run",
      report: failed(ended.runId, ended.target, "preparing", {
        reason: { code: "GROUP_STALE", message: "newer ones are here" },
        newestSequence: largest,
      }),
    },
    {
      name: "a reason code of 250,000 characters",
      report: failed(ended.runId, ended.target, "snapshotting", {
        reason: { code: "X".repeat(250_000), message: "long" },
      }),
    },
    {
      name: "a reason that writes to the terminal",
      report: failed(ended.runId, ended.target, "snapshotting", {
        reason: { code: "\u001b]0;owned\u0007", message: "\u001b[2J all is well" },
      }),
    },
    {
      name: "a snapshot of the year 2126",
      report: completed(ended.runId, ended.target, "snapshotting", snapshot(farFuture)),
    },
    {
      name: "that another site's gateway is where it listens",
      report: { kind: "alive", gateway: gateway(`${honest.target}1`, honest.target) },
    },
    {
      name: "that it is a gateway that nobody enrolled",
      report: { kind: "alive", gateway: gateway("ghost", me.siteId) },
    },
  ];
};

/**
 * Another of the same, with something in it changed by chance.
 * @param next from 0 up to, not including, 1
 */
export const atRandom = (report: object, next: () => number): object => {
  const copy = structuredClone(report) as Record<string, unknown>;
  const strange: readonly unknown[] = [
    largest,
    -1,
    0.5,
    null,
    "",
    "x".repeat(100_000),
    [],
    {},
    farFuture,
    "\u0000",
    true,
  ];
  const change = (into: Record<string, unknown>): void => {
    const keys = Object.keys(into);
    const key = keys[Math.floor(next() * keys.length)];
    if (key === undefined) return;
    const value = into[key];
    if (typeof value === "object" && value !== null && next() < 0.7) change(value as Record<string, unknown>);
    else into[key] = strange[Math.floor(next() * strange.length)];
  };
  change(copy);
  if (next() < 0.3) change(copy);
  return copy;
};
