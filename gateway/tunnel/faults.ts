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

/**
 * We did not trust the peer's certificate, or the peer told in a TLS alert that
 * it did not trust ours.
 */
const refusedCodes =
  /^(CERT_|CRL_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_|INVALID_(CA|PURPOSE)|ERR_SSL_\w*ALERT_\w*(CERT|UNKNOWN_CA|ACCESS_DENIED))/;

export const isConnectFault = (error: unknown): boolean => connectCodes.has(codeOf(error));

/**
 * What the words of Node, or of Envoy, for a refusal say of times; undefined when it was for
 * another reason.
 */
const timeFaultOf = (refusal: string): string | undefined => {
  const what = /CRL/.test(refusal) ? "the list of revocations" : "its certificate";
  if (/HAS.EXPIRED/i.test(refusal)) return `${what} has expired`;
  return /NOT.YET.VALID/i.test(refusal) ? `${what} is not valid yet` : undefined;
};

/** A gateway renews its certificate by itself, and clocks are set: so it is worth another try. */
const refusedForTime = (peer: string, fault: string, cause: unknown): VisibleError =>
  new VisibleError(
    "PEER_REFUSED",
    `The gateway ${peer} and this one do not trust each other: ${fault}, and by this host's clock it is ${new Date().toISOString()}. ` +
      "See the clocks of both hosts. A gateway renews its certificate by itself while it reaches the control plane; smtx-backup gateway list --site SITE " +
      "shows which has not, and its log says why. One that was off for more than 90 days has to be enrolled again.",
    {
      hint: "Set the clock that is wrong, or enrol the gateway again: smtx-backup gateway enrol -c FILE.",
      cause,
      retryable: true,
    },
  );

/**
 * The VisibleError for what went wrong between us and a peer: PEER_REFUSED or LINK_BROKEN.
 * @param peer `of site b at 192.0.2.7:8443`
 * @param refusal why a proxy that ends TLS for us has refused the peer lately, in its words
 */
export const linkError = (error: unknown, peer: string, refusal?: string): VisibleError => {
  if (VisibleError.is(error)) return error;
  const isRefused = refusedCodes.test(codeOf(error));
  const timeFault = timeFaultOf(isRefused ? codeOf(error) : (refusal ?? ""));
  if (timeFault !== undefined) return refusedForTime(peer, timeFault, error);
  if (isRefused) {
    return new VisibleError("PEER_REFUSED", `The gateway ${peer} and this one do not trust each other.`, {
      hint: "See that both have unexpired certificates of the same authority.",
      cause: error,
    });
  }
  return new VisibleError("LINK_BROKEN", `The link to the gateway ${peer} broke.`, {
    hint: "See that the gateway runs and that the network lets its port through.",
    cause: error,
  });
};
