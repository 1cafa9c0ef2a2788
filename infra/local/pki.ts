import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readIfThere, writeFileSafely } from "../../gateway/files.ts";
import {
  type CertificateWithKey,
  createAuthority,
  issueGatewayCertificate,
} from "../../gateway/tunnel/certificates.ts";
import type { PeerIdentity } from "../../gateway/tunnel/identity.ts";

const authorityDays = 3650;
const gatewayDays = 825;

/** The multi-cluster's authority under `dir`; made on the first start. */
export const ensureAuthority = async (dir: string, multiCluster: string): Promise<CertificateWithKey> => {
  const files = { certificate: join(dir, "ca.crt"), key: join(dir, "ca.key") };
  const certificatePem = await readIfThere(files.certificate);
  const keyPem = await readIfThere(files.key);
  if (certificatePem !== undefined && keyPem !== undefined) return { certificatePem, keyPem };
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const authority = await createAuthority({ multiCluster, validDays: authorityDays });
  await writeFileSafely(files.key, authority.keyPem, 0o600);
  await writeFileSafely(files.certificate, authority.certificatePem, 0o644);
  return authority;
};

export interface TlsFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** A fresh certificate for a gateway at every start, in `dir` beside the authority's. */
export const issueTo = async (
  dir: string,
  authority: CertificateWithKey,
  identity: PeerIdentity,
): Promise<TlsFiles> => {
  const issued = await issueGatewayCertificate(authority, { ...identity, validDays: gatewayDays });
  const base = join(dir, identity.gatewayId);
  const files = { ca: join(dir, "ca.crt"), certificate: `${base}.crt`, key: `${base}.key` };
  await writeFileSafely(files.key, issued.keyPem, 0o600);
  await writeFileSafely(files.certificate, issued.certificatePem, 0o644);
  return files;
};
