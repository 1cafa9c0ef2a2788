import { z } from "zod";

/** A reason is kept with the run, for people; what is longer than this helps nobody. */
export const reasonCharactersMax = 2000;
export const reasonSchema = z.object({ code: z.string(), message: z.string() });
export type Reason = z.infer<typeof reasonSchema>;

/** So many warnings of a run are kept; the last one says how many there are more. */
export const warningsMax = 20;
