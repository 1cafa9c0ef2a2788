import { z } from "zod";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import { inCluster, listOf, type Noun, refSchema } from "./noun.ts";

const switches: Noun<TowerSwitch> = {
  list: "get-vdses",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), ovsbr_name: z.string() },
      ...{ internal: z.boolean(), type: z.string() },
    })
    .transform((one) => ({
      ...{ id: one.id, localId: one.local_id, name: one.name, bridge: one.ovsbr_name },
      ...{ isInternal: one.internal, isForVms: one.type === "VM" },
    })),
};

export interface TowerSwitch {
  readonly id: string;
  readonly localId: string;
  readonly name: string;
  readonly bridge: string;
  readonly isInternal: boolean;
  /** Others carry the cluster's own traffic. */
  readonly isForVms: boolean;
}

export const listSwitches = inCluster(switches);

const vlans: Noun<TowerVlan> = {
  list: "get-vlans",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), vlan_id: z.number(), vds: refSchema },
      type: z.string(),
    })
    .transform((vlan) => ({
      ...{ id: vlan.id, localId: vlan.local_id, name: vlan.name, vlanId: vlan.vlan_id, switch: vlan.vds },
      isForVms: vlan.type === "VM",
    })),
};

export interface TowerVlan {
  readonly id: string;
  readonly localId: string;
  readonly name: string;
  /** 0 is none. */
  readonly vlanId: number;
  readonly switch: { readonly id: string; readonly name: string };
  readonly isForVms: boolean;
}

export const listVlans = (tower: CloudTower, clusterId: string, call?: StorageCall) =>
  listOf(tower, vlans, { vds: { cluster: { id: clusterId } } }, call);
