import { z } from "zod";
import { planSettingsSchema } from "./adoption/told-plan.ts";
import { boundedRecord, entriesMax } from "./bounds.ts";
import { orderSchema, orderTermsSchema } from "./failover/order.ts";
import {
  failoverIdSchema,
  groupIdSchema,
  instantSchema,
  planIdSchema,
  planNameSchema,
  runIdSchema,
  siteIdSchema,
} from "./ids.ts";
import { nameSchema, textCharactersMax, textSchema } from "./object/common.ts";
import {
  compressionSchema,
  planEntrySchema,
  planObjectSchema,
  planObjectsMax,
  planTargetsMax,
  standInsMax,
} from "./plan.ts";
import { reasonSchema } from "./reason.ts";
import { attachTermsSchema } from "./restore/attach.ts";
import { rollbackWishesSchema } from "./restore/rollback-wishes.ts";
import { rebuildOutlookSchema } from "./restore/way.ts";
import { rebuildWishesSchema } from "./restore/wishes.ts";

/**
 * What reads a group to have something of it back; `failover`: what a failover has a site do for
 * that.
 */
export const restoreKindSchema = z.enum(["rebuild", "rollback", "clone", "attach", "failover"]);
export type RestoreKind = z.infer<typeof restoreKindSchema>;

export const runKindSchema = z.enum(["snapshot", "backup", ...restoreKindSchema.options, "deletion"]);
export type RunKind = z.infer<typeof runKindSchema>;

