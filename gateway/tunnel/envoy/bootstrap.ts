import { crlOf, type TlsCredentials } from "../certificates.ts";
import type { EnvoyLayout } from "./layout.ts";
import { pipe, resources, secretNames, tlsType, typed, watchedFile } from "./resources.ts";

/**
 * Of all listeners together. Envoy counts who is still silent with those that are known, and when
 * it is full it refuses who comes: it can't drop the oldest, nor give a site a share. So this is
 * many more than peers ever have, and the time for a handshake is short: strangers have to make 800
 * connections a second to keep the port shut.
 */
const connectionsMax = 4096;
const connectionsMonitor = "envoy.resource_monitors.global_downstream_max_connections";

/** What Envoy starts from: who it is, its administration, and where the rest is. */
export const bootstrap = (options: {
  readonly layout: EnvoyLayout;
  readonly gatewayId: string;
  readonly siteId: string;
  readonly listeners: readonly object[];
  readonly clusters: readonly object[];
}): object => {
  const { layout, gatewayId, siteId, listeners, clusters } = options;
  return {
    node: { id: gatewayId, cluster: siteId },
    admin: { address: pipe(layout.adminSocket) },
    dynamic_resources: { lds_config: watchedFile(layout.listeners), cds_config: watchedFile(layout.clusters) },
    static_resources: { listeners, clusters },
    overload_manager: {
      resource_monitors: [
        {
          name: connectionsMonitor,
          typed_config: typed(
            "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            { max_active_downstream_connections: connectionsMax },
          ),
        },
      ],
    },
  };
};

/** The listeners' file. */
export const listenersFile = (listeners: readonly object[]): object =>
  resources(listeners.map((listener) => typed("envoy.config.listener.v3.Listener", listener)));

/** The clusters' file. */
export const clustersFile = (clusters: readonly object[]): object =>
  resources(clusters.map((cluster) => typed("envoy.config.cluster.v3.Cluster", cluster)));

/** Certificate and key in one file, so that both change at once. */
export const identityFile = ({ certificatePem, keyPem }: TlsCredentials): object =>
  resources([
    typed(tlsType("Secret"), {
      name: secretNames.identity,
      tls_certificate: {
        certificate_chain: { inline_string: certificatePem },
        private_key: { inline_string: keyPem },
      },
    }),
  ]);

/** Whose certificates are believed, and which of them are not. */
export const trustFile = (credentials: TlsCredentials): object => {
  const crl = crlOf(credentials);
  return resources([
    typed(tlsType("Secret"), {
      name: secretNames.trust,
      validation_context: {
        trusted_ca: { inline_string: credentials.caPem },
        ...(crl !== undefined && { crl: { inline_string: crl } }),
      },
    }),
  ]);
};
