import type { SiteId } from "../api/ids.ts";
import type { Run, RunKind, Step, TargetRun, TargetState } from "../api/run.ts";

/** The steps of each kind of run at one target, in order (W10). */
export const stepsOf: Record<RunKind, readonly Step[]> = {
  snapshot: ["snapshotting", "reclaiming"],
  backup: ["snapshotting", "preparing", "transferring", "publishing", "reclaiming"],
  rebuild: ["rebuilding"],
};

/** The step after `step`; undefined after the last one. */
export const stepAfter = (kind: RunKind, step: Step): Step | undefined =>
  stepsOf[kind][stepsOf[kind].indexOf(step) + 1];

/** What there is to do in a step: indices of objects, or 0 for one task about all of them. */
export const indicesOf = (run: Run, step: Step): readonly number[] => {
  switch (step) {
    case "preparing":
    case "transferring":
    case "rebuilding":
      return Array.from({ length: run.objectCount }, (_, index) => index);
    case "reclaiming":
      // At the target, and at the source where the base of the next increment is kept.
      return run.kind === "backup" ? [0, 1] : [0];
    case "snapshotting":
    case "publishing":
      return [0];
  }
};

/** The site whose gateways do a step's task. */
export const siteOfTask = (run: Pick<Run, "source">, target: SiteId, step: Step, index: number): SiteId => {
  switch (step) {
    case "snapshotting":
    case "transferring":
      return run.source;
    case "preparing":
    case "publishing":
    case "rebuilding":
      return target;
    case "reclaiming":
      return index === 0 ? target : run.source;
  }
};

const ended: ReadonlySet<TargetState> = new Set(["succeeded", "failed", "cancelled", "skipped"]);

export const hasEnded = (part: TargetRun): boolean => ended.has(part.state);

/** The parts of a run, one a target, in the order of the targets. */
export const partsOf = (run: Run): readonly (readonly [SiteId, TargetRun])[] =>
  Object.entries(run.targets).map(([target, part]) => [target as SiteId, part] as const);

export type RunStatus = "queued" | "running" | "succeeded" | "partly" | "failed" | "cancelled" | "skipped";

/** The run as a whole, from its parts. `partly`: some targets have the group and others don't. */
export const statusOf = (run: Run): RunStatus => {
  const states = partsOf(run).map(([, part]) => part.state);
  if (states.every((state) => state === "queued")) return "queued";
  if (!states.every((state) => ended.has(state))) return "running";
  const worked = states.filter((state) => state !== "skipped");
  if (worked.length === 0) return "skipped";
  if (worked.every((state) => state === "succeeded")) return "succeeded";
  if (worked.some((state) => state === "succeeded")) return "partly";
  return worked.includes("failed") ? "failed" : "cancelled";
};

/**
 * Whether the run has ended without success at a site: at a target, its part; on the source, at
 * every target. What was passed over, because the site has the slot's group already, has not
 * failed.
 */
export const hasFailedAt = (run: Run, siteId: SiteId): boolean => {
  const state = run.targets[siteId]?.state ?? statusOf(run);
  return state === "failed" || state === "cancelled";
};
