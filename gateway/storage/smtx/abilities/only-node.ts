import { type IscsiPortal, portalOf } from "../../../iscsi/portal.ts";
import type { StorageCall } from "../../call.ts";
import type { CloudTower } from "../cloud-tower/client.ts";
import { findTarget, updateTarget } from "../cloud-tower/nouns/targets.ts";
import { ourName } from "../names.ts";

/*
 * Where reservations hold at one node only, everybody has to go through that one: there they are as
 * good as anywhere. The ledger itself is held by one, so which node it is has to be known before
 * that is opened. It stands at the ledger's target, for people to read, and to change where that
 * node is gone.
 */

/** What targets of ours say to people. */
export const ourDescription = "Made by smtx-backup; leave it alone.";

const sentence = /Gateways go through (\S+) only\./;

/** Undefined: wherever the cluster sends us. */
export const onlyNodeOf = ({ description }: { readonly description: string }): IscsiPortal | undefined =>
  portalOf(sentence.exec(description)?.[1] ?? "");

export const findOnlyNode = async (
  tower: CloudTower,
  clusterId: string,
  call?: StorageCall,
): Promise<IscsiPortal | undefined> => {
  const target = await findTarget(tower, { clusterId, name: ourName("ledger") }, call);
  return target && onlyNodeOf(target);
};

/**
 * Undefined: it may be any. One that is there already stays, since others may go through it now.
 */
export const putOnlyNode = async (
  tower: CloudTower,
  { clusterId, node }: { readonly clusterId: string; readonly node: IscsiPortal | undefined },
  call?: StorageCall,
): Promise<void> => {
  const target = await findTarget(tower, { clusterId, name: ourName("ledger") }, call);
  const known = target && onlyNodeOf(target);
  if (target === undefined || (known === undefined) === (node === undefined)) return;
  const description =
    node === undefined ? ourDescription : `${ourDescription} Gateways go through ${portalText(node)} only.`;
  await updateTarget(tower, target.id, { description }, call);
};

/** `host:port`. */
export const portalText = ({ host, port }: IscsiPortal): string => `${host.includes(":") ? `[${host}]` : host}:${port}`;
