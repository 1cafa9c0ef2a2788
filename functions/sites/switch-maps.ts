import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Site, SwitchMap } from "../../core/api/site.ts";
import { switchUnknown } from "../../core/plan/facilities.ts";
import { retrying } from "../documents/conflicts.ts";
import { bodyBytesMax } from "../documents/store-rules.ts";
import type { Deps } from "../ports/deps.ts";
import { readFacilities } from "./facilities.ts";
import { readSite, readStoredSite } from "./sites.ts";

/** A site is one document, and has other things as well. */
const mapsBytesMax = bodyBytesMax - 80 * 1024;

/**
 * Sets which virtual switch of a target takes the place of which of a site's.
 * @param switches all of them; none: the mapping to that target is no more
 * @throws {VisibleError} SITE_UNKNOWN, SITE_IN_OTHER_MULTI_CLUSTER, SWITCH_UNKNOWN, BAD_REQUEST
 */
export const setSwitchMap = async (deps: Deps, siteId: SiteId, target: SiteId, switches: SwitchMap): Promise<Site> =>
  retrying(deps, async () => {
    const { body: before, key, version } = await readStoredSite(deps, siteId);
    await refuseWrongTarget(deps, before, target);
    await refuseUnknownSwitches(deps, { before, target, switches });
    const { [target]: _, ...others } = before.switchMaps ?? {};
    const switchMaps = Object.keys(switches).length === 0 ? others : { ...others, [target]: switches };
    refuseTooLarge(switchMaps);
    const site: Site = { ...before, switchMaps };
    await deps.store.commit([{ type: "put", key, body: site, expect: { version } }]);
    return site;
  });

const refuseWrongTarget = async (deps: Deps, { id, multiCluster }: Site, target: SiteId): Promise<void> => {
  if (target === id) {
    throw new VisibleError("BAD_REQUEST", `Site “${target}” is the source itself.`, {
      hint: "Map a site's switches to those of another one.",
    });
  }
  const other = await readSite(deps, target);
  if (other.multiCluster === multiCluster) return;
  throw new VisibleError(
    "SITE_IN_OTHER_MULTI_CLUSTER",
    `Site “${target}” belongs to the multi-cluster “${other.multiCluster}”, and “${id}” to “${multiCluster}”.`,
    { hint: `Nothing is ever sent there: choose a target in “${multiCluster}”.` },
  );
};

/**
 * What is mapped as it was may be out of date: it is not in the way of a change of something else.
 */
const refuseUnknownSwitches = async (
  deps: Deps,
  { before, target, switches }: { before: Site; target: SiteId; switches: SwitchMap },
): Promise<void> => {
  const present = before.switchMaps?.[target] ?? {};
  const isNew = ([from, to]: readonly [string, string]) => !Object.hasOwn(present, from) || present[from] !== to;
  const changed = Object.entries(switches).filter(isNew);
  const [here, there] = await Promise.all([readFacilities(deps, before.id), readFacilities(deps, target)]);
  for (const [from, to] of changed) {
    if (here?.switches.every(({ name }) => name !== from))
      throw switchUnknown(before.id, from, here, "it can't be mapped");
    if (there?.switches.every(({ name }) => name !== to)) {
      throw switchUnknown(target, to, there, `“${from}” can't be mapped to it`);
    }
  }
};

const refuseTooLarge = (switchMaps: NonNullable<Site["switchMaps"]>): void => {
  const bytes = Buffer.byteLength(JSON.stringify(switchMaps));
  if (bytes <= mapsBytesMax) return;
  throw new VisibleError("BAD_REQUEST", `The site's mappings take ${bytes} bytes, and ${mapsBytesMax} are the most.`, {
    hint: "Map fewer switches for all plans, and the others in the plans that need them.",
  });
};
