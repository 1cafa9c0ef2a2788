import { VisibleError } from "../core/api/errors.ts";
import type { Inventory } from "../core/api/object.ts";
import { answerOf } from "./client.ts";
import type { Api, Context } from "./context.ts";
import type { Host } from "./host.ts";

/** So long is waited for a gateway to say what it sees. */
export const inventoryWaitSeconds = 15;
const pollMs = 250;

/** What a site has, as its gateways saw it last; undefined before the first time. */
export const lastInventory = async (api: Api, site: string): Promise<Inventory | undefined> => {
  try {
    return await answerOf(api.v1.sites[":site"].objects.$get({ param: { site } }));
  } catch (error) {
    if (VisibleError.is(error, "NOT_FOUND")) return undefined;
    throw error;
  }
};

/**
 * Has a site's gateways look at what it has, and waits until they say.
 * @param isNews what is waited for; any inventory that is not the one from before, unless told otherwise
 * @throws VisibleError GATEWAY_ABSENT when they don't within 15 s; SITE_UNKNOWN
 */
export const refreshInventory = async (
  { time, signal }: Pick<Host, "time" | "signal">,
  api: Api,
  site: string,
  isNews?: (inventory: Inventory) => boolean,
): Promise<Inventory> => {
  const before = await lastInventory(api, site);
  const news = isNews ?? (({ observedAt }) => observedAt !== before?.observedAt);
  await api.v1.sites[":site"].inventory.$post({ param: { site } });
  const endMs = time.nowMs() + inventoryWaitSeconds * 1000;
  while (time.nowMs() < endMs) {
    const inventory = await lastInventory(api, site);
    if (inventory !== undefined && news(inventory)) return inventory;
    await time.sleep(pollMs, signal);
    signal.throwIfAborted();
  }
  throw new VisibleError(
    "GATEWAY_ABSENT",
    `No gateway of site “${site}” has told what it sees within ${inventoryWaitSeconds} seconds.`,
    { hint: `See whether one is alive: smtx-backup gateway list --site ${site}` },
  );
};

/**
 * Lets the API know of what was done to a site's storage here. It is done whatever becomes of this,
 * and a warning says so.
 * @returns whether the API knows of it now
 */
export const tellInventory = async (
  context: Context,
  site: string,
  isNews: (inventory: Inventory) => boolean,
): Promise<boolean> => {
  try {
    if (!(await context.hasApi())) return false;
    await refreshInventory(context.host, await context.connect(), site, isNews);
    return true;
  } catch (error) {
    if (!VisibleError.is(error)) throw error;
    context.warn(`It is done, and the API does not know of it yet. ${error.message}`);
    return false;
  }
};
