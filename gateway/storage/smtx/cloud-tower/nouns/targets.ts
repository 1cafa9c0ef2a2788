import { z } from "zod";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import {
  byIds,
  byName,
  changed,
  deleted,
  inCluster,
  labelsSchema,
  made,
  type Noun,
  settledSchema,
  whereId,
} from "./noun.ts";

const targets: Noun<TowerTarget> = {
  list: "get-iscsi-targets",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), iqn_name: z.string(), description: z.string() },
      ...{ iqn_whitelist: z.string(), ip_whitelist: z.string(), chap_enabled: z.boolean() },
      ...{ replica_num: z.number(), thin_provision: z.boolean(), stripe_num: z.number(), stripe_size: z.number() },
      ...{ internal: z.boolean(), labels: labelsSchema, entityAsyncStatus: settledSchema },
    })
    .transform((target) => ({
      ...{ id: target.id, localId: target.local_id, name: target.name, iqn: target.iqn_name },
      ...{ description: target.description, labels: target.labels },
      ...{ iqnWhitelist: target.iqn_whitelist, ipWhitelist: target.ip_whitelist, isChap: target.chap_enabled },
      ...{ replicas: target.replica_num, thin: target.thin_provision },
      ...{ stripeCount: target.stripe_num, stripeBytes: target.stripe_size },
      ...{ isInternal: target.internal, isSettled: target.entityAsyncStatus },
    })),
};

export interface TowerTarget {
  readonly id: string;
  /** The pool's, on the cluster. */
  readonly localId: string;
  readonly name: string;
  readonly iqn: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Separated by commas. */
  readonly iqnWhitelist: string;
  readonly ipWhitelist: string;
  readonly isChap: boolean;
  readonly replicas: number;
  readonly thin: boolean;
  readonly stripeCount: number;
  readonly stripeBytes: number;
  /** The cluster has made it for itself, for VMs' volumes. */
  readonly isInternal: boolean;
  readonly isSettled: boolean;
}

export interface NewTarget {
  readonly clusterId: string;
  readonly name: string;
  readonly description?: string;
  readonly replicas: number;
  readonly thin: boolean;
  readonly stripeCount: number;
  readonly stripeBytes: number;
  /** Initiators' names; nobody else gets in. */
  readonly iqnWhitelist?: string;
  readonly ipWhitelist?: string;
  readonly chap?: { readonly user: string; readonly secret: string };
}

const common = (of: Pick<NewTarget, "description" | "iqnWhitelist" | "ipWhitelist" | "chap">) => ({
  ...(of.description !== undefined && { description: of.description }),
  ...(of.iqnWhitelist !== undefined && { iqn_whitelist: of.iqnWhitelist }),
  ...(of.ipWhitelist !== undefined && { ip_whitelist: of.ipWhitelist }),
  ...(of.chap !== undefined && { chap_enabled: true, chap_name: of.chap.user, chap_secret: of.chap.secret }),
});

export const listTargets = inCluster(targets);

export const findTargets = byIds(targets);

export const findTarget = byName(targets);

/** Looks for one of that name first, since making it twice makes two. */
export const ensureTarget = (tower: CloudTower, wanted: NewTarget, call?: StorageCall): Promise<TowerTarget> =>
  tower.ensure(
    {
      what: `the iSCSI target “${wanted.name}”`,
      find: (watch) => findTarget(tower, wanted, watch),
      create: (watch) => createTarget(tower, wanted, watch),
      isReady: ({ isSettled }) => isSettled,
    },
    call,
  );

const createTarget = (tower: CloudTower, wanted: NewTarget, call?: StorageCall) => {
  const { clusterId: cluster_id, name, replicas: replica_num, thin: thin_provision } = wanted;
  const { stripeCount: stripe_num, stripeBytes: stripe_size } = wanted;
  const body = { cluster_id, name, replica_num, thin_provision, stripe_num, stripe_size, stripe_size_unit: "B" };
  return made(tower, { noun: targets, operation: "create-iscsi-target", body: [{ ...body, ...common(wanted) }] }, call);
};

/** What is not said stays. */
export const updateTarget = (
  tower: CloudTower,
  id: string,
  change: Parameters<typeof common>[0],
  call?: StorageCall,
): Promise<void> => changed(tower, "update-iscsi-target", { ...whereId(id), data: common(change) }, call);

/** Only an empty one can be deleted. Idempotent. */
export const deleteTarget = (tower: CloudTower, id: string, call?: StorageCall): Promise<void> =>
  deleted(tower, "delete-iscsi-target", whereId(id), call);
