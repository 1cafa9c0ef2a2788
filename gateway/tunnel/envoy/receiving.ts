import type { SiteId } from "../../../core/api/ids.ts";
import { serialHeader } from "../proxied-server.ts";
import { uploadProtocol } from "../upload/protocol.ts";
import type { EnvoyLayout } from "./layout.ts";
import { commonTls, connectionLog, keepalive, tlsType, typed, userTimeout } from "./resources.ts";

const receiverCluster = "receiver";
const networkFilter = "envoy.extensions.filters.network";
const httpFilter = "envoy.extensions.filters.http";

/**
 * A body may be silent for as long as a sender compares and finds nothing; the receiver
 * itself gives up at 300 s.
 */
const silenceSeconds = 330;
/** Longer than senders keep a connection that is idle. */
const idleSeconds = 45;
const handshakeSeconds = 5;
/** More than the receiver has places, which sites have fair shares of: it is the one to choose. */
const connectionsMax = 1024;

/**
 * The port that other sites reach: gateways of the multi-cluster only, and their
 * requests go to the receiver.
 */
export const receivingListener = (options: {
  readonly layout: EnvoyLayout;
  readonly multiCluster: SiteId;
  readonly host: string;
  readonly port: number;
}): object => {
  const { layout, multiCluster, host, port } = options;
  const peerPrefix = `spiffe://${multiCluster}/site/`;
  return {
    name: "receiving",
    address: { socket_address: { address: host, port_value: port } },
    // With it, a second Envoy with the same configuration would share the port and
    // nobody would notice.
    enable_reuse_port: false,
    tcp_keepalive: keepalive,
    socket_options: [userTimeout],
    access_log: [
      connectionLog("in", {
        peer: "%DOWNSTREAM_PEER_URI_SAN%",
        refused: "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
        ended: "%CONNECTION_TERMINATION_DETAILS%",
      }),
    ],
    filter_chains: [
      {
        name: "receiving",
        transport_socket_connect_timeout: `${handshakeSeconds}s`,
        transport_socket: {
          name: "envoy.transport_sockets.tls",
          typed_config: typed(tlsType("DownstreamTlsContext"), {
            require_client_certificate: true,
            // A resumed session would not be asked for its certificate again.
            disable_stateless_session_resumption: true,
            disable_stateful_session_resumption: true,
            common_tls_context: commonTls({ identityFile: layout.identity, trustFile: layout.trust, peerPrefix }),
          }),
        },
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            typed_config: typed(`${networkFilter}.http_connection_manager.v3.HttpConnectionManager`, {
              stat_prefix: "receiving",
              codec_type: "HTTP1",
              upgrade_configs: [{ upgrade_type: uploadProtocol }],
              // What a peer says of itself is dropped, and what its certificate says
              // is put in its place.
              forward_client_cert_details: "SANITIZE_SET",
              set_current_client_cert_details: { uri: true },
              use_remote_address: true,
              stream_idle_timeout: `${silenceSeconds}s`,
              request_headers_timeout: "20s",
              common_http_protocol_options: { idle_timeout: `${idleSeconds}s` },
              route_config: {
                virtual_hosts: [
                  {
                    name: "receiver",
                    domains: ["*"],
                    // A request lasts as long as its extent.
                    routes: [{ match: { prefix: "/v1/" }, route: { cluster: receiverCluster, timeout: "0s" } }],
                    request_headers_to_add: [
                      {
                        header: { key: serialHeader, value: "%DOWNSTREAM_PEER_SERIAL%" },
                        // Whatever a peer wrote there itself is gone.
                        append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
                      },
                    ],
                  },
                ],
              },
              http_filters: [
                {
                  name: "envoy.filters.http.rbac",
                  typed_config: typed(`${httpFilter}.rbac.v3.RBAC`, { rules: siteRules(peerPrefix) }),
                },
                {
                  name: "envoy.filters.http.router",
                  typed_config: typed(`${httpFilter}.router.v3.Router`, { suppress_envoy_headers: true }),
                },
              ],
            }),
          },
        ],
      },
    ],
  };
};

/**
 * The same once more behind the handshake: whoever got through it has a name of the multi-cluster,
 * and asks for what there is.
 */
const siteRules = (peerPrefix: string): object => ({
  action: "ALLOW",
  policies: {
    sites: {
      permissions: [{ url_path: { path: { prefix: "/v1/" } } }],
      principals: [{ authenticated: { principal_name: { prefix: peerPrefix } } }],
    },
  },
});

/** The gateway's own receiver, on a socket that only Envoy reaches. */
export const receiverClusterOf = (layout: EnvoyLayout): object => ({
  name: receiverCluster,
  type: "STATIC",
  connect_timeout: "5s",
  circuit_breakers: {
    thresholds: [
      { max_connections: connectionsMax, max_requests: connectionsMax, max_pending_requests: connectionsMax },
    ],
  },
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      {
        explicit_http_config: { http_protocol_options: {} },
        // Below the receiver's own, so that it never closes a connection under a request.
        common_http_protocol_options: { idle_timeout: "60s" },
      },
    ),
  },
  load_assignment: {
    cluster_name: receiverCluster,
    endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: layout.receiverSocket } } } }] }],
  },
});
