import { z } from "zod";
import { adoptedGroupsMax, adoptionIdSchema } from "./adoption/adoption.ts";
import { foreignGroupSchema } from "./adoption/foreign-plans.ts";
import { spaceQuestionIdSchema, spaceSchema } from "./deletion/space.ts";
import { facilitiesSchema } from "./facilities.ts";
import { damageSchema } from "./group.ts";
import { type GatewayId, gatewayIdSchema, instantSchema, runIdSchema, type SiteId, siteIdSchema } from "./ids.ts";
import { judgedObjectSchema } from "./judged-object.ts";
import { reasonSchema } from "./reason.ts";
import { refusedPeersSchema } from "./refused.ts";
import { attachedSchema } from "./restore/attach.ts";
import { stepSchema, toldProgressSchema } from "./run.ts";
import { gatewaySchema } from "./site.ts";
import { taskResultSchema } from "./task.ts";

/** The parts that were taken in are counted in one document. */
const partsMax = 10_000;

/** `PlaceRange`, of what a part of an inventory tells of. */
const placeSchema = z
  .string()
  .regex(/^[ -~]+$/)
  .max(700);
const placeRangeSchema = z.object({ after: placeSchema.optional(), until: placeSchema.optional() });

/** Which task a report is about. */
const about = {
  taskId: z.string().min(1).max(200),
  runId: runIdSchema,
  target: siteIdSchema,
  step: stepSchema,
  index: z.int().min(0),
  attempt: z.int().min(1),
  /**
   * The run's number, which tells it from a run of the same slot before the control plane's table
   * was set back.
   */
  sequence: z.int().min(1).optional(),
  /** The site of the gateway that says it. */
  siteId: siteIdSchema,
  gatewayId: gatewayIdSchema,
};

/** `number` counts from 0. A task that is done twice gives the same parts. */
export const reportPartSchema = z
  .object({ number: z.int().min(0), of: z.int().min(1).max(partsMax) })
  .refine(({ number, of }) => number < of, "its number is that of a part");
export type ReportPart = z.infer<typeof reportPartSchema>;

/**
 * Messages on the reports queue, from gateways. They may come twice, late and in any order.
 */
export const reportSchema = z.discriminatedUnion("kind", [
  /** Sent when a task is begun and every 15 s while it is worked on: the deadline moves on. */
  z.object({
    kind: z.literal("working"),
    ...about,
    progress: toldProgressSchema.optional(),
    /** Of `attaching`: where it is served. */
    attached: attachedSchema.optional().catch(undefined),
  }),
  z.object({
    kind: z.literal("completed"),
    ...about,
    result: taskResultSchema,
    /** Which part of a result that one message does not hold; absent: this is the whole of it. */
    part: reportPartSchema.optional(),
  }),
  z.object({
    kind: z.literal("failed"),
    ...about,
    reason: reasonSchema,
    retryable: z.boolean(),
    /** Something was acknowledged since the task was begun, so the count of tries starts again. */
    progressed: z.boolean(),
    /** Of GROUP_STALE: the number of the newest group that the site has or had. */
    newestSequence: z.int().min(1).optional(),
  }),
  /**
   * Sent by every gateway that has said nothing for 30 s, and when it has changed: it is alive, and
   * this is where it can be reached. What a gateway says of a task is a sign of life, too.
   */
  z.object({
    kind: z.literal("alive"),
    gateway: gatewaySchema.omit({ lastSeenAt: true }),
    /** What it has refused its peers since it said so last. Absent: nothing. */
    refused: refusedPeersSchema.optional(),
  }),
  /** What deleting would give back at the site: the answer to a question that it was asked. */
  z.object({
    kind: z.literal("space"),
    siteId: siteIdSchema,
    gatewayId: gatewayIdSchema,
    questionId: spaceQuestionIdSchema,
    /** Null: the storage can't tell. */
    space: spaceSchema.nullable(),
  }),
  /**
   * One of the groups of foreign plans that the site holds, or a piece of it: a part of the answer
   * to a question that it was asked. Without `told` there is none.
   */
  z.object({
    kind: z.literal("foreign-plans"),
    siteId: siteIdSchema,
    gatewayId: gatewayIdSchema,
    questionId: adoptionIdSchema,
    /** So many are told in all, and so many more there are. */
    groups: z.int().min(0).max(adoptedGroupsMax),
    leftOut: z.int().min(0),
    told: foreignGroupSchema.optional(),
  }),
  /**
   * What the site has, in parts of 200 objects or damages at most, each judged by itself.
   * `generation` is larger for what was seen later. A part tells all of the objects, or of the
   * damage, whose places lie in its range: what is not in it is gone. Gateways of before tell no
   * ranges.
   */
  z.object({
    kind: z.literal("inventory"),
    siteId: siteIdSchema,
    gatewayId: gatewayIdSchema,
    generation: z.int().min(0),
    part: z
      .int()
      .min(0)
      .max(partsMax - 1),
    parts: z.int().min(1).max(partsMax),
    observedAt: instantSchema,
    ranges: z.object({ objects: placeRangeSchema.optional(), damage: placeRangeSchema.optional() }).optional(),
    objects: z.array(judgedObjectSchema).max(200),
    /** In the first part. Absent: a gateway of before, which does not tell. */
    facilities: facilitiesSchema.optional().catch(undefined),
    /** What is damaged of the groups that the site has; gateways of before don't tell. */
    damage: z
      .array(z.unknown())
      .max(200)
      .default([])
      .transform((all) => all.flatMap((each) => damageSchema.safeParse(each).data ?? [])),
  }),
]);
export type Report = z.infer<typeof reportSchema>;
export type TaskReport = Extract<Report, { kind: "working" | "completed" | "failed" }>;

/** Whether it names a run; what does not is told again, or asked again. */
export const isAboutTask = (report: Report): report is TaskReport => "runId" in report;

/** The gateway that a report says it is from. */
export const senderOf = (report: Report): { readonly siteId: SiteId; readonly gatewayId: GatewayId } =>
  report.kind === "alive"
    ? { siteId: report.gateway.siteId, gatewayId: report.gateway.id }
    : { siteId: report.siteId, gatewayId: report.gatewayId };
