import { type Command, Option } from "commander";
import type { PlanAnswer, PlanMember } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { isUnusable } from "../../core/api/judged-object.ts";
import { isRule, retentionSchema } from "../../core/api/plan.ts";
import { answerOf } from "../context/client.ts";
import type { Answer, Api, Context } from "../context/context.ts";
import { askedFor, followRun } from "../control-plane/follow-run.ts";
import { freshInventory, lastInventory, lookUpObjects } from "../control-plane/inventory.ts";
import { listed } from "../control-plane/pages.ts";
import { addNotes } from "../help/notes.ts";
import { wholeNumber } from "../input/options.ts";
import { readPlanFile } from "../input/plan-file.ts";
import { askedForRun } from "../json/run.ts";
import { deletedPlanText, firstRunText, planTable, planText, retentionText, slotsText } from "../render/plan.ts";
import { idleText, leftOutText, type Members, membersText } from "../render/plan-members.ts";
import { warningLines } from "../render/run.ts";
import type { Answering } from "./command.ts";
import { addPlanDelete } from "./deletions/plan-delete.ts";

const planArgument = ["<plan>", "the plan's name or id"] as const;
const fileFlags = ["-f, --file <file>", "the plan's definition in YAML or JSON; - is standard input"] as const;
const slotsShown = 5;
const slotsMax = 100;

const fileNotes = `A plan.yaml. Its schedule may be { cycle: daily } alone: at and timeZone are the defaults here.

  name: nightly
  source: a
  targets:
    - { site: b, retention: { keepLast: 7 } }
  objects:
    - { kind: lun, name: web1 }
  schedule: { cycle: daily, at: "01:00", timeZone: UTC }

Without a schedule the plan runs only by hand. A plan without targets keeps snapshots at its source,
and says at its top level how many:

  name: hourly
  source: a
  retention: { keepLast: 24 }
  objects:
    - { kind: lun, name: web1 }
  schedule: { cycle: hourly, minute: 0, timeZone: UTC }`;

export const addPlanCommands = (program: Command, answering: Answering): void => {
  const plan = program.command("plan").description("protection plans: what is backed up, when, where to");
  const create = plan
    .command("create")
    .description("create a plan, and say what it will do")
    .requiredOption(...fileFlags)
    .action(answering((context, { file }: { file: string }) => createPlan(context, file)));
  addNotes(create, fileNotes);
  plan
    .command("list")
    .description("list the plans")
    .action(
      answering(async (context) => {
        const api = await context.connect();
        const items = await listed(context, (query) => answerOf(api.v1.plans.$get({ query })));
        return { json: { items }, text: planTable(items, context.style) };
      }),
    );
  plan
    .command("show")
    .description("show a plan: which objects its next run takes and why, what is left out of them, and what is gone")
    .argument(...planArgument)
    .action(
      answering(async (context, name: string) => {
        const api = await context.connect();
        const plan = await answerOf(api.v1.plans[":plan"].$get({ param: { plan: name } }));
        const known = await membersOf(context, api, plan.id);
        const members = plan.status === "deleted" ? deletedPlanText(plan.id) : membersText(plan, known, context.style);
        const text = [planText(plan, context.style), members];
        return { json: { ...plan, members: known.members }, text: text.join("\n\n") };
      }),
    );
  plan
    .command("update")
    .description("replace a plan's definition; to rename it, name it as it is now")
    .argument("[plan]", "the plan's name or id; else the name in the file")
    .requiredOption(...fileFlags)
    .action(
      answering((context, name: string | undefined, { file }: { file: string }) => updatePlan(context, name, file)),
    );
  addPlanActions(plan, answering);
  addPreview(plan, answering);
};

const addPlanActions = (plan: Command, answering: Answering): void => {
  plan
    .command("run")
    .description("run a plan now, beside its schedule")
    .argument(...planArgument)
    .option("--wait", "show how far it is until it has ended; exit code 1 when it failed", false)
    .action(
      answering(async (context, name: string, { wait }: { wait: boolean }) => {
        const api = await context.connect();
        const asking = answerOf(api.v1.plans[":plan"].run.$post({ param: { plan: name } }));
        const run = await askedFor(context, asking, `smtx-backup run list --plan ${name}`);
        if (wait) return followRun(context, api, run.id);
        return {
          json: askedForRun(run),
          text: `${run.id} has been asked for. See: smtx-backup run show ${run.id} --watch`,
        };
      }),
    );
  plan
    .command("suspend")
    .description("let a plan's slots go by without a run")
    .argument(...planArgument)
    .action(answering(suspendPlan));
  plan
    .command("resume")
    .description("end a plan's suspension, and say when it runs next")
    .argument(...planArgument)
    .action(answering(resumePlan));
  addPlanDelete(plan, answering);
};

/** What is only told beside: undefined where the token may operate, but not read. */
const ifReadable = async <T>(reading: Promise<T>): Promise<T | undefined> => {
  try {
    return await reading;
  } catch (error) {
    if (VisibleError.is(error, "FORBIDDEN")) return undefined;
    throw error;
  }
};

