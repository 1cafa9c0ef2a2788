import { VisibleError } from "../../core/api/errors.ts";
import { shownName } from "../../core/api/name.ts";
import { answerOf } from "../context/client.ts";
import type { Api, Context } from "../context/context.ts";
import { listed } from "./pages.ts";

/**
 * What site maps say of a switch, in sentences: what takes its place at its site's targets, and
 * whose place it takes. Where the API can't be asked a warning says so.
 */
export const mapsOf = async (context: Context, site: string, name: string): Promise<readonly string[]> => {
  if (!(await context.hasApi())) return [];
  try {
    const api = await context.connect();
    const sites = await listed(context, (query) => answerOf(api.v1.sites.$get({ query })));
    const texts: string[] = [];
    for (const { id } of sites) texts.push(...(await textsOf(api, id, { site, name })));
    return texts;
  } catch (error) {
    if (!VisibleError.is(error)) throw error;
    context.warn(`It is not known whether the switch is mapped. ${error.message}`);
    return [];
  }
};

const textsOf = async (
  api: Api,
  id: string,
  { site, name }: { readonly site: string; readonly name: string },
): Promise<readonly string[]> => {
  const { switchMaps } = await answerOf(api.v1.sites[":site"].facilities.$get({ param: { site: id } }));
  if (id === site) {
    const targets = Object.entries(switchMaps).filter(([, map = {}]) => Object.hasOwn(map, name));
    return targets.map(([target, map = {}]) => `It is mapped to “${shownName(map[name] ?? "")}” at ${target}.`);
  }
  const mapped = Object.entries(new Map(Object.entries(switchMaps)).get(site) ?? {}).filter(([, to]) => to === name);
  return mapped.map(
    ([from]) =>
      `It takes the place of “${shownName(from)}” of ${id}: runs of ${id}'s plans that need it fail until that is mapped anew (smtx-backup site map ${id} --to ${site}).`,
  );
};
