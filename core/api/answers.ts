import { z } from "zod";
import { boundedRecord, codeSchema, entriesMax, sentenceSchema } from "./bounds.ts";
import { facilitiesSchema } from "./facilities.ts";
import { damageSchema, groupSchema } from "./group.ts";
import {
  groupIdSchema,
  instantSchema,
  planIdSchema,
  planNameSchema,
  runIdSchema,
  siteIdSchema,
  storageIdSchema,
} from "./ids.ts";
import { leftOutsSchema, nameSchema, objectKindSchema, textSchema } from "./object/common.ts";
import { objectConfigSchema, unusableObjectSchema } from "./object.ts";
import { cursorSchema, pageItemsMax } from "./pages.ts";
import {
  planEntrySchema,
  planObjectSchema,
  planObjectsMax,
  planRulesMax,
  planSchema,
  planTargetsMax,
  scheduleSchema,
} from "./plan.ts";
import { reasonSchema } from "./reason.ts";
import { baseSchema, partsOf, progressSchema, runPlanSchema, runSchema, skipSchema, targetRunSchema } from "./run.ts";
import { gatewaySchema, switchMapSchema } from "./site.ts";

/** Bodies of HTTP answers that are more than a stored document. */

/** So many things that are wrong with a request are told. */
export const issuesMax = 1000;

/**
 * Every refusal and failure. `code` is one of `errorCodes`; `issues` say which fields of the
 * request are wrong.
 */
export const errorBodySchema = z.object({
  error: z.object({
    code: codeSchema,
    message: sentenceSchema,
    hint: sentenceSchema.optional(),
    issues: z
      .array(z.object({ path: sentenceSchema, message: sentenceSchema }))
      .max(issuesMax)
      .optional(),
  }),
});
export type ErrorBody = z.infer<typeof errorBodySchema>;

/**
 * Without a cursor the list is at its end. `unreadable`: so many documents of the page are damaged,
 * and left out.
 */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item).max(pageItemsMax),
    cursor: cursorSchema.optional(),
    unreadable: z.int().min(1).optional(),
  });

/** What a site has; `observedAt`: when a gateway last saw all of it. */
export const objectsAnswerSchema = pageOf(z.union([unusableObjectSchema, objectConfigSchema])).extend({
  siteId: siteIdSchema,
  observedAt: instantSchema,
});
export type ObjectsAnswer = z.infer<typeof objectsAnswerSchema>;

/** What a site has besides objects, and which of its switches are which at its targets. */
export const facilitiesAnswerSchema = z.object({
  siteId: siteIdSchema,
  /** Absent, with `facilities`: no gateway of the site has told yet. */
  observedAt: instantSchema.optional(),
  facilities: facilitiesSchema.optional(),
  /** By target. */
  switchMaps: boundedRecord(siteIdSchema, switchMapSchema, entriesMax),
});
export type FacilitiesAnswer = z.infer<typeof facilitiesAnswerSchema>;

/**
 * Why other gateways refuse one although it is alive: its certificate has expired, or is not valid
 * before a later time.
 */
const certificateProblemSchema = z.enum(["expired", "not-yet-valid"]);

/** `alive`: it was heard of within `gatewayAbsentAfterSeconds`. */
export const gatewayAnswerSchema = gatewaySchema.extend({
  alive: z.boolean(),
  certificateProblem: certificateProblemSchema.optional(),
});
export type GatewayAnswer = z.infer<typeof gatewayAnswerSchema>;

/** An object that a plan's next run will take, and why; or one that it names and that is gone. */
export const planMemberSchema = planObjectSchema.extend({
  /** In words: `it is named`, `vm web-*`, `it is below /exports/e1/vm`. */
  because: sentenceSchema,
  leftOut: leftOutsSchema.optional(),
  /**
   * It is not there any more since this instant; its newest restore points are kept, of one by a
   * rule until `keptUntil`.
   */
  goneSince: instantSchema.optional(),
  keptUntil: instantSchema.optional(),
  /** It can't be protected as it is; a clause. */
  unusable: sentenceSchema.optional(),
  /**
   * The id of another object of the same kind and name that is there, where this one is not; the
   * plan does not take it.
   */
  namesake: storageIdSchema.optional(),
  /**
   * Virtual switches that it uses, and targets of the plan where nothing takes their place: it is
   * not connected there.
   */
  unmapped: z
    .array(z.object({ virtualSwitch: textSchema, targets: z.array(siteIdSchema).max(planTargetsMax) }))
    .max(entriesMax)
    .optional(),
});
export type PlanMember = z.infer<typeof planMemberSchema>;

/**
 * A page of a plan's members: those that are named, those by rules, those that are gone.
 * A page may be short.
 */
