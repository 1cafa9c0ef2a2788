import type { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";

/** What a target has answered, in the form that a receiver gives it. @throws LINK_BROKEN */
export const answered = <Schema extends z.ZodType>(schema: Schema, answer: unknown): z.infer<Schema> => {
  const { success, data, error } = schema.safeParse(answer);
  if (success) return data;
  throw new VisibleError("LINK_BROKEN", "The target's answer is not one that a receiver gives.", {
    hint: "See that both gateways are of the same version.",
    cause: error,
  });
};
