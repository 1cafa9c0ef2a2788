import { z } from "zod";
import {
  type GroupListEntry,
  groupAnswerSchema,
  groupListEntrySchema,
  runObjectSchema,
} from "../../core/api/answers.ts";
import { damageSchema } from "../../core/api/group.ts";

/** A group at one site: a line of `group list`, and one of the `sites` of `group show`. */
export const groupLineDocument = groupListEntrySchema.extend({
  damage: z.array(damageSchema.pick({ name: true, extents: true })).optional(),
});

/** What is the same at every site, and then what each has. */
export const groupDocument = groupAnswerSchema
  .pick({ id: true, planId: true, runId: true, takenAt: true })
  .extend({ planName: z.string(), sites: z.array(groupLineDocument), objects: z.array(runObjectSchema) });

/** Damage has the name that its site knows; the source's id of the volume is of no use there. */
export const groupLine = ({ damage, ...group }: GroupListEntry): z.input<typeof groupLineDocument> => ({
  ...group,
  ...(damage && { damage: damage.map(({ name, extents }) => ({ name, extents })) }),
});
