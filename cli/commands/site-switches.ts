import type { SiteId } from "../../core/api/ids.ts";
import { answerOf } from "../context/client.ts";
import type { Answer, Api, Context } from "../context/context.ts";
import { changedSwitches } from "../input/switch-pairs.ts";
import { siteText, switchMapText } from "../render/site.ts";

/** `site show`: what a site has besides objects. */
export const showSite = async (context: Context, id: SiteId): Promise<Answer> => {
  const api = await context.connect();
  const site = await answerOf(api.v1.sites[":site"].$get({ param: { site: id } }));
  const facilities = await facilitiesOf(api, id);
  return { json: { ...site, ...facilities }, text: siteText(site, facilities, context.style) };
};

/**
 * `site map`: with pairs it changes what takes the place of a site's switches at a target; it
 * shows it in any case.
 */
export const mapSwitches = async (
  context: Context,
  source: SiteId,
  pairs: readonly string[],
  { to: target }: { readonly to: SiteId },
): Promise<Answer> => {
  const api = await context.connect();
  const here = await facilitiesOf(api, source);
  const before = here.switchMaps[target] ?? {};
  const switches = changedSwitches(before, pairs);
  if (pairs.length > 0) {
    const param = { site: source, target };
    await answerOf(api.v1.sites[":site"]["switch-maps"][":target"].$put({ param, json: { switches } }));
  }
  const { facilities: there } = await facilitiesOf(api, target);
  const text = switchMapText(switches, { target, here: here.facilities, there }, context.style);
  return { json: { site: source, target, switches }, text };
};

const facilitiesOf = (api: Api, site: SiteId) => answerOf(api.v1.sites[":site"].facilities.$get({ param: { site } }));
