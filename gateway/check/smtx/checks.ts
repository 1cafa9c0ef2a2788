import type { SmtxConfig } from "../../storage/smtx-config.ts";
import { checkCluster } from "./cluster.ts";
import { checkHashes, checkSecrets } from "./files.ts";
import { checkPortals } from "./portals.ts";
import { checkRights } from "./rights.ts";
import { checkShell } from "./shell.ts";
import { checkTower } from "./tower.ts";

/** In the order in which one needs the other. Nothing is made on the cluster. */
export const smtxChecks: readonly (readonly [what: string, check: (config: SmtxConfig) => Promise<string>])[] = [
  ["secrets", checkSecrets],
  ["CloudTower", checkTower],
  ["cluster", checkCluster],
  ["rights", checkRights],
  ["iSCSI", checkPortals],
  ["SSH", checkShell],
  ["hashes", checkHashes],
];
