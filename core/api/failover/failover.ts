import { z } from "zod";
import {
  failoverIdSchema,
  groupIdSchema,
  instantSchema,
  planIdSchema,
  planNameSchema,
  runIdSchema,
  siteIdSchema,
} from "../ids.ts";
import { planObjectSchema, planPlaceSchema } from "../plan.ts";
import { reasonSchema, warningsMax } from "../reason.ts";
import { failoverWishSchema } from "./request.ts";

/**
 * What a failover does now, or has come to. Its home is the site that the plan protects; _there_ is
 * the site that it goes to.
 */
export const failoverStateSchema = z.enum([
  // On its way there.
  "looking",
  "stopping",
  "confirming",
  "sending",
  "comparing",
  "rebuilding",
  "unmaking",
  "placing",
  "starting",
  "failed-over",
  // On its way back home, with what was written there.
  "stopping-there",
  "confirming-back",
  "sending-back",
  "comparing-there",
  "comparing-here",
  "rolling-back",
  "rebuilding-beside",
  "unmaking-beside",
  "placing-back",
  "starting-here",
  "removing",
  "home",
  // The way back home was given up: there again.
  "stopping-here",
  "placing-again",
  "resuming",
  "clearing",
  // Home again, as if nothing had been.
  "undo-stopping",
  "undo-comparing",
  "undo-looking",
  "undo-placing",
  "undo-starting",
  "undo-removing",
  "undone",
  // Of a test.
  "testing",
  "removed",
]);
export type FailoverState = z.infer<typeof failoverStateSchema>;

/** What people say to a failover that is there. */
export const failoverCommandSchema = z.enum(["continue", "undo", "failback"]);
export type FailoverCommand = z.infer<typeof failoverCommandSchema>;

/** A group from which objects are made, or with which they are compared. */
export const failoverGroupSchema = z.object({ id: groupIdSchema, takenAt: instantSchema });
export type FailoverGroup = z.infer<typeof failoverGroupSchema>;

/** So many objects are named by a failover; more are counted in a warning. */
export const namedMax = 200;
const namedSchema = z.array(planObjectSchema).max(namedMax);
export type FailoverObject = z.infer<typeof planObjectSchema>;

/** More restores than this nobody begins for one failover. */
export const madeMax = 50;
/** So many steps are remembered, the newest. */
export const stepsShownMax = 60;

/** A step that was gone, and what came of it. */
export const failoverStepSchema = z.object({
  state: failoverStateSchema,
  /** When it was come to, or begun again. */
  at: instantSchema,
  endedAt: instantSchema.optional(),
  runId: runIdSchema.optional(),
  /** Why it came to nothing. */
  reason: reasonSchema.optional(),
});
export type FailoverStep = z.infer<typeof failoverStepSchema>;

/** A plan's way to another site, and back: one document, which goes from state to state. */
export const failoverSchema = z.object({
  id: failoverIdSchema,
  planId: planIdSchema,
  planName: planNameSchema,
  kind: failoverWishSchema.shape.kind,
  home: siteIdSchema,
  to: siteIdSchema,
  createdAt: instantSchema,
  endedAt: instantSchema.optional(),
  state: failoverStateSchema,
  since: instantSchema,
  /** The run that does it; absent while none is on its way. */
  runId: runIdSchema.optional(),
  /** Tries of this state, of which the present one is the last. */
  attempt: z.int().min(1),
  /** Of what is switched on in stages: the one that is next. */
  stage: z.int().min(0),
  /** Why it waits here for `continue`, `undo` or `failback`. */
  halted: reasonSchema.optional(),
  /** When it tries again by itself. */
  retryAt: instantSchema.optional(),
  /** What follows when the run that is on its way has ended, instead of what would. */
  turning: failoverCommandSchema.optional(),
  discardChanges: z.literal(true).optional(),

  /** How what is made there is to be other than it was. */
  wishes: failoverWishSchema.pick({ renames: true, pool: true, switches: true }),
  /** When a test is over. */
  until: instantSchema.optional(),
  forSeconds: failoverWishSchema.shape.forSeconds,

  /** The plan's place before; absent: its objects were at home, the originals. */
  placeBefore: planPlaceSchema.optional(),
  /** What it is made of there; of a planned one, once it has been sent. */
  group: failoverGroupSchema.optional(),
  /** What the objects at home equal, unless they have changed. */
  homeGroup: failoverGroupSchema.optional(),
  /** What was sent back. */
  backGroup: failoverGroupSchema.optional(),
  /** The restore that has made what stands for the plan's objects there. */
  madeThere: runIdSchema.optional(),
  /** All restores that may have made something there, or at home beside what has changed. */
  made: z.array(runIdSchema).max(madeMax),
  /** The same at home, for what is not overwritten. */
  madeHere: runIdSchema.optional(),
  madeBeside: z.array(runIdSchema).max(madeMax),
  /** The orders that may have switched machines off: what was on is started by them. */
  stopsHere: z.array(runIdSchema).max(madeMax),
  stopsThere: z.array(runIdSchema).max(madeMax),
  /** What the objects at home are, as the last comparison has it. */
  comparedBy: runIdSchema.optional(),
  /** It may have switched machines off at home. */
  stopped: z.literal(true).optional(),
  /** It may have placed the plan there. */
  placed: z.literal(true).optional(),
  /** It may have switched machines on there. */
  started: z.literal(true).optional(),
  /** What can't be switched off: people have to stop using it. */
  unstoppable: namedSchema.optional(),
  /** What has changed at home since the plan was placed there, and was not overwritten. */
  diverged: namedSchema.optional(),
  /** How many these are. */
  divergedCount: z.int().min(0).optional(),
  /** How many are as they were, so that they can be rolled back; and how many are not there. */
  asBeforeCount: z.int().min(0).optional(),
  missingCount: z.int().min(0).optional(),
  warnings: z.array(reasonSchema).max(warningsMax),
  steps: z.array(failoverStepSchema).max(stepsShownMax),
});
export type Failover = z.infer<typeof failoverSchema>;
