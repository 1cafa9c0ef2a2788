import { VisibleError } from "../core/api/errors.ts";
import type { ObjectConfig } from "../core/api/object.ts";
import { isRule } from "../core/api/plan.ts";
import { answerOf } from "./client.ts";
import type { Api, Context } from "./context.ts";
import { listed } from "./pages.ts";
import { printable } from "./render/style.ts";

/** What the API knows of an object's protection. */
export interface Protection {
  /** The names of the plans that it is in. */
  readonly plans: readonly string[];
  /** Whether one of them has a restore point. */
  readonly hasRestorePoints: boolean;
}

const unknown: Protection = { plans: [], hasRestorePoints: false };

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

const askProtection = async (
  context: Context,
  api: Api,
  site: string,
  { kind, id }: ObjectConfig,
): Promise<Protection> => {
  const plans = await listed(context, (query) => answerOf(api.v1.plans.$get({ query })));
  const names: string[] = [];
  let hasRestorePoints = false;
  // One by one, since a list of plans does not have their objects.
  for (const { id: plan } of plans.filter(({ source }) => source === site)) {
    const { name, objects } = await answerOf(api.v1.plans[":plan"].$get({ param: { plan } }));
    if (!objects.some((one) => !isRule(one) && one.kind === kind && one.id === id)) continue;
    names.push(name);
    const { items } = await answerOf(api.v1.plans[":plan"].groups.$get({ param: { plan }, query: { limit: "1" } }));
    hasRestorePoints ||= items.length > 0;
  }
  return { plans: names, hasRestorePoints };
};

const namedMax = 5;

/** What becomes of the plans of an object that is deleted; undefined where there are none. */
export const protectionText = ({ plans }: Protection): string | undefined => {
  const [only, ...others] = plans.map(printable);
  if (only === undefined) return undefined;
  const until = "until it is taken out";
  if (others.length === 0) {
    return `Plan ${only} protects it: ${until}, its runs warn that it is gone, and fail when they have nothing else.`;
  }
  const named = [only, ...others].slice(0, namedMax).join(", ");
  const more = plans.length > namedMax ? ` and ${plans.length - namedMax} more` : "";
  return `Plans ${named}${more} protect it: ${until}, their runs warn that it is gone, and fail when they have nothing else.`;
};

export const stayText = ({ hasRestorePoints }: Protection): readonly string[] =>
  hasRestorePoints ? ["Its restore points stay."] : [];
