import { isIP } from "node:net";
import type { SiteId } from "../../../core/api/ids.ts";
import type { EnvoyLayout } from "./layout.ts";
import {
  bbr,
  commonTls,
  connectionLog,
  keepalive,
  pipe,
  tlsType,
  typed,
  userTimeout,
  watchedFile,
} from "./resources.ts";

const connectAttemptsMax = 10;
const connectionsMax = 128;

export interface Endpoint {
  /** An IP address: Envoy takes nothing else here. */
  readonly address: string;
  readonly port: number;
}

const clusterOf = (siteId: SiteId): string => `site-${siteId}`;

/**
 * The way to another site, for the sender on this host: a socket, and behind it a
 * connection of mutual TLS.
 */
export const sendingListener = (layout: EnvoyLayout, siteId: SiteId): object => ({
  name: `to-${siteId}`,
  address: pipe(layout.socketTo(siteId)),
  enable_reuse_port: false,
  // However many strangers hold connections at the public port, ours are let through.
  ignore_global_conn_limit: true,
  filter_chains: [
    {
      filters: [
        {
          name: "envoy.filters.network.tcp_proxy",
          typed_config: typed("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", {
            stat_prefix: `to-${siteId}`,
            cluster: clusterOf(siteId),
            max_connect_attempts: connectAttemptsMax,
            // Shared by all connections and never reset, so it must stay short; the sender waits
            // longer between its own tries.
            backoff_options: { base_interval: "0.25s", max_interval: "0.5s" },
            access_log: [
              connectionLog("out", {
                site: siteId,
                to: "%UPSTREAM_HOST%",
                refused: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
                ended: "%CONNECTION_TERMINATION_DETAILS%",
              }),
            ],
          }),
        },
      ],
    },
  ],
});

/**
 * The gateways of another site. They must be of that site by their certificates,
 * wherever they are reached.
 */
export const siteCluster = (options: {
  readonly layout: EnvoyLayout;
  readonly multiCluster: SiteId;
  readonly siteId: SiteId;
  /** Whether the kernel has BBR. */
  readonly hasBbr: boolean;
}): object => {
  const { layout, multiCluster, siteId, hasBbr } = options;
  const peerPrefix = `spiffe://${multiCluster}/site/${siteId}/gateway/`;
  return {
    name: clusterOf(siteId),
    type: "EDS",
    eds_cluster_config: { eds_config: watchedFile(layout.endpointsOf(siteId)), service_name: clusterOf(siteId) },
    lb_policy: "ROUND_ROBIN",
    // Of one attempt, with its handshake.
    connect_timeout: "5s",
    // When half of them are dead, the dead ones are not tried instead.
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    outlier_detection: {
      split_external_local_origin_errors: true,
      consecutive_local_origin_failure: 3,
      interval: "1s",
      base_ejection_time: "5s",
      max_ejection_time: "30s",
      max_ejection_percent: 50,
    },
    circuit_breakers: { thresholds: [{ max_connections: connectionsMax, max_pending_requests: connectionsMax }] },
    upstream_connection_options: { tcp_keepalive: keepalive },
    upstream_bind_config: { socket_options: hasBbr ? [userTimeout, bbr] : [userTimeout] },
    transport_socket: {
      name: "envoy.transport_sockets.tls",
      typed_config: typed(tlsType("UpstreamTlsContext"), {
        // A resumed session would not ask who the server is.
        max_session_keys: 0,
        common_tls_context: commonTls({ identityFile: layout.identity, trustFile: layout.trust, peerPrefix }),
      }),
    },
  };
};

export const siteEndpoints = (siteId: SiteId, endpoints: readonly Endpoint[]): object =>
  typed("envoy.config.endpoint.v3.ClusterLoadAssignment", {
    cluster_name: clusterOf(siteId),
    endpoints: [
      {
        lb_endpoints: endpoints.map(({ address, port }) => ({
          endpoint: { address: { socket_address: { address, port_value: port } } },
        })),
      },
    ],
  });

/** Splits `host:port`; an IPv6 address may stand in brackets. */
export const splitEndpoint = (
  endpoint: string,
): { readonly host: string; readonly port: number; readonly isAddress: boolean } => {
  const colon = endpoint.lastIndexOf(":");
  const host = endpoint.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(endpoint.slice(colon + 1)), isAddress: isIP(host) !== 0 };
};
