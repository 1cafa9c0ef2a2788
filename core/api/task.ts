import { z } from "zod";
import { adoptionCreateSchema } from "./adoption/adoption.ts";
import { toldPlanSchema } from "./adoption/told-plan.ts";
import { entriesMax } from "./bounds.ts";
import { revocationListSchema } from "./enrolment.ts";
import { orderAnswerSchema, orderTaskOfSchema, orderTermsSchema } from "./failover/order.ts";
import { listedGroupSchema } from "./group.ts";
import {
  gatewayIdSchema,
  groupIdSchema,
  instantSchema,
  planIdSchema,
  planNameSchema,
  runIdSchema,
  siteIdSchema,
  storageIdSchema,
} from "./ids.ts";
import { manifestHeadSchema } from "./manifest.ts";
import { mirrorSetSchema } from "./mirror-set.ts";
import { nameSchema, objectVolumesMax } from "./object/common.ts";
import { mappingSchema, objectConfigSchema } from "./object.ts";
import { compressionSchema, planEntrySchema, planObjectSchema, planObjectsMax, standInsMax } from "./plan.ts";
import { reasonSchema, warningsMax } from "./reason.ts";
import { attachTermsSchema } from "./restore/attach.ts";
import { rebuildOutlookSchema } from "./restore/way.ts";
import { rebuildWishesSchema } from "./restore/wishes.ts";
import { restoredMax, stepSchema, toldProgressSchema } from "./run.ts";
import { endpointSchema, gatewaySettingsSchema, siteLimitSchema } from "./site.ts";

/**
 * Messages on a site's task queue. A task's id is made of (run, step, target, object), so a task
 * that is sent twice is the same task; doing it twice gives the same result. `attempt` lets late
 * answers be told from current ones.
 */
/** Made by the control plane. */
const taskIdSchema = z.string().min(1).max(200);

const runTask = {
  id: taskIdSchema,
  runId: runIdSchema,
  planId: planIdSchema,
  groupId: groupIdSchema,
  sequence: z.int().min(1),
  /**
   * The site that the plan protects: half of the owner's tag. It need not be the one that sends.
   */
  source: siteIdSchema,
  /** The site whose lane of the run this is; for a snapshot plan, the source itself. */
  target: siteIdSchema,
  step: stepSchema,
  /**
   * Index of the object in the run, or of the volume where a task is about one
   * (`transferring`); 0 for a task about all of them. Of `reclaiming`, 0 is the target and 1 the
   * source. A version before, which knew objects of one volume each, counts the same.
   */
  index: z.int().min(0),
  attempt: z.int().min(1),
  /** The site whose gateways are to do it. */
  siteId: siteIdSchema,
  issuedAt: instantSchema,
};

/** A mirror volume of one object on a target, and the source volume it mirrors. */
export const mirrorVolumeSchema = z.object({ sourceVolumeId: storageIdSchema, mirrorVolumeId: storageIdSchema });

/** One volume's way from a snapshot to a mirror. */
export const volumeTransferSchema = z.object({
  snapshotId: storageIdSchema,
  /** The snapshot that the target's newest group mirrors, when the source still has it. */
  baseSnapshotId: storageIdSchema.nullable(),
  mirrorVolumeId: storageIdSchema,
});

/** A group that a restore reads, and the plan that it is of. */
const readGroupSchema = z.object({ planId: planIdSchema, groupId: groupIdSchema });

/**
 * The same where the sender finds the snapshots by itself: of a group that another run made, at
 * whichever site, or of the run's own where another site has taken the base.
 */
export const stagedTransferSchema = z.object({
  from: readGroupSchema,
  /** As the protected site calls the volume. */
  sourceVolumeId: storageIdSchema,
  mirrorVolumeId: storageIdSchema,
});

