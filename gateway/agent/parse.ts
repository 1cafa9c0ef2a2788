import type { z } from "zod";
import type { SiteId } from "../../core/api/ids.ts";
import { jsonIn } from "../../core/api/json.ts";
import { isNewerMessage } from "../../core/api/message.ts";
import type { Task } from "../../core/api/task.ts";

export type ParsedMessage<T extends Task> = { readonly task: T } | { readonly problem: string };

/**
 * The task in a message's body, or what is wrong with it: not JSON, a newer version's, not a task
 * of this schema, not this site's.
 */
export const parseMessage = <T extends Task>(schema: z.ZodType<T>, body: string, siteId: SiteId): ParsedMessage<T> => {
  const json = jsonIn(body);
  if (json === undefined) return { problem: "not JSON" };
  if (isNewerMessage(json)) return { problem: "of a newer version than this gateway's: update it" };
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    return { problem: `not a task: ${issues.slice(0, 5).join("; ")}` };
  }
  if (parsed.data.siteId !== siteId) return { problem: `a task of site “${parsed.data.siteId}”` };
  return { task: parsed.data };
};
