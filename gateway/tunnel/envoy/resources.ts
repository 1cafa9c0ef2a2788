/*
 * Pieces of Envoy's configuration that more than one part needs (the v3 API,
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/api). Plain objects: Envoy reads JSON.
 */

/** A message with its type, as Envoy wants it in an `Any`. */
export const typed = (type: string, fields: object): object => ({ "@type": `type.googleapis.com/${type}`, ...fields });

/** A file that Envoy watches, and takes up when it is replaced by a rename. */
export const watchedFile = (path: string): object => ({ path_config_source: { path }, resource_api_version: "V3" });

/** The content of a watched file. */
export const resources = (list: readonly object[]): object => ({ resources: list });

export const pipe = (path: string): object => ({ pipe: { path, mode: 0o600 } });

const tls = "envoy.extensions.transport_sockets.tls.v3";
export const tlsType = (name: string): string => `${tls}.${name}`;
export const secretNames = { identity: "identity", trust: "trust" } as const;

/**
 * TLS 1.3 only, our own certificate, and of the peer one of our authority whose URI name begins
 * with `peerPrefix`. A client's highest version has to be said too: it is 1.2 otherwise.
 */
export const commonTls = (options: {
  readonly identityFile: string;
  readonly trustFile: string;
  readonly peerPrefix: string;
}): object => ({
  tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
  tls_certificate_sds_secret_configs: [{ name: secretNames.identity, sds_config: watchedFile(options.identityFile) }],
  combined_validation_context: {
    default_validation_context: {
      match_typed_subject_alt_names: [{ san_type: "URI", matcher: { prefix: options.peerPrefix } }],
    },
    validation_context_sds_secret_config: { name: secretNames.trust, sds_config: watchedFile(options.trustFile) },
  },
});

const tcp = { level: 6, userTimeout: 18, congestion: 13 } as const;
/**
 * A peer that acknowledges nothing for so long is dead; also one that reads nothing, so a receiver
 * must not stop for so long.
 */
const userTimeoutMs = 20_000;

/** A silent hole in the link is noticed within 25 s, whether something is under way or not. */
export const keepalive = { keepalive_probes: 3, keepalive_time: 10, keepalive_interval: 5 };
export const userTimeout = {
  level: tcp.level,
  name: tcp.userTimeout,
  int_value: userTimeoutMs,
  state: "STATE_PREBIND",
};
/**
 * `bbr`, in base64: on a long link that loses packets it carries ten times what the usual one does.
 */
export const bbr = { level: tcp.level, name: tcp.congestion, buf_value: "YmJy", state: "STATE_PREBIND" };

/**
 * A log of connections on standard output, a JSON object a line. Without a failure
 * its fields are null.
 */
export const connectionLog = (link: "in" | "out", fields: Readonly<Record<string, string>>): object => ({
  name: "envoy.access_loggers.stdout",
  typed_config: typed("envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", {
    log_format: {
      json_format: {
        link,
        from: "%DOWNSTREAM_REMOTE_ADDRESS%",
        flags: "%RESPONSE_FLAGS%",
        ms: "%DURATION%",
        received: "%BYTES_RECEIVED%",
        sent: "%BYTES_SENT%",
        ...fields,
      },
    },
  }),
});
