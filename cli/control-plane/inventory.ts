import { strict as assert } from "node:assert";
import { VisibleError } from "../../core/api/errors.ts";
import { isUnusable, type JudgedObject } from "../../core/api/judged-object.ts";
import type { ObjectKind } from "../../core/api/object/common.ts";
import type { ObjectConfig, UnusableObject } from "../../core/api/object.ts";
import { until } from "../../gateway/time/until.ts";
import { answerOf } from "../context/client.ts";
import type { Api, Context } from "../context/context.ts";
import type { Host } from "../host/host.ts";
import { listed } from "./pages.ts";

/** So long is waited for a gateway to say what it sees. */
export const inventoryWaitSeconds = 15;
const pollMs = 250;

/** What a site has, as its gateways saw it last. */
export interface SiteInventory {
  readonly siteId: string;
  readonly observedAt: string;
  readonly objects: readonly ObjectConfig[];
  /** Objects that no plan can have as they are. Absent: there are none. */
  readonly unusable?: readonly UnusableObject[];
}

/**
 * All that a site has, or all of a kind, read page by page; undefined before a gateway has looked.
 */
export const lastInventory = async (
  context: Pick<Context, "warn">,
  api: Api,
  site: string,
  kind?: ObjectKind,
): Promise<SiteInventory | undefined> => {
  const observedAt = await lastObserved(api, site);
  if (observedAt === undefined) return undefined;
  const ofKind = kind === undefined ? {} : { kind };
  const all = await listed(context, (query) => pageOf(api, site, { ...query, ...ofKind }));
  const unusable = all.filter(isUnusable);
  const objects = all.flatMap((object) => (isUnusable(object) ? [] : [object]));
  return { siteId: site, observedAt, objects, ...(unusable.length > 0 && { unusable }) };
};

/**
 * The same; before a gateway has looked, or when it is to look anew, one is asked first.
 * @throws VisibleError GATEWAY_ABSENT when none answers
 */
export const currentInventory = async (
  context: Context,
  api: Api,
  site: string,
  { refresh, kind }: { readonly refresh: boolean; readonly kind?: ObjectKind | undefined },
): Promise<SiteInventory> => {
  const known = refresh ? undefined : await lastInventory(context, api, site, kind);
  if (known !== undefined) return known;
  await refreshInventory(context.host, api, site);
  const told = await lastInventory(context, api, site, kind);
  assert(told !== undefined, `what site ${site} has was told, and is not known`);
  return told;
};

/**
 * What a site has with one of these ids, as its gateways saw it last; nothing before
 * a gateway has looked.
 */
export const lookUpObjects = async (
  api: Api,
  site: string,
  ids: readonly string[],
): Promise<readonly JudgedObject[]> => {
  const found: JudgedObject[] = [];
  for (const id of ids) found.push(...((await known(pageOf(api, site, { id })))?.items ?? []));
  return found;
};

/**
 * What a site has that has an id or a name; before a gateway has looked, or when it is to look
 * anew, one is asked first.
 * @throws VisibleError GATEWAY_ABSENT when none answers
 */
export const lookUpNamed = async (
  context: Context,
  api: Api,
  site: string,
  { nameOrId, refresh }: { readonly nameOrId: string; readonly refresh: boolean },
): Promise<readonly JudgedObject[]> => {
  if (refresh || (await lastObserved(api, site)) === undefined) await refreshInventory(context.host, api, site);
  const named = await listed(context, (query) => pageOf(api, site, { ...query, name: nameOrId }));
  const byId = await lookUpObjects(api, site, [nameOrId]);
  const ids = new Set(byId.map(({ kind, id }) => `${kind}/${id}`));
  return [...byId, ...named.filter(({ kind, id }) => !ids.has(`${kind}/${id}`))];
};

/** When all that a site has was seen last; undefined before the first time. */
const lastObserved = async (api: Api, site: string): Promise<string | undefined> =>
  (await known(pageOf(api, site, { limit: "1" })))?.observedAt;

const pageOf = (api: Api, site: string, query: Record<string, string>) =>
  answerOf(api.v1.sites[":site"].objects.$get({ param: { site }, query }));

/** Undefined where nothing is known of the site yet. */
const known = async <T>(asking: Promise<T>): Promise<T | undefined> => {
  try {
    return await asking;
  } catch (error) {
    if (VisibleError.is(error, "NOT_FOUND")) return undefined;
    throw error;
  }
};

/**
 * Has a site's gateways look at what it has, and waits until they have told.
 * @param isNews what is waited for; that all was seen once more, unless told otherwise
 * @throws VisibleError GATEWAY_ABSENT when they don't within 15 s; SITE_UNKNOWN
 */
export const refreshInventory = async (
  { time, signal }: Pick<Host, "time" | "signal">,
  api: Api,
  site: string,
  isNews?: () => Promise<boolean>,
): Promise<void> => {
  const before = await lastObserved(api, site);
  const hasNews = isNews ?? (async () => (await lastObserved(api, site)) !== before);
  await api.v1.sites[":site"].inventory.$post({ param: { site } });
  if (await until(hasNews, { everyMs: pollMs, withinMs: inventoryWaitSeconds * 1000, time, signal })) return;
  signal.throwIfAborted();
  throw new VisibleError(
    "GATEWAY_ABSENT",
    `No gateway of site “${site}” has told what it sees within ${inventoryWaitSeconds} seconds.`,
    { hint: `See whether one is alive: smtx-backup gateway list --site ${site}` },
  );
};

/**
 * So that the API knows what was made a moment ago. Without a gateway it goes by what it knew, and
 * so it does for a token that may restore and nothing else.
 */
export const freshInventory = async ({ host, warn }: Context, api: Api, site: string): Promise<void> => {
  try {
    await refreshInventory(host, api, site);
  } catch (error) {
    if (!VisibleError.is(error, "GATEWAY_ABSENT") && !VisibleError.is(error, "FORBIDDEN")) throw error;
    warn(`${error.message} What site “${site}” has may be known wrongly.`);
  }
};

/**
 * Lets the API know of what was done to an object of a site's storage here. It is done whatever
 * becomes of this, and a warning says so.
 * @param objectId undefined: it was done to no object, and all is to be seen once more
 * @param isNews whether what the API knows of the object is what was done
 * @returns whether the API knows of it now
 */
export const tellInventory = async (
  context: Context,
  site: string,
  objectId: string | undefined,
  isNews: (found: JudgedObject | undefined) => boolean,
): Promise<boolean> => {
  try {
    if (!(await context.hasApi())) return false;
    const api = await context.connect();
    const hasNews =
      objectId === undefined ? undefined : async () => isNews((await lookUpObjects(api, site, [objectId]))[0]);
    await refreshInventory(context.host, api, site, hasNews);
    return true;
  } catch (error) {
    if (!VisibleError.is(error)) throw error;
    context.warn(`It is done, and the API does not know of it yet. ${error.message}`);
    return false;
  }
};
