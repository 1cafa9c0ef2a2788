import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { VisibleError } from "../../../core/api/errors.ts";
import { plainGeometry } from "../../../core/extent/geometry.ts";
import { Initiator } from "../../iscsi/initiator.ts";
import { steadyTime, type Time } from "../../time/time.ts";
import type { StorageCall } from "../call.ts";
import { hostAndPort, type SmtxConfig } from "../smtx-config.ts";
import { CloudTower } from "./cloud-tower/client.ts";
import { TowerHands } from "./cluster/tower-hands.ts";
import type { ClusterContext } from "./context.ts";
import { SmtxCluster } from "./driver.ts";
import { findCluster } from "./inventory/find-cluster.ts";
import { Ledger } from "./ledger/ledger.ts";
import { LedgerLun } from "./ledger-device.ts";
import { ourName } from "./names.ts";
import { migrateRecords } from "./records/schema.ts";

/** Only who is called so may log in to what is ours (W8). */
export const initiatorName = "iqn.2026-11.backup.smtx:gateway";
const iscsiPort = 3260;
const ledgerBytes = 256 * 1024 ** 2;
const ledgerLunId = 1;
const replicas = 2;

/** @throws CLUSTER_UNREACHABLE, CLUSTER_REFUSED, CLUSTER_BUSY, STORE_CORRUPT, STORE_TOO_NEW, … */
export const openSmtx = async (
  config: SmtxConfig,
  { time = steadyTime, ...call }: { readonly time?: Time } & StorageCall = {},
): Promise<SmtxCluster> => {
  const opened: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  try {
    const chap = config.iscsi.chap && {
      user: config.iscsi.chap.user,
      secret: await secretIn(config.iscsi.chap.secretFile),
    };
    const tower = CloudTower.open({
      ...{ url: config.tower.url, user: config.tower.user, source: config.tower.source, time },
      password: await secretIn(config.tower.passwordFile),
      ca: config.tower.ca && (await readFile(config.tower.ca, "utf8")),
      secrets: chap === undefined ? [] : [chap.secret],
    });
    opened.push(() => tower.close());
    const clusterId = await clusterIdOf(tower, config.cluster, call);
    const portals = config.iscsi.portals.map((portal) => hostAndPort(portal, iscsiPort));
    const initiator = new Initiator({ portals, initiatorName, time, ...(chap !== undefined && { chap }) });
    opened.push(() => initiator.close());
    const hands = new TowerHands({ tower, clusterId, initiatorName, chap, replicas });
    const device = await ledgerDevice({ hands, initiator, time }, call);
    opened.push(() => device.close());
    const ledger = await Ledger.open(device, { migrate: migrateRecords, time }, call);
    opened.push(() => ledger.close());
    const extentBytes = config.extentBytes ?? plainGeometry.extentBytes;
    const context: ClusterContext = {
      ...{ ledger, hands, initiator, extentTokens: undefined },
      find: (look) => findCluster({ tower, clusterId, extentBytes }, look),
      holder: randomBytes(6).toString("hex"),
    };
    return new SmtxCluster(context, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
};

const ledgerDevice = async (
  { hands, initiator, time }: { readonly hands: TowerHands; readonly initiator: Initiator; readonly time: Time },
  call: StorageCall,
): Promise<LedgerLun> => {
  const name = ourName("ledger");
  const target = { name, stripeCount: 1, stripeBytes: 256 * 1024 };
  const { iqn, lunId, sizeBytes } = await hands.makeLun(
    { target, name, lunId: ledgerLunId, sizeBytes: ledgerBytes },
    call,
  );
  return new LedgerLun({
    initiator,
    place: { targetName: iqn, lun: lunId },
    sizeBytes,
    time,
    name: `the LUN “${name}”`,
  });
};

const clusterSchema = z.looseObject({ id: z.string(), name: z.string() });

/** By its id, or its name. @throws NOT_FOUND */
const clusterIdOf = async (tower: CloudTower, written: string, call: StorageCall): Promise<string> => {
  const where = { OR: [{ id: written }, { name: written }] };
  const found = await tower.query("get-clusters", { where }, z.array(clusterSchema), call);
  const [only, ...others] = found.some(({ id }) => id === written) ? found.filter(({ id }) => id === written) : found;
  if (only !== undefined && others.length === 0) return only.id;
  const why = only === undefined ? "knows no cluster" : `knows ${found.length} clusters called`;
  throw new VisibleError("NOT_FOUND", `CloudTower at ${tower.url} ${why} “${written}”.`, {
    hint: "Put the cluster's id into storage.cluster of the gateway's configuration.",
  });
};

const secretIn = async (file: string): Promise<string> => (await readFile(file, "utf8")).trim();
