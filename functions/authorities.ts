import { VisibleError } from "../core/api/errors.ts";
import type { SiteId } from "../core/api/ids.ts";
import { type Authority, readAuthority } from "../pki/authority.ts";
import type { Environment } from "./aws/clients.ts";

/** The keys that sign gateways, one for each multi-cluster. */
export interface Authorities {
  /** @throws {VisibleError} AUTHORITY_MISSING when this installation has none for it */
  of(multiCluster: SiteId): Authority;
}

/** The installation's authorities, by multi-cluster. */
export const authoritiesOf = (authorities: ReadonlyMap<string, Authority>): Authorities => ({
  of(multiCluster) {
    const authority = authorities.get(multiCluster);
    if (authority !== undefined) return authority;
    throw new VisibleError("AUTHORITY_MISSING", `There is no authority for the multi-cluster “${multiCluster}”.`, {
      hint: "Make one with: smtx-backup ca init; and give it to the control plane.",
    });
  },
});

/**
 * From the environment variable AUTHORITIES, a JSON object of multi-clusters, each with the PEM of its authority's certificate and key.
 * Without it no gateway can enrol.
 * @throws {VisibleError} BAD_REQUEST saying what is wrong, but not the value
 */
export const authoritiesFrom = (env: Environment, nowMs: number): Authorities => {
  const value = env["AUTHORITIES"];
  if (!value) return authoritiesOf(new Map());
  const wrong = () =>
    new VisibleError("BAD_REQUEST", "The environment variable AUTHORITIES is not a JSON object of PEM texts.", {
      hint: 'Write it as {"MULTI-CLUSTER": "PEM of the certificate and the key"}.',
    });
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    throw wrong();
  }
  if (typeof parsed !== "object" || parsed === null) throw wrong();
  const entries = Object.entries(parsed).map(([multiCluster, pem]): [string, Authority] => {
    if (typeof pem !== "string") throw wrong();
    return [multiCluster, readAuthority(pem, nowMs)];
  });
  return authoritiesOf(new Map(entries));
};
