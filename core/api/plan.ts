import { z } from "zod";
import { adoptionIdSchema } from "./adoption/adoption.ts";
import { boundedRecord, entriesMax } from "./bounds.ts";
import { stageSchema, stagesMax } from "./failover/stage.ts";
import {
  failoverIdSchema,
  instantSchema,
  planIdSchema,
  planNameSchema,
  runIdSchema,
  siteIdSchema,
  storageIdSchema,
} from "./ids.ts";
import { nameSchema, objectKindSchema, textCharactersMax, textSchema } from "./object/common.ts";

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "HH:MM, 24 hours");
export const weekdaySchema = z.enum(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);

/** What a key without a default is to be, and that it is missing where it is. */
const wanted = (what: string) => ({
  error: ({ input }: { readonly input?: unknown }) => (input === undefined ? `missing (${what})` : what),
});

/**
 * W4. `every` counts from `startsOn`: every 2 days, every 3 weeks. Times are local
 * to `timeZone` (IANA).
 */
const common = {
  timeZone: z.string().max(100).default("UTC"),
  /** The first day that may have a slot, local; the anchor that `every` counts from. */
  startsOn: z.iso.date().default("2026-01-01"),
  /** No slot after this instant (W4: a plan can stop by itself). */
  endsAt: z.iso.datetime({ offset: true }).max(64).optional(),
};
export const scheduleSchema = z.discriminatedUnion("cycle", [
  z.strictObject({
    cycle: z.literal("hourly"),
    every: z.int().min(1).max(23).default(1),
    minute: z.int().min(0).max(59).default(0),
    ...common,
  }),
  z.strictObject({
    cycle: z.literal("daily"),
    every: z.int().min(1).max(365).default(1),
    at: timeOfDay.default("01:00"),
    ...common,
  }),
  z.strictObject({
    cycle: z.literal("weekly"),
    every: z.int().min(1).max(52).default(1),
    on: z.array(weekdaySchema, wanted("a list of weekdays, such as [mon, fri]")).min(1).max(7),
    at: timeOfDay.default("01:00"),
    ...common,
  }),
  z.strictObject({
    cycle: z.literal("monthly"),
    every: z.int().min(1).max(12).default(1),
    /** Day of the month, or `last`. A month that has no such day has no slot. */
    day: z.union([z.int().min(1).max(31), z.literal("last")], wanted("a day of the month, from 1 to 31, or last")),
    at: timeOfDay.default("01:00"),
    ...common,
  }),
]);
export type Schedule = z.infer<typeof scheduleSchema>;

/** W9: how many groups to keep. */
export const retentionSchema = z.strictObject({ keepLast: z.int().min(1).max(1000) });
export type Retention = z.infer<typeof retentionSchema>;

export const planObjectSchema = z.object({ kind: objectKindSchema, id: storageIdSchema, name: nameSchema });
export type PlanObject = z.infer<typeof planObjectSchema>;

/** What is neither an object nor a rule. */
const entryLacks =
  "it says only of which kind: give its `name` or `id`, or a rule: `match`, `label`, or `directory` of files";

/**
 * Objects that are found anew at each run: those of a kind that meet all that is given. Kept with
 * the plan as it is written.
 */
export const planRuleSchema = z
  .strictObject({
    kind: objectKindSchema,
    /** Names; `*` stands for any characters, `?` for one. Letters are compared as they are. */
    match: textSchema.optional(),
    /** `env=prod`, or `env` alone for any value. */
    label: textSchema.optional(),
    /**
     * `/exports/e1/vm`: every file below it, also those that come later. Of the
     * kind nfs-file alone.
     */
    directory: z
      .string()
      .max(255)
      .regex(/^\/exports\/[^/]+(\/[^/]+)*\/?$/, "a directory of an export, such as /exports/e1/vm")
      .optional(),
  })
  .refine(({ match, label, directory }) => match !== undefined || label !== undefined || directory !== undefined, {
    message: entryLacks,
    abort: true,
  })
  .refine(({ kind, directory }) => directory === undefined || kind === "nfs-file", {
    path: ["directory"],
    message: "only files of the kind nfs-file have directories",
  });
export type PlanRule = z.infer<typeof planRuleSchema>;

/** What a plan holds: an object by name, or a rule. Those of versions before are objects alone. */
export const planEntrySchema = z.union([planRuleSchema, planObjectSchema]);
export type PlanEntry = z.infer<typeof planEntrySchema>;

/** Also of what a person writes. */
export const isRule = (entry: PlanEntry | PlanNamed): entry is PlanRule =>
  "match" in entry || "label" in entry || "directory" in entry;

export const planTargetSchema = z.strictObject({
  site: siteIdSchema,
  retention: retentionSchema,
  /**
   * Source virtual switch → target virtual switch (W7); what is here goes before
   * the sites' own mapping.
   */
  switches: boundedRecord(textSchema, textSchema, entriesMax).default({}),
  /**
   * The target's storage pool that mirrors lie in. Absent: the one that it has
   * for what says nothing.
   */
  pool: textSchema.optional(),
});

/** W16: on by default. */
export const compressionSchema = z.strictObject({
  enabled: z.boolean().default(true),
  /** Of Zstandard. */
  level: z.int().min(-7).max(19).default(1),
  /** A block that changed in part is compressed by what the target has there. */
  dictionary: z.boolean().default(true),
});