/** The steps of a run at one target, in order; which of them a run has depends on its kind. */
export const stepSchema = z.enum([
  "snapshotting",
  "preparing",
  "transferring",
  "publishing",
  "reclaiming",
  "rebuilding",
  "checking",
  "rolling-back",
  "undoing",
  "deleting",
  "attaching",
  "looking",
  "stopping",
  "comparing",
  "starting",
  "readying",
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

/** What a target's transfers came to. */
export const movedSchema = z.object({
  /** In extents that hold something, of the size of all volumes; to the extent. */
  dataBytes: z.int().min(0),
  /** Bytes of content that differed. */
  bytesChanged: z.int().min(0),
  /** Bytes on the wire. */
  bytesSent: z.int().min(0),
});
export type Moved = z.infer<typeof movedSchema>;

/**
 * One target's part of a run. It changes once a step: what a step's tasks do lies in its shards.
 */
export const targetRunSchema = z.object({
  state: targetStateSchema,
  /** The step that is worked on; null before the start and after the end. */
  step: stepSchema.nullable(),
  /** Why it failed, was cancelled or skipped; while it is undone, why that is. */
  reason: reasonSchema.nullable(),
  /** A restore point is there, and something after it went wrong. */
  warning: reasonSchema.nullable(),
  startedAt: instantSchema.nullable(),
  endedAt: instantSchema.nullable(),
  /** The step that it had come to when it ended. */
  endedIn: stepSchema.optional(),
  /** Once its data has been sent, or no more is. Absent: also by an earlier version. */
  moved: movedSchema.optional(),
  /** It has ended, and what follows from that is not done yet: its lane is held. */
  unsettled: z.literal(true).optional(),
});
export type TargetRun = z.infer<typeof targetRunSchema>;

/** What a run is, from its beginning on. */
export const runHeadSchema = z.object({
  id: runIdSchema,
  planId: planIdSchema,
  kind: runKindSchema,
  /** Of kind `failover`. */
  order: orderSchema.optional(),
  /**
   * `clock`: its schedule, at a slot that has had its run already, since a clock was wrong and was
   * put right.
   */
  trigger: z.enum(["schedule", "person", "clock"]),
  slot: instantSchema,
  sequence: z.int().min(1),
  source: siteIdSchema,
  /**
   * Of a restore for which a group is brought to its target: the site that sends it. Absent: the
   * target has what it reads.
   */
  sender: siteIdSchema.optional(),
  /**
   * Of a plan whose objects are at another site than its source: that site, where the snapshot is
   * taken and from where it is sent. Absent: the source.
   */
  at: siteIdSchema.optional(),
  /** The failover that began it, and that goes on when it ends. */
  failoverId: failoverIdSchema.optional(),
  groupId: groupIdSchema,
  /**
   * What is known of it was taken from a site's manifest: another control plane made it, or this
   * one before its table was set back.
   */
  adopted: z.object({ from: siteIdSchema, objectsSha256: z.string().max(64) }).optional(),
  /** Of the plan's entries; which objects that is, its snapshot finds out. */
  objectCount: z.int().min(1),
  createdAt: instantSchema,
});
export type RunHead = z.infer<typeof runHeadSchema>;

/** One for each target; of a deletion, one for the source as well. */
export const partsMax = planTargetsMax + 1;

/** What a run has one of for each target. */
export const partsOf = <Part extends z.core.SomeType>(part: Part) =>
  boundedRecord(z.string().max(textCharactersMax), part, partsMax);

/** One execution of a plan: what it is, and one part a target. */
export const runSchema = runHeadSchema.extend({ targets: partsOf(targetRunSchema) });
export type Run = z.infer<typeof runSchema>;

/** So much that restores have made is deleted at once. */
export const restoredMax = 1000;

/**
 * What is deleted by hand, as it was confirmed. `groups`: of those that the plan has at the site;
 * all are those up to the run's number. `last`: also what is needed as the last good one.
 */
const deletionPlanSchema = z.object({
  sites: z
    .array(
      z.object({
        siteId: siteIdSchema,
        groups: z.union([z.literal("all"), z.array(groupIdSchema).max(entriesMax)]),
        mirrors: z.boolean(),
      }),
    )
    .max(partsMax),
  last: z.boolean(),
  despiteKeepUntil: z.boolean(),
  /** What a restore has made at the one site, as that calls it. */
  restored: z
    .object({
      restoreId: runIdSchema,
      objects: z.array(planObjectSchema.pick({ kind: true, id: true, name: true })).max(restoredMax),
      /** And what else it has made there: its site knows. */
      rest: z.literal(true).optional(),
      /** What has anything that this group has not stays. */
      unchangedSince: groupIdSchema.optional(),
    })
    .optional(),
});
export type DeletionPlan = z.infer<typeof deletionPlanSchema>;

/** What a run was told at its start, and which never changes afterwards. */
export const runPlanSchema = z.object({
  runId: runIdSchema,
  planName: planNameSchema,
  /**
   * Its copy of the plan's objects, where they are few; runs of an earlier version have all here.
   */
  objects: z.array(planEntrySchema).max(planObjectsMax).optional(),
  /** Else the name of the set that lies beside this. */
  objectSet: z.int().min(0).optional(),
  compression: compressionSchema,
  /** How the plan was set then: its targets keep it. Absent: of a version before. */
  settings: planSettingsSchema.optional(),
  /** What stood for the plan's objects when it began, as `PlanPlace` has it. */
  standIns: z.array(runIdSchema).max(standInsMax).optional(),
  /**
   * For a restore: the group it reads, what stands before the names of what is rebuilt, and whether
   * damage is taken along. `objects`: only these of the group's, by their index in the run that
   * took it, in their order; its own indices count these alone. Absent: all.
   */
  restore: z
    .object({
      fromRunId: runIdSchema,
      fromGroupId: groupIdSchema,
      /** Where that is read, and held. Absent: at the target, as a version before began it. */
      fromSiteId: siteIdSchema.optional(),
      namePrefix: z.string().max(textCharactersMax),
      evenDamaged: z.boolean().optional(),
      rollback: rollbackWishesSchema.optional(),
      /** What some of its own objects are called, by their index; the others by the prefix. */
      names: z
        .array(z.object({ index: z.int().min(0), name: nameSchema.min(1) }))
        .max(entriesMax)
        .optional(),
      wishes: rebuildWishesSchema.optional(),
      objects: z.array(z.int().min(0)).min(1).max(entriesMax).optional(),
      /** Of an attachment. */
      attach: attachTermsSchema.optional(),
      /** Of kind `failover`. */
      order: orderTermsSchema.optional(),
    })
    .optional(),
  deletion: deletionPlanSchema.optional(),
});
export type RunPlan = z.infer<typeof runPlanSchema>;

/**
 * Slots that got no run of their own, and why (I11). One record for a contiguous range of slots.
 */
export const skipSchema = z.object({
  planId: planIdSchema,
  firstSlot: instantSchema,
  lastSlot: instantSchema,
  count: z.int().min(1),
  /**
   * `clock`: a clock was wrong, and these had no run when it was put right. `failover`: one was
   * moving the plan's objects. `absent`: they are away, and no site that copies go to answered.
   */
  reason: z.enum(["suspended", "missed", "deleted", "clock", "failover", "absent"]),
});
export type Skip = z.infer<typeof skipSchema>;

/** Smaller ones but nothing, and larger ones, are no rates, and DynamoDB takes some of neither. */
const bytesPerSecondSchema = z
  .number()
  .min(0)
  .max(Number.MAX_SAFE_INTEGER)
  .refine((rate) => rate === 0 || rate > 1e-9);

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
  /**
   * Bytes of the snapshot that have to be read in all, as far as is known. Absent: nothing is, or
   * a gateway of before.
   */
  bytesToDo: z.int().min(0).optional(),
  /** Of these, those that are read and at the target. */
  bytesDone: z.int().min(0).optional(),
  /** Of the last seconds. Absent: there is nothing to go by yet. */
  rate: z
    .object({
      /** Of what is to do. */
      doneBytesPerSecond: bytesPerSecondSchema,
      sentBytesPerSecond: bytesPerSecondSchema,
    })
    .optional(),
});
export type Progress = z.infer<typeof progressSchema>;

