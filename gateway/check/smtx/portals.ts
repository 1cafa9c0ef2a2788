import { once } from "node:events";
import { connect } from "node:net";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Initiator } from "../../iscsi/initiator.ts";
import type { IscsiPortal } from "../../iscsi/portal.ts";
import { onlyNodeOf, portalText } from "../../storage/smtx/abilities/only-node.ts";
import { findCluster } from "../../storage/smtx/cloud-tower/nouns/clusters.ts";
import { listLunsOfTarget } from "../../storage/smtx/cloud-tower/nouns/luns.ts";
import { findTarget } from "../../storage/smtx/cloud-tower/nouns/targets.ts";
import { ourName } from "../../storage/smtx/names.ts";
import { openInitiator, portalsOf } from "../../storage/smtx/reach.ts";
import type { SmtxConfig } from "../../storage/smtx-config.ts";
import { steadyTime } from "../../time/time.ts";
import { withTower } from "./with-tower.ts";

/** Less than for work: a look is over soon. */
const limits = { connectSeconds: 5, loginSeconds: 10, commandSeconds: 10, reconnects: 0 };

/**
 * That each portal answers. Where the ledger is there already it is logged in to: with CHAP, and as
 * who its whitelist admits.
 */
export const checkPortals = async (config: SmtxConfig): Promise<string> => {
  const ledger = await ledgerOf(config);
  const found: string[] = [];
  const { onlyNode } = ledger ?? {};
  for (const portal of onlyNode === undefined ? portalsOf(config) : [onlyNode]) {
    const initiator = await openInitiator(config, { time: steadyTime, portals: [portal], limits });
    try {
      const at = portalText(portal);
      found.push(ledger === undefined ? await answers(initiator, portal) : await logsIn(initiator, at, ledger));
    } finally {
      await initiator.close();
    }
  }
  const untold = "whether CHAP is right shows when there is a target of ours";
  return [...found, ...(ledger === undefined ? [untold] : []), ...(onlyNode === undefined ? [] : [onlyOne])].join("; ");
};

const onlyOne =
  "this cluster's reservations hold at one node only, so all gateways go through that one, and stand still while it is down";

interface LedgerPlace {
  readonly targetName: string;
  readonly lun: number;
  /** All have to go through it; undefined: through any. */
  readonly onlyNode: IscsiPortal | undefined;
}

/** Some speak to nobody before there is a target, and then that they listen has to do. */
const answers = async (initiator: Initiator, portal: IscsiPortal): Promise<string> => {
  const at = `${portal.host}:${portal.port}`;
  try {
    await initiator.targets();
    return `${at} answers`;
  } catch (error) {
    if (!VisibleError.is(error, "CLUSTER_UNREACHABLE") || !(await takesConnections(portal))) throw error;
    return `${at} takes connections`;
  }
};

const takesConnections = async ({ host, port }: IscsiPortal): Promise<boolean> => {
  const socket = connect({ host, port, timeout: limits.connectSeconds * 1000 });
  try {
    const over = ["error", "timeout"].map((event) => once(socket, event).then(() => false));
    return await Promise.race([once(socket, "connect").then(() => true), ...over]).catch(() => false);
  } finally {
    socket.destroy();
  }
};

const logsIn = async (initiator: Initiator, at: string, ledger: LedgerPlace): Promise<string> => {
  const lun = await initiator.openLun(ledger);
  const [node] = lun.portals;
  const isElsewhere = node !== undefined && portalText(node) !== at;
  return `${at} lets us in${isElsewhere ? ` and sends us to ${portalText(node)}` : ""}`;
};

const ledgerOf = (config: SmtxConfig): Promise<LedgerPlace | undefined> =>
  withTower(config, async (tower) => {
    const name = ourName("ledger");
    try {
      const { id: clusterId } = await findCluster(tower, config.cluster);
      const target = await findTarget(tower, { clusterId, name });
      const [lun] = target === undefined ? [] : await listLunsOfTarget(tower, target.id);
      return target && lun && { targetName: target.iqn, lun: lun.lunId, onlyNode: onlyNodeOf(target) };
    } catch (error) {
      // What is wrong with CloudTower has been told; the portals may be well.
      if (VisibleError.is(error)) return undefined;
      throw error;
    }
  });
