import { parse } from "yaml";
import { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";
import { type PlanDefinition, planDefinitionSchema } from "../../core/api/plan.ts";
import { timeZoneFault } from "../../core/schedule/validate.ts";
import { configProblems, type KeyAdvice } from "../../gateway/config/problems.ts";
import type { Host } from "../host/host.ts";
import { firstLine, readYamlFile, textOnly } from "./yaml-file.ts";

const about = { what: "plan", hint: "Name a plan's YAML file with -f." };

/**
 * Reads a plan's definition from a YAML (or JSON) file; `-` is standard input.
 * @throws VisibleError BAD_REQUEST when it can't be read, or naming each field that is wrong and
 * what is allowed there
 */
export const readPlanFile = async (file: string, host: Pick<Host, "readInput">): Promise<PlanDefinition> => {
  const { text, name } = await readYamlFile(file, host, about);
  return parsePlan(text, name);
};

/** @throws VisibleError BAD_REQUEST */
export const parsePlan = (text: string, name: string): PlanDefinition => {
  const value = yamlIn(textOnly({ text, name }, about).text, name);
  const result = planDefinitionSchema.safeParse(value);
  const further = furtherProblems(value);
  // The control plane has a code and a hint for one of these alone.
  if (result.success && further.length < 2) return result.data;
  const problems = result.success ? [] : configProblems(result.error, planDefinitionSchema, keyAdvice);
  throw refused(name, [...problems, ...further]);
};

/** What has another form than this is among the problems already. */
const writtenSchema = z.object({
  targets: z.array(z.unknown()).optional().catch([null]),
  retention: z.unknown().optional(),
  schedule: z
    .object({ timeZone: z.string().optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

/** What would be refused only when all fields are right. */
const furtherProblems = (value: unknown): readonly string[] => {
  const written = writtenSchema.safeParse(value);
  if (!written.success) return [];
  const { targets = [], retention, schedule } = written.data;
  const zone = schedule?.timeZone === undefined ? undefined : timeZoneFault(schedule.timeZone);
  return [
    ...(targets.length === 0 && retention === undefined ? [lacksRetention] : []),
    ...(zone === undefined ? [] : [`schedule.timeZone: ${zone.message} ${zone.hint}`]),
  ];
};

const lacksRetention =
  "retention: missing (a plan without targets says here how many groups its source keeps: { keepLast: 7 })";

const objectOrRule =
  "an entry is an object (`name` or `id`) or a rule (`match`, `label`, `directory`), and not both: make two entries of it";
const keyAdvice: KeyAdvice = {
  unknown: { labels: 'a rule asks for one label: label: "env=prod", or label: "env" for any value' },
  misplaced: {
    name: objectOrRule,
    id: objectOrRule,
    match: objectOrRule,
    label: objectOrRule,
    directory: objectOrRule,
    minute: "only an hourly schedule has it; the others have `at`",
    at: "an hourly schedule has `minute` in its place, from 0 to 59",
    on: "only a weekly schedule has it, for its weekdays; a monthly one has `day`",
    day: "only a monthly schedule has it; a weekly one has `on` with weekdays",
  },
};

const yamlIn = (text: string, name: string): unknown => {
  try {
    return parse(text);
  } catch (error) {
    throw refused(name, [firstLine(error)], error);
  }
};

const refused = (name: string, problems: readonly string[], cause?: unknown) =>
  new VisibleError("BAD_REQUEST", `The plan in ${name} is not right:\n  ${problems.join("\n  ")}`, {
    hint: "Correct these fields and try again.",
    cause,
  });
