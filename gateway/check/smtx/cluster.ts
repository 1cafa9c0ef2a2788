import { VisibleError } from "../../../core/api/errors.ts";
import { findCluster } from "../../storage/smtx/cloud-tower/nouns/clusters.ts";
import { listHosts } from "../../storage/smtx/cloud-tower/nouns/hosts.ts";
import type { SmtxConfig } from "../../storage/smtx-config.ts";
import { withTower } from "./with-tower.ts";

const gib = 1024 ** 3;
/** With less, not even the first backup's changes would have room. */
const freeBytesMin = 10 * gib;

/** That the cluster is known, connected, and has room. */
export const checkCluster = (config: SmtxConfig): Promise<string> =>
  withTower(config, async (tower) => {
    const cluster = await findCluster(tower, config.cluster);
    const { id, name, version, isConnected, totalBytes, usedBytes } = cluster;
    if (!isConnected) {
      throw new VisibleError("CLUSTER_UNREACHABLE", `CloudTower has no connection to the cluster ${name}.`, {
        hint: "See in CloudTower why; nothing can be done on the cluster until it has one.",
      });
    }
    const hosts = await listHosts(tower, id);
    const healthy = hosts.filter(({ isHealthy }) => isHealthy).length;
    const about = `${name}, SMTX OS ${version}, ${healthy} of ${hosts.length} nodes healthy`;
    if (totalBytes === undefined || usedBytes === undefined) return about;
    const freeBytes = totalBytes - usedBytes;
    if (freeBytes < freeBytesMin) {
      throw new VisibleError("STORE_FULL", `Only ${(freeBytes / gib).toFixed(1)} GiB are free on ${name}.`, {
        hint: "Make room on the cluster: mirrors and what snapshots keep need it.",
      });
    }
    return `${about}, ${Math.floor(freeBytes / gib)} GiB free`;
  });
