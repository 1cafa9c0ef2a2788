import { randomUUID } from "node:crypto";
import { VisibleError } from "../../../core/api/errors.ts";
import { plainGeometry } from "../../../core/extent/geometry.ts";
import { findCluster } from "../../storage/smtx/cloud-tower/nouns/clusters.ts";
import { listLuns, type TowerLun } from "../../storage/smtx/cloud-tower/nouns/luns.ts";
import { extentTable } from "../../storage/smtx/ssh/extent-table.ts";
import { openSsh } from "../../storage/smtx/ssh/open.ts";
import type { SmtxConfig } from "../../storage/smtx-config.ts";
import { steadyTime } from "../../time/time.ts";
import { withTower } from "./with-tower.ts";

/** That each node lets us in by its pinned key, and shows the extent table of a LUN. */
export const checkShell = async (config: SmtxConfig): Promise<string> => {
  const { ssh } = config;
  if (ssh === undefined) return "none: every extent is read and compared, which is slower and right";
  const lun = await smallestLun(config);
  for (const host of ssh.hosts) {
    const runner = await openSsh({ ...ssh, hosts: [host] }, steadyTime);
    try {
      const table = await extentTable(runner, lun?.zbsVolumeId ?? randomUUID()).catch((error: unknown) => {
        // There is no LUN to be shown, so it has to say so: by that it is seen to answer.
        if (lun === undefined && VisibleError.is(error, "CLUSTER_TASK_FAILED")) return undefined;
        throw error;
      });
      if (lun !== undefined && table !== undefined) assertLength(table.length, lun, config);
    } finally {
      await runner.close();
    }
  }
  const all = ssh.hosts.length === 1 ? ssh.hosts[0] : `each of ${ssh.hosts.length} nodes`;
  return lun === undefined
    ? `${all} answers ${ssh.user}; extent tables show when there is a LUN`
    : `${all} answers ${ssh.user}, and shows extent tables`;
};

/** Its table is the shortest. */
const smallestLun = (config: SmtxConfig): Promise<TowerLun | undefined> =>
  withTower(config, async (tower) => {
    try {
      const { id } = await findCluster(tower, config.cluster);
      return (await listLuns(tower, id)).toSorted((a, b) => a.sizeBytes - b.sizeBytes)[0];
    } catch (error) {
      // What is wrong with CloudTower has been told; the nodes may be well.
      if (VisibleError.is(error)) return undefined;
      throw error;
    }
  });

const assertLength = (rows: number, { sizeBytes, stripeCount }: TowerLun, config: SmtxConfig): void => {
  const extentBytes = config.extentBytes ?? plainGeometry.extentBytes;
  const expected = Math.ceil(sizeBytes / (extentBytes * Math.max(1, stripeCount))) * Math.max(1, stripeCount);
  if (rows === expected) return;
  const message = `The extent table of a LUN of ${sizeBytes} bytes has ${rows} rows; with extents of ${extentBytes} bytes it would have ${expected}.`;
  throw new VisibleError("BAD_REQUEST", message, {
    hint: "See that storage.extentBytes is what the cluster has; leave it out where nobody has changed that.",
  });
};
