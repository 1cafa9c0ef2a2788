import { gatewayIdSchema, siteIdSchema } from "../../../core/api/ids.ts";
import { type CertificateWithKey, createAuthority } from "../../../pki/authority.ts";
import { issueGatewayCertificate } from "../../../pki/testing.ts";
import type { TlsCredentials } from "../../tunnel/certificates.ts";

export const site = (id: string) => siteIdSchema.parse(id);

export const newAuthority = (): Promise<CertificateWithKey> => createAuthority({ multiCluster: "mc" });

/** What the gateway `<site>-1` has, unless told otherwise of the multi-cluster `mc`. */
export const credentialsOf = async (
  authority: CertificateWithKey,
  siteId: string,
  multiCluster = "mc",
): Promise<TlsCredentials & { readonly serial: string }> => ({
  caPem: authority.certificatePem,
  ...(await issueGatewayCertificate(authority, {
    multiCluster: site(multiCluster),
    siteId: site(siteId),
    gatewayId: gatewayIdSchema.parse(`${siteId}-1`),
    validDays: 1,
  })),
});
