import { VisibleError } from "../../../../core/api/errors.ts";
import type { Initiator } from "../../../iscsi/initiator.ts";
import type { IscsiPortal } from "../../../iscsi/portal.ts";
import type { StorageCall } from "../../call.ts";
import { listHosts } from "../cloud-tower/nouns/hosts.ts";
import type { TowerLun } from "../cloud-tower/nouns/luns.ts";
import type { ProbeGround } from "./ground.ts";

/** One LUN, open at a node. */
export interface LunAtNode {
  readonly lun: Awaited<ReturnType<Initiator["openLun"]>>;
  readonly initiator: Initiator;
}

/**
 * The LUN at two nodes: wherever the portals send us to, and at the nodes themselves.
 * @param of.openAt opens an initiator with one portal
 * @returns fewer where there is no way to a second one; each must be closed
 */
export const atTwoNodes = async (
  ground: ProbeGround,
  { lun, openAt }: { readonly lun: TowerLun; readonly openAt: (portals: readonly IscsiPortal[]) => Promise<Initiator> },
  call: StorageCall,
): Promise<readonly LunAtNode[]> => {
  const found = new Map<string, LunAtNode>();
  const tryAt = async (portals: readonly IscsiPortal[]): Promise<void> => {
    if (found.size >= 2) return;
    const initiator = await openAt(portals);
    try {
      const opened = await initiator.openLun({ targetName: ground.iqn, lun: lun.lunId }, call);
      const [at] = opened.portals;
      if (at === undefined || found.has(keyOf(at))) await initiator.close();
      else found.set(keyOf(at), { lun: opened, initiator });
    } catch (error) {
      await initiator.close();
      call.signal?.throwIfAborted();
      if (!VisibleError.is(error)) throw error;
    }
  };
  for (const portal of ground.parts.portals) await tryAt([portal]);
  const [first] = [...found.values()].flatMap(({ lun: one }) => one.portals);
  if (first === undefined) return [];
  const hosts = await listHosts(ground.parts.tower, ground.parts.clusterId, call);
  const addresses = hosts.flatMap(({ dataIp, accessIp }) => [dataIp, accessIp]).filter((ip) => ip !== undefined);
  for (const host of new Set(addresses)) await tryAt([{ host, port: first.port }]);
  return [...found.values()];
};

const keyOf = ({ host, port }: IscsiPortal): string => `${host} ${port}`;
