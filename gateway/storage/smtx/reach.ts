import { readFile } from "node:fs/promises";
import { VisibleError } from "../../../core/api/errors.ts";
import { Initiator, type InitiatorOptions } from "../../iscsi/initiator.ts";
import type { Time } from "../../time/time.ts";
import type { StorageCall } from "../call.ts";
import { hostAndPort, type SmtxConfig } from "../smtx-config.ts";
import { findOnlyNode } from "./abilities/only-node.ts";
import { CloudTower, type CloudTowerOptions } from "./cloud-tower/client.ts";
import { findCluster } from "./cloud-tower/nouns/clusters.ts";
import { TowerHands } from "./cluster/tower-hands.ts";
import { HeldLun } from "./held-lun.ts";
import { Ledger } from "./ledger/ledger.ts";
import { beginRecords } from "./manifests/beginning.ts";
import type { RecoveredPlan } from "./manifests/lost-records.ts";
import { ourName } from "./names.ts";
import { TowerRemains } from "./reaper/tower-remains.ts";
import { migrateRecords } from "./records/schema.ts";
import { openSsh } from "./ssh/open.ts";
import type { SshRunner } from "./ssh/runner.ts";

/** Only who is called so may log in to what is ours (W8). */
export const initiatorName = "iqn.2026-11.backup.smtx:gateway";
const iscsiPort = 3260;
const ledgerBytes = 256 * 1024 ** 2;
const ledgerLunId = 1;
/** How often data of LUNs of ours are kept. */
export const replicas = 2;

/** Less than a call to a storage may stand still, so that the task is what is told of. */
const taskSecondsOtherwise = 50;

const madeByOthersMs = 2_000;
const never = new AbortController().signal;

export type ChapSecret = NonNullable<InitiatorOptions["chap"]>;

/** @throws VisibleError BAD_REQUEST where a file of the configuration can't be read */
export const openTower = async (
  config: SmtxConfig,
  more: Pick<CloudTowerOptions, "time" | "onDate">,
): Promise<CloudTower> => {
  const { url, user, source, passwordFile, ca, taskSeconds = taskSecondsOtherwise } = config.tower;
  const chap = await chapOf(config);
  return CloudTower.open({
    ...{ url, user, source, taskSeconds, ...more },
    password: await secretIn(passwordFile),
    ca: ca && (await textOf(ca)),
    secrets: chap === undefined ? [] : [chap.secret],
  });
};

/** Name and secret that targets of ours ask for. @throws as `openTower` */
export const chapOf = async ({ iscsi: { chap } }: SmtxConfig): Promise<ChapSecret | undefined> =>
  chap && { user: chap.user, secret: await secretIn(chap.secretFile) };

export const portalsOf = ({ iscsi }: SmtxConfig) => iscsi.portals.map((portal) => hostAndPort(portal, iscsiPort));

export const openInitiator = async (
  config: SmtxConfig,
  more: Pick<InitiatorOptions, "time" | "limits"> & Partial<Pick<InitiatorOptions, "portals" | "isSentOn">>,
): Promise<Initiator> => {
  const chap = await chapOf(config);
  return new Initiator({ portals: portalsOf(config), initiatorName, ...more, ...(chap !== undefined && { chap }) });
};

export interface ReachedCluster {
  readonly tower: CloudTower;
  readonly clusterId: string;
  readonly chap: ChapSecret | undefined;
  /** Undefined: nobody may use the nodes' command line. */
  readonly ssh: SshRunner | undefined;
  readonly initiator: Initiator;
  readonly hands: TowerHands;
  readonly ledger: Ledger;
  readonly remains: TowerRemains;
  /** Undefined: no records were lost before this. */
  readonly recovered: readonly RecoveredPlan[] | undefined;
}

/**
 * All that a cluster is worked with by; its ledger is made where there is none, with what can be
 * known again where one was lost.
 * @param onOpened is told of what has to be closed, the last first, also when this throws
 */
export const reachCluster = async (
  config: SmtxConfig,
  options: { readonly time: Time; readonly onOpened: (close: () => Promise<void>) => void } & StorageCall,
): Promise<ReachedCluster> => {
  const { time, onOpened, ...call } = options;
  const chap = await chapOf(config);
  const tower = await openTower(config, { time });
  onOpened(() => tower.close());
  const { id: clusterId } = await findCluster(tower, config.cluster, call);
  const onlyNode = await findOnlyNode(tower, clusterId, call);
  const initiator = await openInitiator(config, { time, ...(onlyNode && { portals: [onlyNode], isSentOn: false }) });
  onOpened(() => initiator.close());
  const ssh = config.ssh && (await openSsh(config.ssh, time));
  if (ssh !== undefined) onOpened(() => ssh.close());
  const hands = new TowerHands({ tower, ssh, clusterId, initiatorName, chap, replicas });
  const device = await openLedgerDevice({ hands, initiator, time }, call);
  onOpened(() => device.close());
  const ledger = await Ledger.open(device, { migrate: migrateRecords, time }, call);
  onOpened(() => ledger.close());
  const remains = new TowerRemains({ tower, clusterId, ssh });
  const recovered = await beginRecords({ ledger, hands, initiator, time, remains }, call);
  return { tower, clusterId, chap, ssh, initiator, hands, ledger, remains, recovered };
};

export const openLedgerDevice = async (
  { hands, initiator, time }: { readonly hands: TowerHands; readonly initiator: Initiator; readonly time: Time },
  call: StorageCall,
): Promise<HeldLun> => {
  const name = ourName("ledger");
  const target = { name, stripeCount: 1, stripeBytes: 256 * 1024 };
  const wish = { target, name, lunId: ledgerLunId, sizeBytes: ledgerBytes };
  const { iqn, lunId, sizeBytes } = await hands.makeLun(wish, call).catch(async (error: unknown) => {
    if (!VisibleError.is(error, "CLUSTER_TASK_FAILED")) throw error;
    // Of gateways that start at once another one may have made it.
    await time.sleep(madeByOthersMs, call.signal ?? never);
    return hands.makeLun(wish, call);
  });
  return new HeldLun({
    initiator,
    place: { targetName: iqn, lun: lunId },
    sizeBytes,
    time,
    name: `the LUN “${name}”`,
  });
};

const secretIn = async (file: string): Promise<string> => (await textOf(file)).trim();

const textOf = (file: string): Promise<string> =>
  readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new VisibleError("BAD_REQUEST", `${file} can't be read: ${cause.code}.`, {
      hint: "Name a file in the gateway's configuration that the gateway's user may read.",
      cause,
    });
  });
