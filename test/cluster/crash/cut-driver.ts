import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeptHashes } from "../../../gateway/storage/kept-hashes.ts";
import { Background } from "../../../gateway/storage/smtx/background.ts";
import { TowerHands } from "../../../gateway/storage/smtx/cluster/tower-hands.ts";
import { SmtxCluster } from "../../../gateway/storage/smtx/driver.ts";
import { findCluster } from "../../../gateway/storage/smtx/inventory/find-cluster.ts";
import { Ledger } from "../../../gateway/storage/smtx/ledger/ledger.ts";
import { beginRecords } from "../../../gateway/storage/smtx/manifests/beginning.ts";
import {
  initiatorName,
  openInitiator,
  openLedgerDevice,
  openTower,
  replicas,
} from "../../../gateway/storage/smtx/reach.ts";
import { Holder } from "../../../gateway/storage/smtx/reaper/holder.ts";
import { Reaper } from "../../../gateway/storage/smtx/reaper/reaper.ts";
import { TowerRemains } from "../../../gateway/storage/smtx/reaper/tower-remains.ts";
import { migrateRecords } from "../../../gateway/storage/smtx/records/schema.ts";
import { createAskTokens } from "../../../gateway/storage/smtx/ssh/extent-table.ts";
import { FileVolumes } from "../../../gateway/storage/smtx/ssh/file-volumes.ts";
import { openSsh } from "../../../gateway/storage/smtx/ssh/open.ts";
import { steadyTime, type Time } from "../../../gateway/time/time.ts";
import { configOf } from "../driver/under-test.ts";
import type { ClusterStandIn } from "../stand-in/stand-in.ts";
import { cutting, type DriverCut } from "./driver-cut.ts";

/** Nobody waits half a minute for a lease of the dead. */
const hastyFactor = 50;
const hastyTime: Time = {
  nowMs: () => steadyTime.nowMs() * hastyFactor,
  sleep: (ms, signal) => steadyTime.sleep(ms / hastyFactor, signal),
};

export interface CutDriver {
  readonly driver: SmtxCluster;
  /** Removes what is left, also what somebody dead has opened. */
  reap(): Promise<void>;
  /** Its connections end, as those of a process that died do. */
  end(): Promise<void>;
}

/** A driver all of whose calls go through a cut. */
export const openCutDriver = async (standIn: ClusterStandIn, cut: DriverCut): Promise<CutDriver> => {
  const dir = await mkdtemp(join(tmpdir(), "driver-"));
  const config = await configOf(standIn, dir);
  const tower = await openTower(config, { time: steadyTime });
  const realInitiator = await openInitiator(config, { time: steadyTime });
  const ssh = config.ssh && (await openSsh(config.ssh, steadyTime));
  const end = async (): Promise<void> => {
    await realInitiator.close();
    await ssh?.close();
    await tower.close();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const clusterId = standIn.cluster.id;
    const initiator = cutting(realInitiator, cut, "initiator");
    const hands = cutting(
      new TowerHands({ tower, ssh, clusterId, initiatorName, chap: undefined, replicas }),
      cut,
      "hands",
    );
    const device = await openLedgerDevice({ hands, initiator, time: hastyTime }, {});
    const ledger = await Ledger.open(device, { migrate: migrateRecords, time: hastyTime });
    const holder = new Holder({ ledger, time: steadyTime });
    let laterMs = 0;
    const remains = new TowerRemains({ tower, clusterId, ssh });
    const reaper = new Reaper({
      ledger,
      holder,
      remains,
      time: { nowMs: () => steadyTime.nowMs() + laterMs, sleep: steadyTime.sleep },
    });
    const fileVolumes = ssh && new FileVolumes(ssh);
    const find = (call?: Parameters<typeof findCluster>[1]) =>
      findCluster({ tower, clusterId, extentBytes: 2 ** 18, fileVolumes }, call);
    const context = {
      time: steadyTime,
      ledger,
      hands,
      initiator,
      find,
      holder,
      reaper,
      background: new Background(),
      kept: config.hashesDir === undefined ? undefined : new KeptHashes(config.hashesDir),
      hasCommandLine: ssh !== undefined,
      extentTokens: ssh && createAskTokens(ssh),
    };
    await beginRecords({ ...context, remains });
    const driver = new SmtxCluster(context, async () => {
      await ledger.close();
      await device.close();
    });
    const endAll = async (): Promise<void> => {
      await driver.close().catch(() => undefined);
      await end();
    };
    const reap = async (): Promise<void> => {
      await reaper.reap();
      laterMs += 600_000;
      await reaper.reap();
    };
    return { driver, reap, end: endAll };
  } catch (error) {
    await end();
    throw error;
  }
};
