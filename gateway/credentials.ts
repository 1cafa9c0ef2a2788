import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { VisibleError } from "../core/api/errors.ts";
import type { GatewayConfig } from "./config.ts";
import type { TlsCredentials } from "./tunnel/certificates.ts";
import { formatIdentity, identityOfCertificate } from "./tunnel/identity.ts";

const readPem = async (field: keyof GatewayConfig["tls"], file: string): Promise<string> => {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new VisibleError("BAD_REQUEST", `tls.${field}: the file ${file} can't be read.`, {
      hint: "Issue the gateway's certificate, or correct the path in its configuration.",
      cause,
    });
  }
};

const namesOf = (file: string, certificatePem: string): { readonly subjectaltname: string | undefined } => {
  try {
    return { subjectaltname: new X509Certificate(certificatePem).subjectAltName };
  } catch (cause) {
    throw new VisibleError("BAD_REQUEST", `tls.certificate: the file ${file} holds no certificate in PEM.`, { cause });
  }
};

/**
 * What the gateway shows its peers, and judges them by. A certificate of another gateway is refused here, where it can be
 * told why, and not later by every peer.
 * @throws VisibleError BAD_REQUEST when a file can't be read or is none; PEER_REFUSED when the certificate is not this gateway's
 */
export const loadCredentials = async ({
  tls,
  multiCluster,
  siteId,
  gatewayId,
}: Pick<GatewayConfig, "tls" | "multiCluster" | "siteId" | "gatewayId">): Promise<TlsCredentials> => {
  const caPem = await readPem("ca", tls.ca);
  const certificatePem = await readPem("certificate", tls.certificate);
  const keyPem = await readPem("key", tls.key);
  const named = formatIdentity(identityOfCertificate(namesOf(tls.certificate, certificatePem)));
  const own = formatIdentity({ multiCluster, siteId, gatewayId });
  if (named !== own) {
    throw new VisibleError("PEER_REFUSED", `The certificate ${tls.certificate} is for ${named}, and this is ${own}.`, {
      hint: "Issue a certificate for this gateway, or correct its configuration.",
    });
  }
  return { caPem, certificatePem, keyPem };
};