export const snapshotTaskSchema = z.object({
  ...runTask,
  kind: z.literal("snapshot"),
  /** Objects by name and rules: what is in the group is found out when it is taken. */
  objects: z.array(planEntrySchema).min(1).max(planObjectsMax),
  /** Kept with the group. Absent: a control plane of before. */
  planName: planNameSchema.optional(),
  /**
   * It is the safety group of a rollback: all of these objects or none, kept so long, and with no
   * place in the order of the plan's groups.
   */
  keepUntil: instantSchema.optional(),
  /** What restores write at the site now: a group with any of it waits. */
  locked: z
    .array(z.object({ id: storageIdSchema, runId: runIdSchema }))
    .max(entriesMax)
    .optional(),
  /**
   * The restores that made what stands for the plan's objects here, as `PlanPlace` has them. What
   * is snapshotted is told in home terms: with the ids, names and networks of the originals.
   */
  standIns: z.array(runIdSchema).max(standInsMax).optional(),
});
export const prepareTaskSchema = z.object({
  ...runTask,
  kind: z.literal("prepare"),
  object: objectConfigSchema,
  /** Absent: of a control plane of before, and of an object that is as it is at the source. */
  mapping: mappingSchema.optional(),
  /**
   * The site that sends the group to this one, and no other does. Absent: of a control plane of
   * before; then it is the one that the plan protects.
   */
  sender: siteIdSchema.optional(),
  /**
   * The mirror is a restore's, and goes with it; `planId` is of the restore's own making then.
   * `seed`: what the site has that the mirror may start from.
   */
  staged: z.object({ seed: readGroupSchema.nullable() }).optional(),
});
export const transferTaskSchema = z.object({
  ...runTask,
  kind: z.literal("transfer"),
  /** The site that it is sent to. Absent: of a control plane of before; then it is the target. */
  receiver: siteIdSchema.optional(),
  /** One: each volume is a task of its own. */
  volumes: z.array(z.union([volumeTransferSchema, stagedTransferSchema])).length(1),
  /**
   * The newest group that the target has published for this plan, or the restore's seed; null for a
   * first backup.
   */
  baseGroupId: groupIdSchema.nullable(),
  compression: compressionSchema,
  /**
   * `host:port` of the receiver's gateways that are alive, for where no Envoy balances between
   * them.
   */
  endpoints: z.array(endpointSchema).max(entriesMax),
});
export const publishTaskSchema = z.object({
  ...runTask,
  kind: z.literal("publish"),
  /**
   * The mirrors that were transferred to. A list of them where gateways of
   * before may have to do it.
   */
  mirrors: z.union([
    mirrorSetSchema,
    z
      .array(z.object({ index: z.int().min(0), volumes: z.array(mirrorVolumeSchema).max(objectVolumesMax) }))
      .min(1)
      .max(entriesMax),
  ]),
  manifest: z.object({
    ...manifestHeadSchema.shape,
    /** The run's, in their order. Null is one whose `prepare` said that the target keeps it. */
    objects: z.array(objectConfigSchema.nullable()).max(entriesMax),
    /** Kept with it. Absent: of a control plane of before, and of what is staged. */
    plan: toldPlanSchema.optional().catch(undefined),
  }),
});
/** What goes of what a restore has made at the site; `groupId` names the restore. */
const restoredTaskSchema = z.object({
  groupId: groupIdSchema,
  objects: z.array(planObjectSchema.pick({ kind: true, id: true })).max(restoredMax),
  /** And whatever else it has made there, told or not; from now on it makes nothing more. */
  rest: z.literal(true).optional(),
  /** A run that has one of them now: nothing is deleted as long as it has. */
  lockedBy: runIdSchema.optional(),
  /** What has anything that this group of the plan's has not stays, and is named in a warning. */
  unchangedSince: groupIdSchema.optional(),
});
export const reclaimTaskSchema = z.object({
  ...runTask,
  kind: z.literal("reclaim"),
  /** Empty: the site is only asked what it has. */
  groupIds: z.array(groupIdSchema).max(entriesMax),
  /**
   * What the choice counts on. Where one of these is missing, the store is not the one that it was
   * made by: nothing is deleted.
   */
  keeps: z.array(groupIdSchema).max(entriesMax).optional(),
  /** Of `deleting`: the plan's mirrors are released as well. */
  mirrors: z.literal(true).optional(),
  restored: restoredTaskSchema.optional(),
});
export const rebuildTaskSchema = z.object({
  ...runTask,
  kind: z.literal("rebuild"),
  /** The group to rebuild from; `groupId` names the restore itself. */
  fromGroupId: groupIdSchema,
  /** Whose that is, where it was brought here for the restore. Absent: the plan's. */
  fromPlanId: planIdSchema.optional(),
  /**
   * Which of the group's, and how that names it: what it is, the site's own store says. `name`
   * absent: of a control plane of before.
   */
  object: planObjectSchema.pick({ kind: true, id: true }).extend({ name: nameSchema.optional() }),
  /** What is made of it is to be called so. */
  name: nameSchema.min(1),
  wishes: rebuildWishesSchema.optional(),
  /** Also when damage was found in it. */
  evenDamaged: z.boolean().optional(),
});
const rollsBack = {
  ...runTask,
  /** What the objects become; `groupId` is the safety group, and names the rollback. */
  from: z.object({ planId: planIdSchema, groupId: groupIdSchema }),
  objects: z
    .array(planObjectSchema.pick({ kind: true, id: true }))
    .min(1)
    .max(planObjectsMax),
  discardChanges: z.boolean(),
  /**
   * Another group of the plan's that the objects are expected to be as now: without
   * `discardChanges`, what is other than that is not rolled back.
   */
  unchangedSince: groupIdSchema.optional(),
  /** As `SnapshotTask` has them: `objects` are the originals, and what stands for them is meant. */
  standIns: z.array(runIdSchema).max(standInsMax).optional(),
};
/** Whether objects can be rolled back, and what would be lost by it; nothing is changed. */
export const checkTaskSchema = z.object({
  ...rollsBack,
  kind: z.literal("check"),
  /** Of the group: since then nobody knows what was written, where the site has it no more. */
  takenAt: instantSchema,
  /** VMs that are on are switched off, when nothing else is in the way. */
  powerOff: z.boolean(),
});
export const rollbackTaskSchema = z.object({ ...rollsBack, kind: z.literal("rollback") });
/** A rollback that is not done is given up, and what it has written in place is put back. */
export const undoRollbackTaskSchema = z.object({ ...runTask, kind: z.literal("undo-rollback") });
/** It is worked on as long as the attachment lasts. `groupId` names that. */
export const attachTaskSchema = z.object({
  ...runTask,
  kind: z.literal("attach"),
  fromGroupId: groupIdSchema,
  /** Which of the group's: what it is, the site's own store says. */
  object: planObjectSchema.pick({ kind: true, id: true }),
  ...attachTermsSchema.shape,
});
/** What a failover has a site do. `groupId` names the restore, and nothing else. */
export const orderTaskSchema = z.object({
  ...runTask,
  kind: z.literal("order"),
  /** By which the objects are named; to `compare`, what they are to be like. */
  fromGroupId: groupIdSchema,
  /** As `OrderTerms` has them. */
  standIns: orderTermsSchema.shape.standIns,
  order: orderTaskOfSchema,
});
/** Whoever is writing to the group's mirrors is fenced off, and the group is never published. */
export const abortTaskSchema = z.object({ ...runTask, kind: z.literal("abort") });
/** Whatever was brought to the site for a restore goes, and is never brought again. */
export const unstageTaskSchema = z.object({ ...runTask, kind: z.literal("unstage") });

