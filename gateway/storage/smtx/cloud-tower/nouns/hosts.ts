import { z } from "zod";
import { inCluster, type Noun, refSchema } from "./noun.ts";

const hosts: Noun<TowerHost> = {
  list: "get-hosts",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), management_ip: z.string() },
      ...{ data_ip: z.string().nullish(), access_ip: z.string().nullish(), status: z.string(), state: z.string() },
    })
    .transform((host) => ({
      ...{ id: host.id, localId: host.local_id, name: host.name, managementIp: host.management_ip },
      ...{ dataIp: host.data_ip || undefined, accessIp: host.access_ip || undefined },
      isHealthy: host.status === "CONNECTED_HEALTHY" && host.state === "IN_USE",
    })),
};

/** A node of the cluster. */
export interface TowerHost {
  readonly id: string;
  readonly localId: string;
  readonly name: string;
  readonly managementIp: string;
  readonly dataIp: string | undefined;
  readonly accessIp: string | undefined;
  readonly isHealthy: boolean;
}

export const listHosts = inCluster(hosts);

const connections: Noun<TowerConnection> = {
  list: "get-iscsi-connections",
  schema: z
    .object({
      ...{ id: z.string(), initiator_ip: z.string(), client_port: z.number(), type: z.string() },
      ...{ host: refSchema, iscsi_target: refSchema.nullish() },
    })
    .transform((one) => ({
      ...{ id: one.id, initiatorIp: one.initiator_ip, clientPort: one.client_port, host: one.host },
      target: one.iscsi_target ?? undefined,
    })),
};

/** Of an initiator, to a target, at a node. */
export interface TowerConnection {
  readonly id: string;
  readonly initiatorIp: string;
  readonly clientPort: number;
  readonly host: { readonly id: string; readonly name: string };
  readonly target: { readonly id: string; readonly name: string } | undefined;
}

export const listConnections = inCluster(connections);

const businessHosts: Noun<TowerBusinessHost> = {
  list: "get-business-hosts",
  schema: z
    .object({
      ...{ id: z.string(), name: z.string(), iscsi_luns: z.array(refSchema).nullish() },
      ...{
        iscsi_targets: z.array(refSchema).nullish(),
        initiators: z.array(z.object({ identifier: z.string().nullish() })).nullish(),
      },
    })
    .transform((host) => ({
      ...{ id: host.id, name: host.name, targets: host.iscsi_targets ?? [], luns: host.iscsi_luns ?? [] },
      initiators: (host.initiators ?? []).flatMap(({ identifier }) => identifier ?? []),
    })),
};

/** A customer's host: who may see which targets and LUNs, by its initiators' names. */
export interface TowerBusinessHost {
  readonly id: string;
  readonly name: string;
  readonly targets: readonly { readonly id: string; readonly name: string }[];
  readonly luns: readonly { readonly id: string; readonly name: string }[];
  readonly initiators: readonly string[];
}

export const listBusinessHosts = inCluster(businessHosts);
