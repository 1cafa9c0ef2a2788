import { VisibleError } from "../api/errors.ts";
import type { SiteId } from "../api/ids.ts";
import { isUnusable, type JudgedObject } from "../api/judged-object.ts";
import { shownName } from "../api/name.ts";
import type { RebuiltNic } from "./survey.ts";

/** What the VMs are called that keep a MAC address, by that. */
export type KeptMacs = ReadonlyMap<string, string>;

/**
 * The MAC addresses of NICs that will be connected.
 * @param switchAt of a switch at the source, the one that a NIC is connected to here
 * @param isThere whether the site has a switch of this name
 */
export const macsInUse = (
  nics: readonly RebuiltNic[],
  {
    switchAt,
    isThere,
  }: { readonly switchAt: (name: string) => string | undefined; readonly isThere: (name: string) => boolean },
): KeptMacs =>
  new Map(
    nics.flatMap(({ macAddress, virtualSwitch, vm }) => {
      const there = virtualSwitch === null ? undefined : switchAt(virtualSwitch);
      return there !== undefined && isThere(there) ? [[macAddress, vm] as const] : [];
    }),
  );

/**
 * That another one has none of them. A mirror can't run, and keeps nobody's.
 * @throws VisibleError MAC_ADDRESS_TAKEN
 */
export const refuseTakenMac = (kept: KeptMacs, object: JudgedObject, siteId: SiteId): void => {
  if (isUnusable(object) || object.kind !== "vm" || object.origin?.role === "mirror") return;
  const taken = object.vm.nics.find(({ macAddress }) => kept.has(macAddress));
  if (taken === undefined) return;
  const { macAddress } = taken;
  throw macTaken({ siteId, macAddress, vm: kept.get(macAddress) ?? "", holder: object });
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
