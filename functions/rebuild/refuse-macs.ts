import { VisibleError } from "../../core/api/errors.ts";
import type { Facilities } from "../../core/api/facilities.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { isUnusable } from "../../core/api/judged-object.ts";
import { shownName } from "../../core/api/name.ts";
import type { Mapping } from "../../core/api/object.ts";
import type { RebuildWishes } from "../../core/api/restore/wishes.ts";
import { mappedTo } from "../../core/object/switches.ts";
import { mappingKey } from "../documents/records.ts";
import { everyObject } from "../inventory/objects.ts";
import type { Deps } from "../ports/deps.ts";
import type { Restorable } from "../restores/restorable.ts";
import { mappingNow } from "../runs/mapping.ts";
import type { RebuiltNic } from "./survey.ts";

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
  const kept = new Map(
    nics.flatMap(({ macAddress, virtualSwitch, vm }) => {
      const there = virtualSwitch === null ? undefined : switchAt(virtualSwitch);
      return there !== undefined && isThere(there) ? [[macAddress, vm] as const] : [];
    }),
  );
  if (kept.size === 0) return;
  for await (const object of everyObject(deps, siteId)) {
    if (isUnusable(object) || object.kind !== "vm" || object.origin?.role === "mirror") continue;
    const taken = object.vm.nics.find(({ macAddress }) => kept.has(macAddress));
    if (taken !== undefined) {
      const { macAddress } = taken;
      throw macTaken({ siteId, macAddress, vm: kept.get(macAddress) ?? "", holder: object });
    }
  }
};

/** Of a switch at the source, the one that a NIC is connected to here; undefined: none. */
const switchesAt = async (
  deps: Deps,
  { group, origin }: Restorable,
  siteId: SiteId,
  { switches: wished = {} }: RebuildWishes,
): Promise<(name: string) => string | undefined> => {
  if (siteId === origin.source) return (name) => mappedTo(wished, name) ?? name;
  const isThere = group.siteId === siteId;
  const { switches } = isThere
    ? ((await deps.store.get<Mapping>(mappingKey(origin.id, siteId)))?.body ?? { switches: {} })
    : await mappingNow(deps, origin, siteId);
  return (name) => mappedTo(wished, name) ?? mappedTo(switches, name);
};

const macTaken = (of: {
  readonly siteId: SiteId;
  readonly macAddress: string;
  readonly vm: string;
  readonly holder: { readonly id: string; readonly name: string };
}): VisibleError => {
  const { siteId, macAddress, vm, holder } = of;
  return new VisibleError(
    "MAC_ADDRESS_TAKEN",
    `“${shownName(vm)}” can't keep the MAC address ${macAddress}: the VM “${shownName(holder.name)}” (${holder.id}) of site ${siteId} has it. Nothing was rebuilt.`,
    { hint: "Leave out --keep-macs for new ones, or keep them unconnected with --disconnect-nics." },
  );
};
