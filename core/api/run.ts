import { z } from "zod";
import { groupIdSchema, instantSchema, planIdSchema, runIdSchema, siteIdSchema } from "./ids.ts";
import { compressionSchema, planObjectSchema } from "./plan.ts";

export const runKindSchema = z.enum(["snapshot", "backup", "rebuild"]);
export type RunKind = z.infer<typeof runKindSchema>;

/** The steps of a run at one target, in order; which of them a run has depends on its kind. */
export const stepSchema = z.enum([
  "snapshotting",
  "preparing",
  "transferring",
  "publishing",
  "reclaiming",
  "rebuilding",
]);
export type Step = z.infer<typeof stepSchema>;

export const targetStateSchema = z.enum([
  "queued",
  ...stepSchema.options,
  "waiting",
  "succeeded",
  "failed",
  "cancelled",
  "skipped",
]);
export type TargetState = z.infer<typeof targetStateSchema>;

/** A reason is kept with the run, for people; what is longer than this helps nobody. */
export const reasonCharactersMax = 2000;
export const reasonSchema = z.object({ code: z.string(), message: z.string() });
export type Reason = z.infer<typeof reasonSchema>;

/** A task that was given to a site and is not answered yet. */
export const inFlightSchema = z.object({
  index: z.int(),
  /** Tells this try's answers from those of earlier ones; never goes down. */
  attempt: z.int().min(1),
  /** Failures in a row without progress; the step fails at the limit (W21). */
  failures: z.int().min(0),
  /** It failed, and its next try has not been heard of. */
  waiting: z.boolean(),
  /** Of `reclaiming`: the site has said what it has, and is now told what to delete. */
  listed: z.literal(true).optional(),
});
export type InFlight = z.infer<typeof inFlightSchema>;

/** One target's part of a run. `pending` are indices into the run's objects that nobody was given yet. */
export const targetRunSchema = z.object({
  state: targetStateSchema,
  /** The step that is worked on, also while waiting; null before the start and after the end. */
  step: stepSchema.nullable(),
  pending: z.array(z.int()),
  inFlight: z.array(inFlightSchema),
  /** Times the current tasks were sent again because nobody answered, since somebody last did. */
  silence: z.int().min(0),
  /** When somebody must have answered (I7). Null where nobody is working. */
  deadline: instantSchema.nullable(),
  /** Why it failed, was cancelled or skipped; while waiting, what went wrong last. */
  reason: reasonSchema.nullable(),
  /** A restore point is there, and something after it went wrong. */
  warning: reasonSchema.nullable(),
  startedAt: instantSchema.nullable(),
  endedAt: instantSchema.nullable(),
});
export type TargetRun = z.infer<typeof targetRunSchema>;

/** One execution of a plan: everything that changes as it goes on. */
export const runSchema = z.object({
  id: runIdSchema,
  planId: planIdSchema,
  kind: runKindSchema,
  /**
   * `clock`: its schedule, at a slot that has had its run already, since a clock was wrong and was
   * put right.
   */
  trigger: z.enum(["schedule", "person", "clock"]),
  slot: instantSchema,
  sequence: z.int().min(1),
  source: siteIdSchema,
  groupId: groupIdSchema,
  objectCount: z.int().min(1),
  createdAt: instantSchema,
  targets: z.record(z.string(), targetRunSchema),
});
export type Run = z.infer<typeof runSchema>;

/** What a run was told at its start, and which never changes afterwards. */
export const runPlanSchema = z.object({
  runId: runIdSchema,
  planName: z.string(),
  objects: z.array(planObjectSchema),
  compression: compressionSchema,
  /**
   * For a restore: the group it reads, what stands before the names of what is rebuilt, and whether
   * damage is taken along.
   */
  restore: z
    .object({
      fromRunId: runIdSchema,
      fromGroupId: groupIdSchema,
      namePrefix: z.string(),
      evenDamaged: z.boolean().optional(),
    })
    .optional(),
});
export type RunPlan = z.infer<typeof runPlanSchema>;

/** Slots that got no run of their own, and why (I11). One record for a contiguous range of slots. */
export const skipSchema = z.object({
  planId: planIdSchema,
  firstSlot: instantSchema,
  lastSlot: instantSchema,
  count: z.int().min(1),
  /** `clock`: a clock was wrong, and these had no run when it was put right. */
  reason: z.enum(["suspended", "missed", "deleted", "clock"]),
});
export type Skip = z.infer<typeof skipSchema>;

/** How far one object's step at one target is, in its own units from the first second. */
export const progressSchema = z.object({
  phase: z.enum(["waiting", "comparing", "sending", "verifying", "done"]),
  extentsTotal: z.int().min(0),
  extentsDone: z.int().min(0),
  /** Extents whose token equals the base's, or that the target had already. */
  extentsUnchanged: z.int().min(0),
  extentsHole: z.int().min(0),
  bytesTotal: z.int().min(0),
  /** Bytes read from the source's snapshot. */
  bytesRead: z.int().min(0),
  /** Bytes of content that differed. */
  bytesChanged: z.int().min(0),
  /** Bytes on the wire: frames with their headers. */
  bytesSent: z.int().min(0),
});
export type Progress = z.infer<typeof progressSchema>;
