import { gatewayIdSchema, siteIdSchema } from "../../../core/api/ids.ts";
import {
  type CertificateWithKey,
  createAuthority,
  issueGatewayCertificate,
  type TlsCredentials,
} from "../../tunnel/certificates.ts";

export const site = (id: string) => siteIdSchema.parse(id);

export const newAuthority = (): Promise<CertificateWithKey> => createAuthority({ multiCluster: "mc", validDays: 1 });

/** What the gateway `<site>-1` has, unless told otherwise of the multi-cluster `mc`. */
export const credentialsOf = async (
  authority: CertificateWithKey,
  siteId: string,
  multiCluster = "mc",
): Promise<TlsCredentials> => ({
  caPem: authority.certificatePem,
  ...(await issueGatewayCertificate(authority, {
    multiCluster: site(multiCluster),
    siteId: site(siteId),
    gatewayId: gatewayIdSchema.parse(`${siteId}-1`),
    validDays: 1,
  })),
});
