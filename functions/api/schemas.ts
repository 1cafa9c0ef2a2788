import { z } from "@hono/zod-openapi";
import { planAnswerSchema } from "../../core/api/answers.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import { cursorSchema, pageItemsMax } from "../../core/api/pages.ts";
import { planDefinitionSchema } from "../../core/api/plan.ts";
import { runSchema } from "../../core/api/run.ts";
import { sinceSchema } from "../../core/api/since.ts";

/** Named, so that the OpenAPI document has them once and generated clients have types for them. */
export const planBody = planAnswerSchema.meta({ id: "Plan" });
export const planDefinitionBody = planDefinitionSchema.meta({ id: "PlanDefinition" });
export const runBody = runSchema.meta({ id: "Run" });

/** Of a list. */
export const pageQuery = z.object({
  limit: z.coerce.number<string>().int().min(1).max(pageItemsMax).default(50),
  cursor: cursorSchema.optional(),
});

/** A plan's id or its name: both look like a name. */
export const planParam = z.object({ plan: planDefinitionSchema.shape.name });

/** Of a list across plans: those of one plan, of one site, from an instant on. */
export const acrossQuery = pageQuery.extend({
  plan: planParam.shape.plan.optional(),
  site: siteIdSchema.optional(),
  since: sinceSchema.optional(),
});

/** Of slots to come. */
export const slotCount = z.int().min(1).max(pageItemsMax).default(10);
export const slotCountQuery = z.object({ count: z.coerce.number<string>().int().min(1).max(pageItemsMax).default(10) });
