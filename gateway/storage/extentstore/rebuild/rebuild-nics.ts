import { VisibleError } from "../../../../core/api/errors.ts";
import type { VmNic, VmObject } from "../../../../core/api/object/vm.ts";
import type { RebuildWishes } from "../../../../core/api/restore/wishes.ts";
import { mappedTo } from "../../../../core/object/switches.ts";
import { newMacAddress, vmWithMacAddress } from "../cluster/mac-addresses.ts";
import { findSwitch } from "../cluster/switches.ts";
import type { Database } from "../database/database.ts";
import { nicsOf } from "../mirrors/mirror-vms.ts";
import type { RebuildSource } from "./rebuild-source.ts";

/** What the NICs of a rebuilt VM follow from. */
interface RebuiltNicsOf {
  readonly object: VmObject;
  /** The VM's own. */
  readonly name: string;
  readonly source: Pick<RebuildSource, "mapping" | "isOfThisCluster">;
  readonly wishes: RebuildWishes;
}

/**
 * A rebuilt VM's NICs: where they are connected, and their addresses. Inside a transaction.
 * @throws SWITCH_UNKNOWN, MAC_ADDRESS_TAKEN
 */
export const rebuiltNics = (database: Database, of: RebuiltNicsOf): Omit<VmNic, "order">[] =>
  nicsOf(of.object, (name) => switchOf(database, of, name)).map((nic) => ({
    ...nic,
    macAddress: of.wishes.keepMacs ? keptMacAddress(database, of.name, nic) : newMacAddress(database),
  }));

/**
 * The switch here in the place of the one that a NIC's source was connected to: the one that is
 * wished for; else the mapped one, if it is there.
 */
const switchOf = (database: Database, { source, wishes }: RebuiltNicsOf, name: string): string | null => {
  if (wishes.disconnectNics) return null;
  const wished = mappedTo(wishes.switches ?? {}, name);
  if (wished !== undefined) return findSwitch(database, wished).name;
  const mapped = source.isOfThisCluster ? name : mappedTo(source.mapping?.switches ?? {}, name);
  if (mapped === undefined) return null;
  return database.one("SELECT 1 FROM switches WHERE name = ?", mapped) === undefined ? null : mapped;
};

/** Two NICs that are connected can't have one address; beside one that is not, it does no harm. */
const keptMacAddress = (
  database: Database,
  name: string,
  { macAddress, virtualSwitch }: Pick<VmNic, "macAddress" | "virtualSwitch">,
): string => {
  const vm = virtualSwitch === null ? undefined : vmWithMacAddress(database, macAddress);
  if (vm === undefined) return macAddress;
  throw new VisibleError("MAC_ADDRESS_TAKEN", `“${name}” can't keep the MAC address ${macAddress}: “${vm}” has it.`, {
    hint: "Leave out --keep-macs for new ones, or keep them unconnected with --disconnect-nics.",
  });
};
