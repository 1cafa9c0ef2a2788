import { z } from "zod";
import { codeSchema, sentenceSchema } from "./bounds.ts";

/** It is kept with the run, for people. */
export const reasonSchema = z.object({ code: codeSchema, message: sentenceSchema });
export type Reason = z.infer<typeof reasonSchema>;

/** So many warnings of a run are kept; the last one says how many there are more. */
export const warningsMax = 20;
