import { VisibleError } from "../../core/api/errors.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { isRule } from "../../core/api/plan.ts";
import { fitsRule } from "../../core/object/rule.ts";
import { goneKeptDays } from "../../core/retention/gone.ts";
import { answerOf } from "../context/client.ts";
import type { Api, Context } from "../context/context.ts";
import { printable } from "../render/style.ts";
import { listed } from "./pages.ts";

/** What the API knows of an object's protection. */
export interface Protection {
  /** The names of the plans that name it. */
  readonly plans: readonly string[];
  /** The names of those that have it by a rule alone. */
  readonly byRule: readonly string[];
  /** Whether one of them has a restore point. */
  readonly hasRestorePoints: boolean;
}

const unknown: Protection = { plans: [], byRule: [], hasRestorePoints: false };

/**
 * Which plans protect an object of a site. Where the API can't be asked a warning says so, and it
 * is taken for unprotected.
 */
export const protectionOf = async (context: Context, site: string, object: ObjectConfig): Promise<Protection> => {
  if (!(await context.hasApi())) return unknown;
  try {
    return await askProtection(context, await context.connect(), site, object);
  } catch (error) {
    if (!VisibleError.is(error)) throw error;
    context.warn(`It is not known whether a plan protects it. ${error.message}`);
    return unknown;
  }
};

const askProtection = async (context: Context, api: Api, site: string, object: ObjectConfig): Promise<Protection> => {
  const { kind, id } = object;
  const plans = await listed(context, (query) => answerOf(api.v1.plans.$get({ query })));
  const [named, byRule]: [string[], string[]] = [[], []];
  let hasRestorePoints = false;
  // One by one, since a list of plans does not have their objects.
  for (const { id: plan } of plans.filter(({ source }) => source === site)) {
    const { name, objects } = await answerOf(api.v1.plans[":plan"].$get({ param: { plan } }));
    const isNamed = objects.some((one) => !isRule(one) && one.kind === kind && one.id === id);
    if (!isNamed && !objects.some((one) => isRule(one) && fitsRule(one, object))) continue;
    (isNamed ? named : byRule).push(name);
    const { items } = await answerOf(api.v1.plans[":plan"].groups.$get({ param: { plan }, query: { limit: "1" } }));
    hasRestorePoints ||= items.length > 0;
  }
  return { plans: named, byRule, hasRestorePoints };
};

const namedMax = 5;

/** What becomes of the plans of an object that is deleted; undefined where there are none. */
export const protectionText = ({ plans, byRule }: Protection): string | undefined => {
  const [one, some] = [plans.length === 1, plansText(plans)];
  const named = `${some} protect${one ? "s" : ""} it: until it is taken out, ${one ? "its" : "their"} runs warn that it is gone, and fail when they have nothing else.`;
  const ruled = `${plansText(byRule)} protect${byRule.length === 1 ? "s" : ""} it by a rule: the newest restore point that has it is kept for ${goneKeptDays} days.`;
  const texts = [...(plans.length > 0 ? [named] : []), ...(byRule.length > 0 ? [ruled] : [])];
  return texts.length === 0 ? undefined : texts.join(" ");
};

/** `Plan nightly`, `Plans nightly, weekly and 3 more` */
const plansText = (names: readonly string[]): string => {
  const more = names.length > namedMax ? ` and ${names.length - namedMax} more` : "";
  return `Plan${names.length === 1 ? "" : "s"} ${names.slice(0, namedMax).map(printable).join(", ")}${more}`;
};

export const stayText = ({ hasRestorePoints }: Protection): readonly string[] =>
  hasRestorePoints ? ["Its restore points stay."] : [];
