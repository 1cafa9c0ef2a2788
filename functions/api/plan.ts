import { createRoute, z } from "@hono/zod-openapi";
import {
  type PlanAnswer,
  planListEntrySchema,
  planMembersAnswerSchema,
  retentionAnswerSchema,
  scheduleAnswerSchema,
} from "../../core/api/answers.ts";
import { type PlanDefinition, retentionSchema, scheduleSchema } from "../../core/api/plan.ts";
import type { Reason } from "../../core/api/reason.ts";
import { definePlan, type PlanContext, redefinePlan, type WholePlan } from "../../core/plan/define.ts";
import { poolWarnings } from "../../core/plan/pools.ts";
import { resolveObjects } from "../../core/plan/resolve.ts";
import { comesAfter } from "../../core/plan/settled.ts";
import { previewRuns } from "../../core/schedule/slots.ts";
import { validateSchedule } from "../../core/schedule/validate.ts";
import * as engine from "../engine/commands.ts";
import { forgetUnnamed } from "../plans/gone.ts";
import { wholePlan } from "../plans/plan-objects.ts";
import { previewRetention } from "../queries/groups.ts";
import { loweredRetention } from "../queries/lowered-retention.ts";
import { listMembers } from "../queries/members.ts";
import { lastRunOf, listPlansWithLastRuns } from "../queries/plan-list.ts";
import { readPlan, readPlanToChange, readWholePlan, readWholePlanToChange, readWorld } from "../queries/plans.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, jsonAnswer, jsonBody, needs, pageAnswer, refusals } from "./route.ts";
import { pageQuery, planBody, planDefinitionBody, planParam, runBody, slotCount, slotCountQuery } from "./schemas.ts";

const planAnswer = { 200: jsonAnswer(planBody, "The plan."), ...refusals };

const create = createRoute({
  method: "post",
  path: "/v1/plans",
  summary: "Create a plan",
  ...needs("operate"),
  request: { body: jsonBody(planDefinitionBody) },
  responses: { 201: jsonAnswer(planBody, "The plan, with its objects found."), ...refusals },
});

const list = createRoute({
  method: "get",
  path: "/v1/plans",
  summary: "List the plans",
  ...needs("read"),
  request: { query: pageQuery },
  responses: { 200: pageAnswer(planListEntrySchema, "Plans by name."), ...refusals },
});

const get = createRoute({
  method: "get",
  path: "/v1/plans/{plan}",
  summary: "Look at a plan, by its id or its name",
  ...needs("read"),
  request: { params: planParam },
  responses: planAnswer,
});

const update = createRoute({
  method: "put",
  path: "/v1/plans/{plan}",
  summary: "Replace a plan's definition",
  ...needs("operate"),
  request: { params: planParam, body: jsonBody(planDefinitionBody) },
  responses: planAnswer,
});

const remove = createRoute({
  method: "delete",
  path: "/v1/plans/{plan}",
  summary: "Delete a plan; its restore points stay",
  ...needs("delete"),
  request: { params: planParam },
  responses: { 204: { description: "It is deleted, and its runs are cancelled." }, ...refusals },
});

const suspend = createRoute({
  method: "post",
  path: "/v1/plans/{plan}/suspend",
  summary: "Let the plan's slots go by without a run",
  ...needs("operate"),
  request: { params: planParam },
  responses: planAnswer,
});

const resume = createRoute({
  method: "post",
  path: "/v1/plans/{plan}/resume",
  summary: "End the plan's suspension",
  ...needs("operate"),
  request: { params: planParam },
  responses: planAnswer,
});

const runNow = createRoute({
  method: "post",
  path: "/v1/plans/{plan}/run",
  summary: "Run the plan now, beside its schedule",
  ...needs("operate"),
  request: { params: planParam },
  responses: { 201: jsonAnswer(runBody, "The run."), ...refusals },
});

const schedule = createRoute({
  method: "get",
  path: "/v1/plans/{plan}/schedule",
  summary: "See when the plan runs next",
  ...needs("read"),
  request: { params: planParam, query: slotCountQuery },
  responses: { 200: jsonAnswer(scheduleAnswerSchema, "The next slots."), ...refusals },
});

const preview = createRoute({
  method: "post",
  path: "/v1/schedules/preview",
  summary: "See when a schedule would run",
  ...needs("read"),
  request: { body: jsonBody(z.strictObject({ schedule: scheduleSchema, count: slotCount })) },
  responses: { 200: jsonAnswer(scheduleAnswerSchema, "The next slots."), ...refusals },
});

const retention = createRoute({
  method: "get",
  path: "/v1/plans/{plan}/retention",
  summary: "See which groups the next reclaim keeps and deletes, and why",
  ...needs("read"),
  request: {
    params: planParam,
    query: z.object({
      keepLast: z.coerce
        .number<string>()
        .pipe(retentionSchema.shape.keepLast)
        .optional()
        .meta({ description: "Another retention to try on every site, without changing the plan." }),
    }),
  },
  responses: { 200: jsonAnswer(retentionAnswerSchema, "The verdict on every group, by site."), ...refusals },
});