export const runTaskSchema = z.discriminatedUnion("kind", [
  snapshotTaskSchema,
  prepareTaskSchema,
  transferTaskSchema,
  publishTaskSchema,
  reclaimTaskSchema,
  rebuildTaskSchema,
  checkTaskSchema,
  rollbackTaskSchema,
  undoRollbackTaskSchema,
  attachTaskSchema,
  orderTaskSchema,
  abortTaskSchema,
  unstageTaskSchema,
]);
export const inventoryTaskSchema = z.object({
  kind: z.literal("inventory"),
  id: taskIdSchema,
  siteId: siteIdSchema,
  issuedAt: instantSchema,
});
/** What deleting would give back is worked out, and nothing is changed. */
export const spaceTaskSchema = z.object({
  kind: z.literal("space"),
  id: taskIdSchema,
  siteId: siteIdSchema,
  issuedAt: instantSchema,
  planId: planIdSchema,
  source: siteIdSchema,
  /** Of the plan's groups that the site has. */
  groups: z.union([z.literal("all"), z.array(groupIdSchema).max(entriesMax)]),
  mirrors: z.boolean(),
  restored: restoredTaskSchema.omit({ lockedBy: true }).optional(),
});
/**
 * All groups are told that were published at the site for plans of other sites, with their
 * manifests, and nothing is changed.
 */