export const planTargetsMax = 16;
export const planObjectsMax = 4000;
/** Of all objects of a run, each volume once. Documents' keys count them in five digits. */
export const runVolumesMax = 16_000;

/** Each is compared with every object of the source, in one go. */
export const planRulesMax = 500;

/** An object as a person names it. */
export const planNamedSchema = z
  .strictObject({ kind: objectKindSchema, id: storageIdSchema.optional(), name: z.string().max(1024).optional() })
  .refine(({ id, name }) => id !== undefined || name !== undefined, { message: entryLacks });
export type PlanNamed = z.infer<typeof planNamedSchema>;

/** What a person writes: the body of a create or an update, and plan.yaml. */
export const planDefinitionSchema = z.strictObject({
  name: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/, "letters, digits, dots, dashes, 63 characters at most"),
  source: siteIdSchema,
  /** Empty: a snapshot plan (W2). */
  targets: z.array(planTargetSchema).max(planTargetsMax).default([]),
  /** By `id`, or by `name` if only one object of the site has it; or a rule. */
  objects: z
    .array(z.union([planRuleSchema, planNamedSchema]))
    .max(planObjectsMax, `${planObjectsMax} objects at most: split them among several plans`),
  /** Without one the plan runs only when a person says so. */
  schedule: scheduleSchema.optional(),
  /** For the source site's own groups; needed by a snapshot plan. */
  retention: retentionSchema.optional(),
  compression: compressionSchema.prefault({}),
  /** In which order a failover starts objects, and what it waits for in between. */
  stages: z.array(stageSchema).min(1).max(stagesMax).optional(),
});
export type PlanDefinition = z.infer<typeof planDefinitionSchema>;

/** One lane a target: what runs there, and the newest run that waits for it (W22). */
export const laneSchema = z.object({ active: textSchema.nullable(), queued: textSchema.nullable() });

/** So many restores may have made what stands for a plan's objects. */
export const standInsMax = 100;

/**
 * Where a plan's objects are when they are not all the originals at home, the site that the plan
 * protects: its runs take their snapshots there. Objects, volumes and switches are told in home
 * terms all the same, so that mirrors stay what they are.
 */
export const planPlaceSchema = z.object({
  siteId: siteIdSchema,
  /**
   * The rebuilds that made what stands for the plan's objects there; of an object that several have
   * made, the last one's. What none has made is the original.
   */
  standIns: z.array(runIdSchema).min(1).max(standInsMax),
  failoverId: failoverIdSchema,
  since: instantSchema,
});
export type PlanPlace = z.infer<typeof planPlaceSchema>;

export const planSchema = z.object({
  id: planIdSchema,
  kind: z.enum(["snapshot", "backup"]),
  status: z.enum(["active", "suspended", "deleted"]),
  name: planNameSchema,
  source: siteIdSchema,
  targets: z.array(planTargetSchema).max(planTargetsMax),
  /** Its entries, objects and rules, lie apart from it. */
  objectCount: z.int().min(0),
  /** Which set of them it has: other objects are another set, with a higher number. */
  objectSet: z.int().min(0),
  schedule: scheduleSchema.optional(),
  retention: retentionSchema.optional(),
  compression: compressionSchema,
  stages: z.array(stageSchema).max(stagesMax).optional(),
  createdAt: instantSchema,
  /** Slots up to and with this one have their run or their recorded skip (I11). */
  slotsDoneUntil: instantSchema,
  /**
   * When the last of them was settled, by the clock of then: it may have been ahead. Absent: none
   * was, or by an older version.
   */
  settledAt: instantSchema.optional(),
  /** The present schedule's slots lie after this instant. Absent: after `createdAt`. */
  slotsSince: instantSchema.optional(),
  /** When it was resumed last. Absent: never, or by an older version. */
  resumedAt: instantSchema.optional(),
  /** When targets were added that it has not had from the beginning. */
  targetsSince: z
    .array(z.object({ site: siteIdSchema, since: instantSchema }))
    .max(entriesMax)
    .optional(),
  /**
   * Slots that have their run or their recorded skip although they lie after `slotsDoneUntil`,
   * which was put back: those after `after` and not after `until`, in their order. One that comes
   * is run once more, and none is recorded twice.
   */
  settledAhead: z
    .array(z.object({ after: instantSchema, until: instantSchema }))
    .max(entriesMax)
    .optional(),
  /**
   * A clock was wrong: when that was noticed last, from where `slotsDoneUntil` was put back, and
   * how often that was.
   */
  clock: z.object({ putBackAt: instantSchema, from: instantSchema, times: z.int().min(1) }).optional(),
  /** The slot of the last run that a person asked for. */
  manualSlot: instantSchema.optional(),
  /**
   * What is known of it was taken from manifests of these sites, and no person has said anything
   * about it since. Absent: somebody has, or has made it.
   */
  adopted: z
    .object({
      from: z.array(siteIdSchema).min(1).max(planTargetsMax),
      at: instantSchema,
      /** The adoption that made it. */
      madeBy: adoptionIdSchema,
    })
    .optional(),
  /** Counts runs; gives groups their order without a clock. */
  sequence: z.int().min(0),
  lanes: boundedRecord(z.string().max(textCharactersMax), laneSchema, entriesMax),
  /** Absent: its objects are the originals, at its source. */
  place: planPlaceSchema.optional(),
  /** A failover is moving its objects now: no run begins but those that this asks for. */
  moving: failoverIdSchema.optional(),
});
export type Plan = z.infer<typeof planSchema>;