const members = createRoute({
  method: "get",
  path: "/v1/plans/{plan}/objects",
  summary: "List the objects that a plan's next run takes, and why; and those that are gone",
  ...needs("read"),
  request: { params: planParam, query: pageQuery },
  responses: {
    200: jsonAnswer(planMembersAnswerSchema, "Named ones in the plan's order, those of rules, those that are gone."),
    ...refusals,
  },
});

const answerOf = (plan: WholePlan): PlanAnswer => ({ ...plan, objects: [...plan.objects] });

/** The rest is among the plan's members. */
const leftOutMax = 100;

/**
 * With what is left out of its objects and what else is to be known, so that whoever makes
 * a plan need not ask.
 */
const answerToChange = (
  plan: WholePlan,
  definition: PlanDefinition,
  {
    known,
    facilities,
    isNew,
    lowered = [],
  }: PlanContext & { readonly isNew: boolean; readonly lowered?: readonly Reason[] },
): PlanAnswer => {
  const { objects } = resolveObjects(definition, known, plan.objects);
  const leftOut = objects.filter((object) => (object.leftOut ?? []).length > 0).slice(0, leftOutMax);
  const warnings = [...lowered, ...poolWarnings(plan, objects, { facilities, isNew })];
  return {
    ...answerOf(plan),
    ...(leftOut.length > 0 && { leftOut: leftOut.map(({ switches: _, volumes: __, ...member }) => member) }),
    ...(warnings.length > 0 && { warnings }),
  };
};

export const planRoutes = (deps: ApiDeps) =>
  createRouter()
    .openapi(create, async (c) => {
      const definition = c.req.valid("json");
      const world = await readWorld(deps, definition);
      const created = definePlan(definition, { ...world, now: deps.clock.now(), planId: deps.ids.planId() });
      await engine.createPlan(deps, created);
      return c.json(answerToChange(created, definition, { ...world, isNew: true }), 201);
    })
    .openapi(list, async (c) => c.json(await listPlansWithLastRuns(deps, c.req.valid("query")), 200))
    .openapi(get, async (c) => {
      const found = await readWholePlan(deps, c.req.valid("param").plan);
      return c.json({ ...answerOf(found), lastRun: await lastRunOf(deps, found.id) }, 200);
    })
    .openapi(update, async (c) => {
      const held = await readWholePlanToChange(deps, c.req.valid("param").plan);
      const { id, objects } = held;
      const definition = c.req.valid("json");
      const world = await readWorld(deps, definition, objects);
      const updated = await engine.updatePlan(deps, id, (before) => redefinePlan(before, definition, world));
      await forgetUnnamed(deps, updated);
      const lowered = await loweredRetention(deps, held, updated);
      return c.json(answerToChange(updated, definition, { ...world, isNew: false, lowered }), 200);
    })
    .openapi(remove, async (c) => {
      const { id } = await readPlanToChange(deps, c.req.valid("param").plan);
      await engine.deletePlan(deps, id);
      return c.body(null, 204);
    })
    .openapi(suspend, async (c) => {
      const { id } = await readPlanToChange(deps, c.req.valid("param").plan);
      return c.json(answerOf(await wholePlan(deps, await engine.suspendPlan(deps, id))), 200);
    })
    .openapi(resume, async (c) => {
      const { id } = await readPlanToChange(deps, c.req.valid("param").plan);
      return c.json(answerOf(await wholePlan(deps, await engine.resumePlan(deps, id))), 200);
    })
    .openapi(runNow, async (c) => {
      const { id } = await readPlanToChange(deps, c.req.valid("param").plan);
      return c.json(await engine.runPlanNow(deps, id), 201);
    })
    .openapi(members, async (c) => {
      const found = await readWholePlan(deps, c.req.valid("param").plan);
      return c.json(await listMembers(deps, found, c.req.valid("query")), 200);
    })
    .openapi(schedule, async (c) => {
      const found = await readPlan(deps, c.req.valid("param").plan);
      if (found.status === "deleted") return c.json({ slots: [], isDeleted: true as const }, 200);
      if (found.schedule === undefined) return c.json({ slots: [] }, 200);
      const slots = previewRuns(found.schedule, comesAfter(found, deps.clock.now()), c.req.valid("query").count);
      const isSuspended = found.status === "suspended";
      return c.json({ schedule: found.schedule, slots, ...(isSuspended ? { isSuspended } : {}) }, 200);
    })
    .openapi(preview, async (c) => {
      const wanted = c.req.valid("json");
      validateSchedule(wanted.schedule);
      const slots = previewRuns(wanted.schedule, deps.clock.now(), wanted.count);
      return c.json({ schedule: wanted.schedule, slots }, 200);
    })
    .openapi(retention, async (c) => {
      const found = await readPlan(deps, c.req.valid("param").plan);
      return c.json(await previewRetention(deps, found, c.req.valid("query").keepLast), 200);
    });
