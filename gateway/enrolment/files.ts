import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { CertificateAnswer } from "../../core/api/enrolment.ts";
import type { GatewayConfig } from "../config.ts";
import { readIfThere, writeFileSafely } from "../files.ts";

type TlsFiles = GatewayConfig["tls"];

const secretMode = 0o600;
const next = (keyFile: string): string => `${keyFile}.next`;

/**
 * Puts a new certificate and its key into the gateway's files. A death in between loses nothing: until the certificate is there the old
 * pair holds, and from then on `settleKey` finds the new key.
 */
export const writeIssued = async (tls: TlsFiles, keyPem: string, answer: CertificateAnswer): Promise<void> => {
  for (const file of Object.values(tls)) await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFileSafely(tls.ca, answer.authority);
  if (answer.revocations !== null) await writeFileSafely(tls.revocations, answer.revocations);
  await writeFileSafely(next(tls.key), keyPem, secretMode);
  await writeFileSafely(tls.certificate, answer.certificate);
  await rename(next(tls.key), tls.key);
};

/** Ends what a death in `writeIssued` left half done: the key that belongs to the certificate takes its place. */
export const settleKey = async ({ certificate, key }: Pick<TlsFiles, "certificate" | "key">): Promise<void> => {
  const nextPem = await readIfThere(next(key));
  if (nextPem === undefined) return;
  const certificatePem = await readIfThere(certificate);
  if (certificatePem !== undefined && isOf(certificatePem, nextPem)) await rename(next(key), key);
};

const isOf = (certificatePem: string, keyPem: string): boolean => {
  try {
    return new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
};