const suspendPlan = async (context: Context, name: string): Promise<Answer> => {
  const api = await context.connect();
  const before = await ifReadable(answerOf(api.v1.plans[":plan"].$get({ param: { plan: name } })));
  const plan = await answerOf(api.v1.plans[":plan"].suspend.$post({ param: { plan: name } }));
  const note = before?.status === "suspended" ? ["It was suspended already: nothing has changed."] : [];
  return { json: plan, text: [planText(plan, context.style), ...note].join("\n\n") };
};

const resumePlan = async (context: Context, name: string): Promise<Answer> => {
  const api = await context.connect();
  const before = await ifReadable(answerOf(api.v1.plans[":plan"].$get({ param: { plan: name } })));
  const plan = await answerOf(api.v1.plans[":plan"].resume.$post({ param: { plan: name } }));
  const note = before?.status === "active" ? ["It was not suspended: nothing has changed."] : [];
  const slots = await ifReadable(slotsOf(api, plan.id, 1));
  const next = slots === undefined ? [] : [slotsText(slots)];
  return { json: plan, text: [planText(plan, context.style), ...note, ...next].join("\n\n") };
};

const addPreview = (plan: Command, answering: Answering): void => {
  const { minValue, maxValue } = retentionSchema.shape.keepLast;
  plan
    .command("preview")
    .description("show when a plan runs next, and which groups the next reclaim keeps, and why")
    .argument(...planArgument)
    .option("--count <n>", "so many runs to come", wholeNumber(1, slotsMax), slotsShown)
    .addOption(
      new Option("--keep-last <n>", "try another retention, without changing the plan").argParser(
        wholeNumber(minValue ?? 1, maxValue ?? Number.MAX_SAFE_INTEGER),
      ),
    )
    .action(
      answering(async (context, name: string, options: { count: number; keepLast?: number }) => {
        const api = await context.connect();
        const { count, keepLast } = options;
        const query = keepLast === undefined ? {} : { keepLast: String(keepLast) };
        const schedule = await slotsOf(api, name, count);
        const retention = await answerOf(api.v1.plans[":plan"].retention.$get({ param: { plan: name }, query }));
        const text = `${slotsText(schedule)}\n\n${retentionText(retention, context.style)}`;
        return { json: { schedule, retention }, text };
      }),
    );
};

const slotsOf = (api: Api, plan: string, count = slotsShown) =>
  answerOf(api.v1.plans[":plan"].schedule.$get({ param: { plan }, query: { count: String(count) } }));

const createPlan = async (context: Context, file: string): Promise<Answer> => {
  const definition = await readPlanFile(file, context.host);
  const api = await context.connect();
  await freshInventory(context, api, definition.source);
  const plan = await answerOf(api.v1.plans.$post({ json: definition }));
  return explainPlan(context, api, plan);
};

const updatePlan = async (context: Context, name: string | undefined, file: string): Promise<Answer> => {
  const definition = await readPlanFile(file, context.host);
  const api = await context.connect();
  await freshInventory(context, api, definition.source);
  const param = { plan: name ?? definition.name };
  const plan = await answerOf(api.v1.plans[":plan"].$put({ param, json: definition }));
  return explainPlan(context, api, plan, { isNew: false });
};

/** The objects that its next run takes, and those that are gone. */
const membersOf = async (context: Context, api: Api, plan: string): Promise<Members> => {
  const mirrors = new Map<string, number>();
  const members = await listed(context, async (query) => {
    const page = await answerOf(api.v1.plans[":plan"].objects.$get({ param: { plan }, query }));
    for (const { because, count } of page.mirrors ?? []) mirrors.set(because, (mirrors.get(because) ?? 0) + count);
    return page;
  });
  return { members, mirrors };
};

/** With more objects than this, reading all that the site has takes less. */
const lookUpsMax = 50;

const firstRunOf = async (
  context: Context,
  api: Api,
  plan: PlanAnswer,
  members: readonly PlanMember[] | undefined,
): Promise<string | undefined> => {
  if (plan.kind !== "backup") return undefined;
  const ids = (members ?? plan.objects).flatMap((entry) => ("id" in entry ? [entry.id] : []));
  const wanted = new Set(ids);
  const found =
    ids.length > lookUpsMax
      ? ((await lastInventory(context, api, plan.source))?.objects ?? [])
      : await lookUpObjects(api, plan.source, ids);
  return firstRunText(
    plan,
    found.flatMap((object) => (isUnusable(object) || !wanted.has(object.id) ? [] : [object])),
  );
};

const explainPlan = async (
  context: Context,
  api: Api,
  plan: PlanAnswer,
  { isNew } = { isNew: true },
): Promise<Answer> => {
  const schedule = await slotsOf(api, plan.id);
  const known = plan.objects.some(isRule) ? await membersOf(context, api, plan.id) : undefined;
  const first = isNew ? await firstRunOf(context, api, plan, known?.members) : undefined;
  const leftOut = leftOutText(plan.leftOut ?? [], context.style);
  const idle = known && idleText(plan.objects, known, context.style);
  const warnings = plan.warnings && warningLines(plan.warnings, context.style).join("\n");
  const parts = [planText(plan, context.style), leftOut, idle, warnings, slotsText(schedule), first];
  return { json: { plan, slots: schedule.slots }, text: parts.filter((part) => part !== undefined).join("\n\n") };
};
