import { z } from "zod";
import { entriesMax } from "../bounds.ts";
import { groupIdSchema, instantSchema, planIdSchema, planNameSchema, siteIdSchema } from "../ids.ts";
import { reasonSchema } from "../reason.ts";

/** Made by the control plane; random, so that no site guesses what another was asked. */
export const adoptionIdSchema = z.string().regex(/^[0-9a-f]{32}$/, "the adoption's id, of whoever began it");

/** So many groups are taken in at once; a site tells the newest of each plan first. */
export const adoptedGroupsMax = 10_000;
/** So many plans are named, and so many are made known at once. */
export const adoptedPlansMax = 1000;

/** What a site is to be asked for, and by whom what it holds must be signed. */
export const adoptionCreateSchema = z.strictObject({
  site: siteIdSchema,
  /**
   * Certificates of the authorities of the control plane that was there before, as PEM. Absent: the
   * one that this control plane has.
   */
  authority: z
    .string()
    .max(64 * 1024)
    .refine((text) => !text.includes("PRIVATE KEY"), "certificates alone: leave the key where it is")
    .optional(),
  /** Only plans of these names or ids. Absent: all. */
  plans: z.array(z.string().min(1).max(63)).min(1).max(adoptedPlansMax).optional(),
  /** Nothing is written down; what would be is told. */
  dryRun: z.boolean().default(false),
});
export type AdoptionCreate = z.input<typeof adoptionCreateSchema>;

/** A group that the site holds and that is not taken in, or not without a word. */
export const groupNoteSchema = z.object({
  groupId: groupIdSchema,
  planName: planNameSchema,
  takenAt: instantSchema,
  /** It is not taken in; else there is something to be known of it. */
  isRefused: z.boolean(),
  reason: reasonSchema,
});
export type GroupNote = z.infer<typeof groupNoteSchema>;

/** What became known of one plan. */
export const adoptedPlanSchema = z.object({
  planId: planIdSchema,
  /** As it is called here. */
  name: planNameSchema,
  /** As the site calls it, where that is another name: it was taken. */
  nameThere: planNameSchema.optional(),
  source: siteIdSchema,
  /** `new`: it is made known, and suspended. `known`: what people have set stays as it is. */
  is: z.enum(["new", "known"]),
  /** Of its definition. Absent: no group that was taken in has one, as of versions before. */
  hasDefinition: z.literal(true).optional(),
  objectCount: z.int().min(0),
  /** Groups that are known now and were not before, and those that were. */
  groupsAdopted: z.int().min(0),
  groupsKnown: z.int().min(0),
  groupsRefused: z.int().min(0),
  /** Of what is known, the newest. */
  newestTakenAt: instantSchema.optional(),
  /** Its next run gets a number above this. */
  sequence: z.int().min(0),
  /** What is to be known of it, such as another target that it had. */
  notes: z.array(reasonSchema).max(entriesMax),
});
export type AdoptedPlan = z.infer<typeof adoptedPlanSchema>;

/** So many groups are named of which there is something to say; the counts are of all. */
export const groupNotesMax = 100;

/**
 * How far an adoption is. `asked`: the site has said nothing yet; `taking`: not all of it has come.
 */
export const adoptionAnswerSchema = z.object({
  id: adoptionIdSchema,
  siteId: siteIdSchema,
  askedAt: instantSchema,
  dryRun: z.boolean(),
  state: z.enum(["asked", "taking", "done"]),
  /**
   * How many groups the site tells of, how many of these were looked at, and how many it left out.
   * Absent: it has not said.
   */
  groups: z.object({ total: z.int().min(0), done: z.int().min(0), leftOut: z.int().min(0) }).optional(),
  plans: z.array(adoptedPlanSchema).max(adoptedPlansMax),
  /** Refused ones first. */
  groupNotes: z.array(groupNoteSchema).max(groupNotesMax),
  groupNoteCount: z.int().min(0),
});
export type AdoptionAnswer = z.infer<typeof adoptionAnswerSchema>;
