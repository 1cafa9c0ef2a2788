import { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { jsonIn } from "../../core/api/json.ts";
import { type Authority, readAuthority } from "../../pki/authority.ts";
import type { Environment } from "../aws/clients.ts";

/** The keys that sign gateways, one for each multi-cluster. */
export interface Authorities {
  /** @throws {VisibleError} AUTHORITY_MISSING when this installation has none for it */
  of(multiCluster: SiteId): Authority;
}

/** The installation's authorities, by multi-cluster. */
export const authoritiesOf = (authorities: ReadonlyMap<string, Authority>): Authorities => ({
  of: (multiCluster) => authorities.get(multiCluster) ?? missing(multiCluster),
});

const missing = (multiCluster: string): never => {
  throw new VisibleError("AUTHORITY_MISSING", `There is no authority for the multi-cluster “${multiCluster}”.`, {
    hint: "Make one with: smtx-backup ca init --multi-cluster NAME --out DIR; and give it to the control plane.",
  });
};

const textsSchema = z.record(z.string(), z.string());

/**
 * From the environment variable AUTHORITIES, a JSON object of multi-clusters, each with the PEM of
 * its authority's certificate and key. Without it no gateway can enrol. An authority is looked at
 * when it is needed: one that can't be used takes nothing from the others.
 * @throws {VisibleError} BAD_REQUEST when the value is no such object, without saying what it is
 */
export const authoritiesFrom = (env: Environment, nowMs: () => number): Authorities => {
  const texts = textsSchema.safeParse(jsonIn(env["AUTHORITIES"] || "{}")).data;
  if (texts === undefined) {
    throw new VisibleError("BAD_REQUEST", "The environment variable AUTHORITIES is not a JSON object of PEM texts.", {
      hint: 'Write it as {"MULTI-CLUSTER": "PEM of the certificate and the key"}.',
    });
  }
  return {
    of(multiCluster) {
      const pem = Object.hasOwn(texts, multiCluster) ? texts[multiCluster] : undefined;
      return pem === undefined ? missing(multiCluster) : readAuthority(pem, nowMs());
    },
  };
};