export const planMembersAnswerSchema = pageOf(planMemberSchema).extend({
  /**
   * Mirrors among what was looked at for this page that a rule would fit, and how many: no plan
   * takes them. Absent: none.
   */
  mirrors: z
    .array(z.object({ because: sentenceSchema, count: z.int().min(1) }))
    .max(planRulesMax)
    .optional(),
  /** When a gateway last saw all that the source has. Absent: none has told yet. */
  observedAt: instantSchema.optional(),
});
export type PlanMembersAnswer = z.infer<typeof planMembersAnswerSchema>;

export const runStatusSchema = z.enum(["queued", "running", "succeeded", "partly", "failed", "cancelled", "skipped"]);

/** The last run of a plan that came to something; restores are none. */
const lastRunSchema = z.object({
  id: runIdSchema,
  slot: instantSchema,
  status: runStatusSchema.extract(["succeeded", "partly", "failed", "cancelled"]),
  endedAt: instantSchema.nullable(),
});

/** A plan with its entries. */
export const planAnswerSchema = planSchema.extend({
  objects: z.array(planEntrySchema).max(planObjectsMax),
  /**
   * Of a plan that was just made or changed: objects of which something is left out, the first
   * hundred. Absent: there are none; and of a plan that is only looked at, whose members tell it.
   */
  leftOut: z.array(planMemberSchema).max(pageItemsMax).optional(),
  /**
   * Of a plan that was just made or changed: what is to be known of it, a pool that is
   * too small for instance.
   */
  warnings: z.array(reasonSchema).max(entriesMax).optional(),
  /** Of a plan that is looked at. Null: there was none yet. */
  lastRun: lastRunSchema.nullable().optional(),
});
export type PlanAnswer = z.infer<typeof planAnswerSchema>;

/** A plan in a list; the plan itself has the rest. */
export const planSummarySchema = planSchema.omit({ objectSet: true, lanes: true, compression: true, stages: true });
export type PlanSummary = z.infer<typeof planSummarySchema>;

/**
 * Slots to come, oldest first. Empty: the plan has no schedule, it has ended, or the plan is
 * deleted.
 */
export const scheduleAnswerSchema = z.object({
  schedule: scheduleSchema.optional(),
  slots: z.array(instantSchema).max(pageItemsMax),
  /** The plan is suspended: none of them gets a run before it is resumed. */
  isSuspended: z.literal(true).optional(),
  /** The plan is deleted: it has no run any more. */
  isDeleted: z.literal(true).optional(),
});

/**
 * A group in a list. With `damage` it is no longer what it was: its site has found extents that it
 * can't read.
 */
export const groupAnswerSchema = groupSchema.extend({
  damage: z
    .array(damageSchema.omit({ groupId: true }))
    .max(entriesMax)
    .optional(),
});
export type GroupAnswer = z.infer<typeof groupAnswerSchema>;

/**
 * Of which plan a line of a list across plans is. `isPlanDeleted`: another may have the name now.
 */
export const ofPlanSchema = z.object({ planName: planNameSchema, isPlanDeleted: z.literal(true).optional() });
export type OfPlan = z.infer<typeof ofPlanSchema>;

/** A group in a list across plans. */
export const groupListEntrySchema = groupAnswerSchema.extend(ofPlanSchema.shape);
export type GroupListEntry = z.infer<typeof groupListEntrySchema>;

/**
 * `namesakes`: deleted plans that were called what was asked for, and have groups there, up to ten.
 * Absent: none, or not the first page.
 */
export const groupListSchema = pageOf(groupListEntrySchema).extend({
  namesakes: z.array(planIdSchema).max(10).optional(),
});
export type GroupList = z.infer<typeof groupListSchema>;

const verdictSchema = z.object({
  group: groupSchema,
  verdict: z.enum(["keep", "delete"]),
  /** The rule that decided. */
  rule: textSchema,
  explanation: sentenceSchema,
});

export const retentionAnswerSchema = z.object({
  sites: z.array(z.object({ site: siteIdSchema, groups: z.array(verdictSchema).max(entriesMax) })).max(entriesMax),
});
export type RetentionAnswer = z.infer<typeof retentionAnswerSchema>;

const targetSummarySchema = targetRunSchema.omit({ endedIn: true, unsettled: true });

/**
 * A run in a list. `objectCount` is of objects, once its snapshot is taken; before that
 * of the plan's entries.
 */
export const runSummarySchema = runSchema
  .omit({ targets: true })
  .extend({ status: runStatusSchema, targets: partsOf(targetSummarySchema) });
export type RunSummary = z.infer<typeof runSummarySchema>;

/** A plan in the list of plans. */
export const planListEntrySchema = planSummarySchema.extend({
  /** Null: there was none yet. */
  lastRun: lastRunSchema.nullable(),
});
export type PlanListEntry = z.infer<typeof planListEntrySchema>;

