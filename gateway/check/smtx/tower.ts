import { listClusters } from "../../storage/smtx/cloud-tower/nouns/clusters.ts";
import { towerVersion } from "../../storage/smtx/cloud-tower/nouns/version.ts";
import type { SmtxConfig } from "../../storage/smtx-config.ts";
import { HostClock } from "../../time/host-clock.ts";
import { systemTime } from "../../time/time.ts";
import { assertRight, silent } from "../clock.ts";
import { withTower } from "./with-tower.ts";

/** That CloudTower is there, is who it is said to be, lets us in, and has the same time. */
export const checkTower = (config: SmtxConfig): Promise<string> => {
  const clock = new HostClock({ time: systemTime, log: silent });
  return withTower(
    config,
    async (tower) => {
      const version = await towerVersion(tower);
      // The first thing that needs the account.
      const clusters = await listClusters(tower);
      assertRight(clock);
      const { url, user } = config.tower;
      return `${version} at ${url} lets ${user} in, and shows it ${clusters.length} ${clusters.length === 1 ? "cluster" : "clusters"}`;
    },
    clock.heard,
  );
};
