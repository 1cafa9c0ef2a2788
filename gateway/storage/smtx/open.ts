import { plainGeometry } from "../../../core/extent/geometry.ts";
import { steadyTime, type Time } from "../../time/time.ts";
import type { StorageCall } from "../call.ts";
import { KeptHashes } from "../kept-hashes.ts";
import type { SmtxConfig } from "../smtx-config.ts";
import { abilitiesOf } from "./abilities/abilities.ts";
import { Background } from "./background.ts";
import type { ClusterContext } from "./context.ts";
import { SmtxCluster } from "./driver.ts";
import { findCluster } from "./inventory/find-cluster.ts";
import type { RecoveredPlan } from "./manifests/lost-records.ts";
import { reachCluster } from "./reach.ts";
import { Holder } from "./reaper/holder.ts";
import { Reaper } from "./reaper/reaper.ts";
import { createAskTokens } from "./ssh/extent-table.ts";
import { FileVolumes } from "./ssh/file-volumes.ts";

export interface SmtxOptions {
  readonly time?: Time;
  /** Told when records had been lost: of which plans some could be made again. */
  readonly onRecovered?: ((plans: readonly RecoveredPlan[]) => void) | undefined;
}

/** @throws CLUSTER_UNREACHABLE, CLUSTER_REFUSED, CLUSTER_BUSY, STORE_CORRUPT, STORE_TOO_NEW, … */
export const openSmtx = async (
  config: SmtxConfig,
  { time = steadyTime, onRecovered, ...call }: SmtxOptions & StorageCall = {},
): Promise<SmtxCluster> => {
  const opened: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  try {
    const reached = await reachCluster(config, { time, onOpened: (close) => opened.push(close), ...call });
    const { tower, clusterId, ledger, hands, initiator, ssh, remains, recovered } = reached;
    const extentBytes = config.extentBytes ?? plainGeometry.extentBytes;
    const { tablesOfSnapshots } = await ledger.read(abilitiesOf, call);
    const fileVolumes = ssh && new FileVolumes(ssh);
    const holder = new Holder({ ledger, time });
    const context: ClusterContext = {
      ...{
        ledger,
        hands,
        initiator,
        hasCommandLine: ssh !== undefined,
        extentTokens: tablesOfSnapshots.answer === "no" ? undefined : ssh && createAskTokens(ssh),
      },
      kept: config.hashesDir === undefined ? undefined : new KeptHashes(config.hashesDir),
      find: (look) => findCluster({ tower, clusterId, extentBytes, fileVolumes }, look),
      holder,
      background: new Background(),
      reaper: new Reaper({ ledger, remains, holder, time }),
      time,
    };
    if (recovered !== undefined) onRecovered?.(recovered);
    return new SmtxCluster(context, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
};
