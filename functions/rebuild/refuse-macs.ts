import type { Facilities } from "../../core/api/facilities.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Mapping } from "../../core/api/object.ts";
import type { RebuildWishes } from "../../core/api/restore/wishes.ts";
import { mappedTo } from "../../core/object/switches.ts";
import { macsInUse, refuseTakenMac } from "../../core/rebuild/refuse-macs.ts";
import type { RebuiltNic } from "../../core/rebuild/survey.ts";
import { takerOf } from "../../core/run/steps.ts";
import { mappingKey } from "../documents/records.ts";
import { everyObject } from "../inventory/objects.ts";
import type { Deps } from "../ports/deps.ts";
import type { Restorable } from "../restores/restorable.ts";
import { mappingNow } from "../runs/mapping.ts";

interface Kept {
  readonly of: Restorable;
  /** At which the objects are made. */
  readonly siteId: SiteId;
  readonly wishes: RebuildWishes;
  readonly nics: readonly RebuiltNic[];
  readonly facilities: Facilities | undefined;
}

/**
 * MAC addresses that are to be kept, of NICs that will be connected: no VM of the site has them, as
 * its gateways saw it last. A mirror can't run, and keeps nobody's.
 * @throws VisibleError MAC_ADDRESS_TAKEN
 */
export const refuseTakenMacs = async (deps: Deps, { of, siteId, wishes, nics, facilities }: Kept): Promise<void> => {
  if (!wishes.keepMacs || wishes.disconnectNics) return;
  const switchAt = await switchesAt(deps, of, siteId, wishes);
  const isThere = (name: string) => facilities?.switches.some((one) => one.name === name) ?? true;
  const kept = macsInUse(nics, { switchAt, isThere });
  if (kept.size === 0) return;
  for await (const object of everyObject(deps, siteId)) refuseTakenMac(kept, object, siteId);
};

/** Of a switch at the source, the one that a NIC is connected to here; undefined: none. */
const switchesAt = async (
  deps: Deps,
  { group, origin }: Restorable,
  siteId: SiteId,
  { switches: wished = {} }: RebuildWishes,
): Promise<(name: string) => string | undefined> => {
  if (siteId === origin.source) return (name) => mappedTo(wished, name) ?? name;
  // What was taken at the site itself was prepared for no target.
  const isThere = group.siteId === siteId && takerOf(origin) !== siteId;
  const { switches } = isThere
    ? ((await deps.store.get<Mapping>(mappingKey(origin.id, siteId)))?.body ?? { switches: {} })
    : await mappingNow(deps, origin, siteId);
  return (name) => mappedTo(wished, name) ?? mappedTo(switches, name);
};
