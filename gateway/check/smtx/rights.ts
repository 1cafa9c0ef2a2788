import { z } from "zod";
import { VisibleError } from "../../../core/api/errors.ts";
import { listClusters } from "../../storage/smtx/cloud-tower/nouns/clusters.ts";
import type { SmtxConfig } from "../../storage/smtx-config.ts";
import { withTower } from "./with-tower.ts";

/** What is read while backing up and restoring, by what the account's role calls it. */
const lists: readonly (readonly [what: string, operation: string])[] = [
  ["iSCSI targets", "get-iscsi-targets"],
  ["LUNs", "get-iscsi-luns"],
  ["LUN snapshots", "get-iscsi-lun-snapshots"],
  ["consistency groups", "get-consistency-groups"],
  ["consistency group snapshots", "get-consistency-group-snapshots"],
  ["VMs", "get-vms"],
  ["VM disks", "get-vm-disks"],
  ["VM NICs", "get-vm-nics"],
  ["virtual volumes", "get-vm-volumes"],
  ["virtual volume snapshots", "get-vm-volume-snapshots"],
  ["virtual switches", "get-vdses"],
  ["VLANs", "get-vlans"],
  ["labels", "get-labels"],
  ["hosts", "get-hosts"],
  ["tasks", "get-tasks"],
];

/** That the account may see all that is read. What it may change shows only when it is done. */
export const checkRights = (config: SmtxConfig): Promise<string> =>
  withTower(config, async (tower) => {
    // Who is not let in at all is told that, and not that rights are missing.
    await listClusters(tower);
    const refused: string[] = [];
    for (const [what, operation] of lists) {
      await tower.query(operation, { first: 1 }, z.array(z.unknown())).catch((error: unknown) => {
        if (!VisibleError.is(error, "CLUSTER_REFUSED")) throw error;
        refused.push(what);
      });
    }
    if (refused.length === 0) {
      return `${config.tower.user} sees all that is read; whether it may make and delete, gateway probe tells`;
    }
    throw new VisibleError("CLUSTER_REFUSED", `${config.tower.user} may not see ${refused.join(", ")}.`, {
      hint: "Give the account's role the rights that docs/smtx.md lists, on the cluster that is configured.",
    });
  });
