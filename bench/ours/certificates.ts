import { join } from "node:path";
import type { PeerIdentity } from "../../core/api/identity.ts";
import type { GatewayConfig } from "../../gateway/config/config.ts";
import { writeFileSafely } from "../../gateway/files/files.ts";
import { authorityFilesIn } from "../../infra/local/pki.ts";
import type { Authority } from "../../pki/authority.ts";
import { issueGatewayCertificate } from "../../pki/testing.ts";

const validDays = 30;

/** A gateway's certificate and key in `dir`, beside its authority's. */
export const issueTo = async (
  dir: string,
  authority: Authority,
  identity: PeerIdentity,
): Promise<Pick<GatewayConfig["tls"], "ca" | "certificate" | "key">> => {
  const issued = await issueGatewayCertificate(authority, { ...identity, validDays });
  const base = join(dir, identity.gatewayId);
  const files = { ca: authorityFilesIn(dir).certificate, certificate: `${base}.crt`, key: `${base}.key` };
  await writeFileSafely(files.key, issued.keyPem, 0o600);
  await writeFileSafely(files.certificate, issued.certificatePem, 0o644);
  return files;
};
