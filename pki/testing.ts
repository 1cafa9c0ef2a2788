import type { PeerIdentity } from "../core/api/identity.ts";
import { type Authority, type CertificateWithKey, issueCertificate } from "./authority.ts";
import { keyToPem, newKeys } from "./keys.ts";

/**
 * A certificate of a gateway with its key, made by one who has both keys: for tests and benchmarks.
 */
export const issueGatewayCertificate = async (
  authority: Authority,
  {
    validDays,
    nowMs = Date.now(),
    ...identity
  }: PeerIdentity & { readonly validDays: number; readonly nowMs?: number },
): Promise<CertificateWithKey & { readonly serial: string }> => {
  const keys = await newKeys();
  const validMs = validDays * 24 * 60 * 60 * 1000;
  const issued = await issueCertificate(authority, { identity, publicKey: keys.publicKey, nowMs, validMs });
  return { certificatePem: issued.certificatePem, serial: issued.serial, keyPem: await keyToPem(keys.privateKey) };
};
