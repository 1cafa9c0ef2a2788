import { z } from "zod";
import { VisibleError } from "../../../../../core/api/errors.ts";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import { firstOf, listOf, type Noun } from "./noun.ts";

const clusters: Noun<TowerCluster> = {
  list: "get-clusters",
  schema: z
    .object({
      ...{ id: z.string(), name: z.string(), local_id: z.string().nullish(), version: z.string() },
      ...{ connect_state: z.string(), iscsi_vip: z.string().nullish(), is_all_flash: z.boolean().nullish() },
      ...{ total_data_capacity: z.number().nullish(), used_data_space: z.number().nullish() },
      valid_data_space: z.number().nullish(),
    })
    .transform((cluster) => ({
      ...{ id: cluster.id, name: cluster.name, localId: cluster.local_id ?? undefined, version: cluster.version },
      isConnected: cluster.connect_state === "CONNECTED",
      iscsiVip: cluster.iscsi_vip || undefined,
      totalBytes: cluster.valid_data_space ?? cluster.total_data_capacity ?? undefined,
      usedBytes: cluster.used_data_space ?? undefined,
    })),
};

export interface TowerCluster {
  readonly id: string;
  readonly name: string;
  readonly localId: string | undefined;
  readonly version: string;
  /** CloudTower has a connection to it; what it says of it is old otherwise. */
  readonly isConnected: boolean;
  readonly iscsiVip: string | undefined;
  readonly totalBytes: number | undefined;
  readonly usedBytes: number | undefined;
}

export const listClusters = (tower: CloudTower, call?: StorageCall) => listOf(tower, clusters, {}, call);

/**
 * The cluster that has this id or, if none has, the one that has this name.
 * @throws CLUSTER_REFUSED where there is none, or several of the name
 */
export const findCluster = async (tower: CloudTower, idOrName: string, call?: StorageCall): Promise<TowerCluster> => {
  const byId = await firstOf(tower, clusters, { OR: [{ id: idOrName }, { local_id: idOrName }] }, call);
  if (byId !== undefined) return byId;
  const [found, ...others] = await listOf(tower, clusters, { name: idOrName }, call);
  if (found === undefined) throw noCluster(tower, idOrName, "knows no");
  if (others.length > 0) throw noCluster(tower, idOrName, "knows several");
  return found;
};

const noCluster = ({ url }: CloudTower, idOrName: string, knows: string) =>
  new VisibleError("CLUSTER_REFUSED", `CloudTower at ${url} ${knows} cluster “${idOrName}” for this account.`, {
    hint: "Name it in storage.cluster by its id, and give the account rights on it.",
  });
