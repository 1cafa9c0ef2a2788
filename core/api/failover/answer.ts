import { z } from "zod";
import { entriesMax, sentenceSchema } from "../bounds.ts";
import { nameSchema } from "../object/common.ts";
import { reasonSchema } from "../reason.ts";
import { failoverCommandSchema, failoverSchema, failoverStateSchema } from "./failover.ts";

/** A failover as people see it. */
export const failoverAnswerSchema = failoverSchema
  .pick({
    ...{ id: true, planId: true, planName: true, kind: true, home: true, to: true, createdAt: true, endedAt: true },
    ...{
      state: true,
      since: true,
      runId: true,
      attempt: true,
      halted: true,
      retryAt: true,
      turning: true,
      until: true,
    },
    ...{
      group: true,
      backGroup: true,
      unstoppable: true,
      diverged: true,
      divergedCount: true,

      steps: true,
    },
  })
  .extend({
    /** What came home beside these has their names with this before them. Absent: nothing has. */
    besidePrefix: nameSchema.optional(),
    /** What the state does. */
    does: sentenceSchema,
    /** It waits for nobody. */
    isUnderWay: z.boolean(),
    /** What people may say now, and where that leads. */
    may: z.array(z.object({ command: failoverCommandSchema, leadsTo: failoverStateSchema })).max(entriesMax),
    /** What is to be known, such as that machines may run at both sites. */
    warnings: z.array(reasonSchema).max(entriesMax),
  });
export type FailoverAnswer = z.infer<typeof failoverAnswerSchema>;
