import type { TlsCredentials } from "../certificates.ts";
import type { EnvoyLayout } from "./layout.ts";
import { pipe, resources, secretNames, tlsType, typed, watchedFile } from "./resources.ts";

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

/** Whose certificates are believed. */
export const trustFile = ({ caPem }: TlsCredentials): object =>
  resources([
    typed(tlsType("Secret"), {
      name: secretNames.trust,
      validation_context: { trusted_ca: { inline_string: caPem } },
    }),
  ]);
