import { VisibleError } from "../../../../core/api/errors.ts";
import type { VirtualSwitch } from "../../../../core/api/facilities.ts";
import type { VmNic } from "../../../../core/api/object/vm.ts";
import type { ObjectSpecOf } from "../../../../core/api/object-spec.ts";
import { newMacAddress, vmWithMacAddress } from "../cluster/mac-addresses.ts";
import { findSwitch } from "../cluster/switches.ts";
import type { VmRow } from "../cluster/vms.ts";
import type { Database } from "../database/database.ts";

type NicSpec = ObjectSpecOf<"vm">["nics"][number];
type NewNic = Omit<VmNic, "order">;

/**
 * A VM's NICs as they are described. Inside a transaction, when it has none any more.
 * @throws SWITCH_UNKNOWN, OBJECT_NAME_TAKEN (a MAC address), BAD_REQUEST
 */
export const makeNics = (database: Database, vm: Pick<VmRow, "name">, wanted: readonly NicSpec[]): NewNic[] => {
  const taken = new Set(wanted.flatMap(({ macAddress }) => macAddress ?? []));
  const given = wanted.filter(({ macAddress }) => macAddress !== undefined).length;
  if (taken.size < given) {
    throw new VisibleError("BAD_REQUEST", `Two NICs of the VM “${vm.name}” have the same MAC address.`, {
      hint: "Give each its own, or none to have one made up.",
    });
  }
  return wanted.map((nic) => {
    const { model, enabled, ipAddress, gateway, subnetMask } = nic;
    const connection = connectionOf(database, vm, nic);
    const macAddress = nic.macAddress === undefined ? newMacAddress(database) : freeAddress(database, nic.macAddress);
    return {
      ...{ macAddress, model, enabled, ...connection },
      ...(ipAddress !== undefined && { ipAddress }),
      ...(gateway !== undefined && { gateway }),
      ...(subnetMask !== undefined && { subnetMask }),
    };
  });
};

const freeAddress = (database: Database, macAddress: string): string => {
  const vm = vmWithMacAddress(database, macAddress);
  if (vm === undefined) return macAddress;
  throw new VisibleError("OBJECT_NAME_TAKEN", `The MAC address ${macAddress} is that of a NIC of the VM “${vm}”.`, {
    hint: "Give another one, or none to have one made up.",
  });
};

const connectionOf = (
  database: Database,
  vm: Pick<VmRow, "name">,
  { switch: name, vlan }: NicSpec,
): Pick<NewNic, "virtualSwitch" | "vlan"> => {
  if (name !== undefined) {
    const found = findSwitch(database, name);
    return { virtualSwitch: found.name, vlan: vlanOf(found, vlan) };
  }
  if (vlan === undefined || vlan === 0) return { virtualSwitch: null, vlan: { vlanId: 0 } };
  throw new VisibleError("BAD_REQUEST", `A NIC of the VM “${vm.name}” has a VLAN and no virtual switch.`, {
    hint: "Give the `switch` that has it.",
  });
};

/** A VLAN of a switch by its name or id. @throws BAD_REQUEST */
const vlanOf = (found: VirtualSwitch, wanted: string | number | undefined): VmNic["vlan"] => {
  if (wanted === undefined) return { vlanId: 0 };
  const vlan = found.vlans.find(({ name, vlanId }) => (typeof wanted === "string" ? name : vlanId) === wanted);
  if (vlan !== undefined) return vlan;
  if (wanted === 0) return { vlanId: 0 };
  const known = found.vlans.map(({ name, vlanId }) => `“${name}” (${vlanId})`);
  throw new VisibleError("BAD_REQUEST", `The virtual switch “${found.name}” has no VLAN ${wanted}.`, {
    hint: known.length === 0 ? "It has none at all." : `It has: ${known.join(", ")}.`,
  });
};
