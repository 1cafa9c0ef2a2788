import { z } from "zod";
import type { IscsiTargetSettings } from "../../../../core/api/object/lun.ts";
import type { StorageCall } from "../../call.ts";
import { findOne } from "./find-one.ts";
import type { TargetWish } from "./hands.ts";
import type { TowerHandsOptions } from "./options.ts";

const targetSchema = z.looseObject({ id: z.string(), name: z.string(), iqn_name: z.string() });
export type Target = z.infer<typeof targetSchema>;

/** The target of this name, as it is, or a new one. */
export const ensureTarget = (of: TowerHandsOptions, wish: TargetWish, call: StorageCall): Promise<Target> => {
  const { tower, clusterId, replicas } = of;
  const { name, stripeCount, stripeBytes, theirs } = wish;
  const where = { name, cluster: { id: clusterId } };
  return tower.ensure(
    {
      what: `the iSCSI target “${name}”`,
      find: (look) => findOne(tower, { operation: "get-iscsi-targets", where, schema: targetSchema }, look),
      create: (make) =>
        tower.change(
          "create-iscsi-target",
          [
            {
              ...{ name, cluster_id: clusterId, replica_num: replicas, thin_provision: true },
              ...{ stripe_num: stripeCount, stripe_size: stripeBytes, stripe_size_unit: "B" },
              ...(theirs === undefined ? guarded(of) : settingsOf(theirs)),
            },
          ],
          z.unknown(),
          make,
        ),
    },
    call,
  );
};

/** Nobody but a gateway gets at what is ours (W8). */
const guarded = ({ initiatorName, chap }: TowerHandsOptions): object => ({
  ...{ ip_whitelist: "*/*", iqn_whitelist: initiatorName, description: "Made by smtx-backup; leave it alone." },
  ...(chap !== undefined && { chap_enabled: true, chap_name: chap.user, chap_secret: chap.secret }),
});

const settingsOf = ({ description, ipWhitelist, iqnWhitelist, replicaNum, thinProvision }: IscsiTargetSettings) => ({
  ...(description !== undefined && { description }),
  ...(ipWhitelist !== undefined && { ip_whitelist: ipWhitelist }),
  ...(iqnWhitelist !== undefined && { iqn_whitelist: iqnWhitelist }),
  ...(replicaNum !== undefined && { replica_num: replicaNum }),
  ...(thinProvision !== undefined && { thin_provision: thinProvision }),
});
