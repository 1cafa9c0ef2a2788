import type { StorageCall } from "../../call.ts";
import { listSwitches, listVlans, type TowerVlan } from "../cloud-tower/nouns/networks.ts";
import { addVmNics, removeVmNics, updateVmNic } from "../cloud-tower/nouns/vm-changes.ts";
import { listNicsOfVms, type NewNic, type TowerNic } from "../cloud-tower/nouns/vm-parts.ts";
import type { NicWish } from "./hands.ts";
import type { TowerHandsOptions } from "./options.ts";

type Of = Pick<TowerHandsOptions, "tower" | "clusterId">;

/** NICs with the VLANs of this cluster that they are to be connected to. */
export const connected = async (
  { tower, clusterId }: Of,
  nics: readonly NicWish[],
  call?: StorageCall,
): Promise<readonly NewNic[]> => {
  if (nics.length === 0) return [];
  const [switches, vlans] = [await listSwitches(tower, clusterId, call), await listVlans(tower, clusterId, call)];
  const forVms = vlans.filter(({ isForVms }) => isForVms);
  return nics.map((nic) => ({
    ...{ macAddress: nic.macAddress, model: nic.model, isEnabled: nic.enabled },
    ...{ ipAddress: nic.ipAddress, gateway: nic.gateway, subnetMask: nic.subnetMask },
    vlanId: vlanOf(nic, switches, forVms)?.id,
  }));
};

/** The VLAN of that id of the switch that it is mapped to, or one that is called so. */
const vlanOf = (
  { virtualSwitch, vlan }: NicWish,
  switches: readonly { readonly id: string; readonly name: string }[],
  vlans: readonly TowerVlan[],
): TowerVlan | undefined => {
  const on = switches.find(({ name }) => name === virtualSwitch);
  const there = vlans.filter((one) => one.switch.id === on?.id);
  return there.find(({ vlanId }) => vlanId === vlan.vlanId) ?? there.find(({ name }) => name === vlan.name);
};

/**
 * Gives a VM that is off these NICs, in this order. Those that it has already stay, with what else
 * is set of them, and so do those without an address, which are never wished for.
 */
export const shapeNics = async (
  of: Of,
  { vmId, nics }: { readonly vmId: string; readonly nics: readonly NicWish[] },
  call?: StorageCall,
): Promise<void> => {
  const { tower } = of;
  const wanted = await connected(of, nics, call);
  const found = (await listNicsOfVms(tower, [vmId], call)).map((nic, at) => ({ ...nic, order: nic.order ?? at }));
  const now = found.filter(({ macAddress }) => macAddress !== undefined).toSorted((a, b) => a.order - b.order);
  const differs = wanted.findIndex((nic, at) => !canBecome(now[at], nic));
  const stay = differs < 0 ? wanted.length : differs;
  for (const [at, nic] of wanted.slice(0, stay).entries()) {
    const there = now[at];
    if (there !== undefined && !isSame(there, nic)) await updateVmNic(tower, { vmId, order: there.order, nic }, call);
  }
  const orders = now.slice(stay).map(({ order }) => order);
  if (orders.length > 0) await removeVmNics(tower, { vmId, orders }, call);
  const missing = wanted.slice(stay);
  if (missing.length > 0) await addVmNics(tower, { vmId, nics: missing }, call);
};

const connections = ["ipAddress", "gateway", "subnetMask"] as const;

/** What a NIC has, and is to have no more, goes only with it. */
const canBecome = (now: TowerNic | undefined, wanted: NewNic): boolean =>
  now !== undefined &&
  (wanted.macAddress === undefined || wanted.macAddress === now.macAddress) &&
  (now.vlan === undefined || wanted.vlanId !== undefined) &&
  connections.every((one) => now[one] === undefined || wanted[one] !== undefined);

const isSame = (now: TowerNic, wanted: NewNic): boolean =>
  now.model === wanted.model &&
  now.isEnabled === wanted.isEnabled &&
  now.vlan?.id === wanted.vlanId &&
  connections.every((one) => now[one] === wanted[one]);