export const foreignPlansTaskSchema = z.object({
  kind: z.literal("foreign-plans"),
  id: taskIdSchema,
  siteId: siteIdSchema,
  issuedAt: instantSchema,
  /** Only of plans of these names or ids. Absent: of all. */
  plans: adoptionCreateSchema.shape.plans,
});
/**
 * For one gateway of the site: how fast it may send from now on, and whose certificates it must not
 * believe. Another one that receives it gives it back.
 */
export const settingsTaskSchema = z.object({
  kind: z.literal("settings"),
  id: taskIdSchema,
  siteId: siteIdSchema,
  gatewayId: gatewayIdSchema,
  ...gatewaySettingsSchema.omit({ revocationsAt: true }).shape,
  /** The site's; each gateway takes an equal share, one of `gateways`. */
  limits: z.array(siteLimitSchema).max(entriesMax),
  revocations: revocationListSchema.optional(),
  issuedAt: instantSchema,
});
/** What a site's gateways work on, whichever of them takes it. */
export const workTaskSchema = z.discriminatedUnion("kind", [
  ...runTaskSchema.options,
  inventoryTaskSchema,
  spaceTaskSchema,
  foreignPlansTaskSchema,
]);
export const taskSchema = z.discriminatedUnion("kind", [...workTaskSchema.options, settingsTaskSchema]);

export type MirrorVolume = z.infer<typeof mirrorVolumeSchema>;
export type VolumeTransfer = z.infer<typeof volumeTransferSchema>;
export type StagedTransfer = z.infer<typeof stagedTransferSchema>;
export type SnapshotTask = z.infer<typeof snapshotTaskSchema>;
export type PrepareTask = z.infer<typeof prepareTaskSchema>;
export type TransferTask = z.infer<typeof transferTaskSchema>;
export type PublishTask = z.infer<typeof publishTaskSchema>;
export type ReclaimTask = z.infer<typeof reclaimTaskSchema>;
export type RebuildTask = z.infer<typeof rebuildTaskSchema>;
export type CheckTask = z.infer<typeof checkTaskSchema>;
export type RollbackTask = z.infer<typeof rollbackTaskSchema>;
export type UndoRollbackTask = z.infer<typeof undoRollbackTaskSchema>;
export type AttachTask = z.infer<typeof attachTaskSchema>;
export type OrderTask = z.infer<typeof orderTaskSchema>;
export type AbortTask = z.infer<typeof abortTaskSchema>;
export type UnstageTask = z.infer<typeof unstageTaskSchema>;
export type RunTask = z.infer<typeof runTaskSchema>;
export type InventoryTask = z.infer<typeof inventoryTaskSchema>;
export type SpaceTask = z.infer<typeof spaceTaskSchema>;
export type ForeignPlansTask = z.infer<typeof foreignPlansTaskSchema>;
export type WorkTask = z.infer<typeof workTaskSchema>;
export type SettingsTask = z.infer<typeof settingsTaskSchema>;
export type Task = z.infer<typeof taskSchema>;

/** Whether it is given out in a run's name: what a gateway says of it names that run. */
export const isRunTask = (task: Task): task is RunTask => "runId" in task;

/** Of what can't be read in full, the id: the group is there. */
const toldGroupSchema = z.union([listedGroupSchema, listedGroupSchema.pick({ groupId: true })]);