/** As a gateway tells it: a rate that can't be is none, and takes nothing from the rest. */
export const toldProgressSchema = progressSchema.extend({ rate: progressSchema.shape.rate.catch(undefined) });

const sumOfSchema = progressSchema.omit({ phase: true, rate: true });
/** Of several objects. */
export type Progresses = z.infer<typeof sumOfSchema>;

/** What a target has published of a run. */
export const publishedSchema = z.object({
  publishedAt: instantSchema,
  sizeBytes: z.int().min(0),
  /** How the site would make its objects again; absent: by a gateway of before. */
  rebuild: rebuildOutlookSchema.optional(),
});
export type Published = z.infer<typeof publishedSchema>;

/** What a transfer is measured against, chosen once for a run and target. */
export const baseSchema = z.object({
  baseGroupId: groupIdSchema.nullable(),
  baseRunId: runIdSchema.nullable(),
  /** Another site took it than sends now: that has other snapshots of it. */
  ofAnotherSite: z.literal(true).optional(),
  /**
   * For people: a full transfer says why it is one (I4). Of a restore: both sites have the base
   * (`shared`), or the target alone (`seed`), or it has nothing of the plan (`nothing-there`).
   */
  why: z.enum([
    "first-backup",
    "increment",
    "base-gone-from-source",
    "base-gone-from-target",
    "shared",
    "seed",
    "nothing-there",
  ]),
});
export type Base = z.infer<typeof baseSchema>;

/**
 * What is in a snapshot group. Counts are absent where a version before took it:
 * objects of one volume each.
 */
export const takenSchema = z.object({
  at: instantSchema,
  sizeBytes: z.int().min(0),
  extents: z.int().min(0),
  objects: z.int().min(0).optional(),
  volumes: z.int().min(0).optional(),
  /**
   * In how many parts the answer came by whose documents it is known which volume is which
   * object's. Absent: each object has one, and has its index.
   */
  volumePages: z.int().min(1).optional(),
});
export type Taken = z.infer<typeof takenSchema>;

/**
 * A share of a step's tasks: every eighth of them. One at a time is given out, and what a report
 * about it changes is this document alone.
 */
export const shardSchema = z.object({
  step: stepSchema,
  /** 0 to 7: it has the tasks `shard`, `shard` + 8, … of `count`. */
  shard: z.int().min(0),
  /** Tasks of the step, all shards' together. */
  count: z.int().min(0),
  /** The task that is given out; `count` or more: all are done. */
  index: z.int().min(0),
  /** Tells this try's answers from those of earlier ones; of one task it never goes down. */
  attempt: z.int().min(1),
  /** Failures in a row without progress; the step fails at the limit (W21). */
  failures: z.int().min(0),
  /** It failed, and its next try has not been heard of. */
  waiting: z.literal(true).optional(),
  /** Of `reclaiming`: the site has said what it has, and is now told what to delete. */
  listed: z.literal(true).optional(),
  /** Times the task was sent again because nobody answered, since somebody last did. */
  silence: z.int().min(0),
  /** When somebody must have answered (I7). Null where nothing is given out. */
  deadline: instantSchema.nullable(),
  /** What went wrong last. */
  reason: reasonSchema.optional(),
  /** The target has no base of this object. */
  noBase: z.literal(true).optional(),
  /** Nothing is given out any more: the part was over before its tasks were. */
  closed: z.literal(true).optional(),
  /** Which parts of an answer in parts have come. */
  answered: z.object({ of: z.int().min(1), parts: z.array(z.int().min(0)).max(entriesMax) }).optional(),
  /** Of the task that is given out. */
  progress: progressSchema.optional(),
  /** Of the tasks that are done. */
  done: sumOfSchema.optional(),
  /** What all of its tasks are told. */
  source: siteIdSchema,
  sender: siteIdSchema.optional(),
  at: siteIdSchema.optional(),
  sequence: z.int().min(1),
  base: baseSchema.optional(),
  compression: compressionSchema.optional(),
  /** Of `transferring`: as `taken` has it. Absent: each object has one, and has its index. */
  volumePages: z.int().min(1).optional(),
  /** Of `preparing`: mirrors lie in this pool of the target. */
  pool: textSchema.optional(),
  /** How many warnings came of the tasks that are done; they are written down beside it. */
  warned: z.int().min(1).optional(),
  /** Of a publication that is done. */
  published: publishedSchema.optional(),
  /** Of a snapshot that is taken: what is in it. */
  taken: takenSchema.optional(),
});
export type Shard = z.infer<typeof shardSchema>;