/**
 * What became of a plan's slots, and the runs that a person asked for: every slot is a run or part
 * of a skip (I11).
 */
const runEntrySchema = z.object({ type: z.literal("run"), run: runSummarySchema });
const skipEntrySchema = z.object({ type: z.literal("skip"), skip: skipSchema });
export const historyEntrySchema = z.discriminatedUnion("type", [runEntrySchema, skipEntrySchema]);
export type HistoryEntry = z.infer<typeof historyEntrySchema>;

/** The same in a list across plans. */
export const runListEntrySchema = z.discriminatedUnion("type", [
  runEntrySchema.extend(ofPlanSchema.shape),
  skipEntrySchema.extend(ofPlanSchema.shape),
]);
export type RunListEntry = z.infer<typeof runListEntrySchema>;

/** The sum over all objects. */
export const progressSumSchema = progressSchema.omit({ phase: true, rate: true }).extend({
  objectsTotal: z.int().min(0),
  objectsDone: z.int().min(0),
  /** Those whose mirrors are as they are to be (W10). Absent: the run has no such step. */
  objectsPrepared: z.int().min(0).optional(),
  /**
   * Volumes whose data is sent, each once. Absent: before the snapshot, and where
   * objects have one each.
   */
  volumesTotal: z.int().min(0).optional(),
  volumesDone: z.int().min(0).optional(),
});
export type ProgressSum = z.infer<typeof progressSumSchema>;

export const runTargetSchema = targetSummarySchema.extend({
  site: siteIdSchema,
  /**
   * Which try of the current step this is, counted since it last made progress;
   * the first is 1 (W21).
   */
  attempt: z.int().min(1),
  attemptsMax: z.int().min(1),
  /** Why nothing moves at the moment. Null: somebody is at work, or it is over. */
  waitsFor: sentenceSchema.nullable(),
  /** What the transfer is measured against, once it has begun: a full one says why (I4). */
  base: z
    .object({
      baseGroupId: groupIdSchema.nullable(),
      why: baseSchema.shape.why,
    })
    .nullable(),
  progress: progressSumSchema,
  /**
   * How fast it goes, by the last seconds and the site's limit. `secondsLeft` is null while it
   * can't be told. Absent or null: nothing goes, or there is nothing to go by yet.
   */
  pace: z
    .object({ bytesPerSecond: z.number().min(0), secondsLeft: z.number().min(0).nullable() })
    .nullable()
    .optional(),
  /** An object that is worked on now, the first of them. Null: none is. */
  current: z.object({ index: z.int().min(0), name: nameSchema, phase: progressSchema.shape.phase }).nullable(),
});
export type RunTarget = z.infer<typeof runTargetSchema>;

/** One object of a run, and how far it is at one target. */
export const runObjectSchema = z.object({
  index: z.int().min(0),
  kind: objectKindSchema,
  id: storageIdSchema,
  name: nameSchema,
  progress: progressSchema,
  /** Of its own; absent: a run of a version before, one. */
  volumes: z.int().min(0).optional(),
  /** Why it is in the run, in words, where it was not named. */
  because: sentenceSchema.optional(),
  /** What of it is not in the run, and why. */
  leftOut: leftOutsSchema.optional(),
  /** Of a rebuild: what was made of it. Absent: nothing yet. */
  rebuilt: z
    .object({
      id: storageIdSchema,
      name: nameSchema,
      /**
       * Of a LUN: where it lies. `lunIdBefore`: the id that the original had, where
       * this one is another.
       */
      lun: z.object({ target: textSchema, lunId: z.int().min(0), lunIdBefore: z.int().min(0).optional() }).optional(),
      /** Of a VM, as it was made: whether it is on, and how many of its NICs are connected. */
      vm: z.object({ on: z.boolean(), nics: z.int().min(0), connected: z.int().min(0) }).optional(),
    })
    .optional(),
});
export type RunObject = z.infer<typeof runObjectSchema>;

/** One run with everything that a person wants to know while it goes on. */
export const runAnswerSchema = runSchema.omit({ targets: true }).extend({
  status: runStatusSchema,
  ...ofPlanSchema.shape,
  /** What is to be known of it although it goes on: an object that is gone, for instance. */
  warnings: z.array(reasonSchema).max(entriesMax).optional(),
  restore: runPlanSchema.shape.restore,
  /**
   * Reports about it that could not be taken in. What they would have said is asked for again;
   * `redrive` takes them in.
   */
  deadLetters: z.int().min(0),
  targets: z.array(runTargetSchema).max(planTargetsMax),
});
export type RunAnswer = z.infer<typeof runAnswerSchema>;