/** An object that a run was to take and could not: its site has it no more, or it can't be used. */
export const goneObjectSchema = planObjectSchema.extend({
  /** The plan names it; else it came by a rule, and was in the plan's group before. */
  named: z.boolean(),
  /** The number of the newest group at the source that has it. Absent: none has. */
  lastSequence: z.int().min(1).optional(),
  /**
   * Why it can't be used although it is there; a warning says so as well. Absent: it is not there.
   */
  unusable: z.string().min(1).max(1024).optional(),
});
export type GoneObject = z.infer<typeof goneObjectSchema>;

const toldWarningsSchema = z.array(reasonSchema).max(warningsMax).optional();

/** What a task came to. `objects` of a snapshot are in the order of the task's. */
export const taskResultSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("snapshot"),
    takenAt: instantSchema,
    /**
     * The index in the task's objects of the first that is told here: the others
     * come in other reports.
     */
    from: z.int().min(0).default(0),
    objects: z
      .array(
        z.object({
          config: objectConfigSchema,
          /** In the order of `config.volumes`. */
          snapshotIds: z.array(storageIdSchema).min(1).max(objectVolumesMax),
          /**
           * The index among the task's entries of the one that it is in the group
           * for. Absent: its own.
           */
          because: z.int().min(0).optional(),
          /**
           * The places in `config.volumes` of those that an object before it has as well: they
           * travel once, for that one. Absent: none.
           */
          repeated: z.array(z.int().min(0)).max(objectVolumesMax).optional(),
        }),
      )
      .max(entriesMax),
    /**
     * How many volumes the objects before `from` have, those that several objects have counted
     * once. Absent: `from`.
     */
    fromVolume: z.int().min(0).optional(),
    /** In the first part, and where they are too many for one message, in those that follow. */
    gone: z.array(goneObjectSchema).max(entriesMax).optional(),
    /** In the first part: what else is to be known, for instance that an object can't be used. */
    warnings: z.array(reasonSchema).max(warningsMax).optional(),
  }),
  z.object({
    kind: z.literal("prepare"),
    volumes: z.array(mirrorVolumeSchema).min(1).max(objectVolumesMax),
    /**
     * The target keeps the object's configuration for the group: publishing need not tell it again.
     */
    keepsConfig: z.boolean().optional(),
    /** What of the object's network is not connected, for instance. */
    warnings: z.array(reasonSchema).max(warningsMax).optional(),
  }),
  z.object({ kind: z.literal("transfer"), progress: toldProgressSchema }),
  z.object({
    kind: z.literal("publish"),
    publishedAt: instantSchema,
    sizeBytes: z.int().min(0),
    rebuild: rebuildOutlookSchema.optional().catch(undefined),
  }),
  z.object({
    kind: z.literal("reclaim"),
    deleted: z.array(groupIdSchema).max(entriesMax),
    /**
     * All groups of the plan that the site has afterwards, as far as `groups` does not tell of
     * them; older gateways say it all here. What is no id of ours takes nothing from the others.
     */
    present: z
      .array(z.unknown())
      .max(entriesMax)
      .default([])
      .transform((ids) => ids.flatMap((id) => groupIdSchema.safeParse(id).data ?? [])),
    /** The same with what tells them from others of the same id. */
    groups: z
      .array(z.unknown())
      .max(entriesMax)
      .transform((groups) => groups.flatMap((group) => toldGroupSchema.safeParse(group).data ?? []))
      .optional(),
    /** What a restore has made, and stays. */
    warnings: toldWarningsSchema,
  }),
  z.object({ kind: z.literal("rebuild"), object: objectConfigSchema }),
  z.object({ kind: z.literal("check"), warnings: toldWarningsSchema }),
  z.object({ kind: z.literal("rollback"), warnings: toldWarningsSchema }),
  z.object({ kind: z.literal("undo-rollback"), warnings: toldWarningsSchema }),
  /** The attachment's time is over. */
  z.object({ kind: z.literal("attach"), progress: toldProgressSchema }),
  z.object({ kind: z.literal("order"), order: orderAnswerSchema }),
  z.object({ kind: z.literal("abort") }),
  z.object({ kind: z.literal("unstage") }),
]);
export type TaskResult = z.infer<typeof taskResultSchema>;
export type TaskResultOf<K extends TaskResult["kind"]> = Extract<TaskResult, { kind: K }>;
