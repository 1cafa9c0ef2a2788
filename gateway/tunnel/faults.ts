import { VisibleError } from "../../core/api/errors.ts";

/** The code that node or undici put on an error. */
const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : "";

/** There was no connection yet, so nothing of the request has been sent. */
const connectCodes = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EADDRNOTAVAIL",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** We did not trust the peer's certificate, or the peer told in a TLS alert that it did not trust ours. */
const refusedCodes =
  /^(CERT_|CRL_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_|INVALID_(CA|PURPOSE)|ERR_SSL_\w*ALERT_\w*(CERT|UNKNOWN_CA|ACCESS_DENIED))/;

export const isConnectFault = (error: unknown): boolean => connectCodes.has(codeOf(error));

/** The VisibleError for what went wrong between us and a peer: PEER_REFUSED or LINK_BROKEN. */
export const linkError = (error: unknown, endpoint: string): VisibleError => {
  if (VisibleError.is(error)) return error;
  if (refusedCodes.test(codeOf(error))) {
    return new VisibleError("PEER_REFUSED", `The gateway at ${endpoint} and this one do not trust each other.`, {
      hint: "See that both have unexpired certificates of the same authority.",
      cause: error,
    });
  }
  return new VisibleError("LINK_BROKEN", `The link to the gateway at ${endpoint} broke.`, {
    hint: "See that the gateway runs and that the network lets its port through.",
    cause: error,
  });
};
