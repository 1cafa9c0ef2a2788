import { createPrivateKey, X509Certificate } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { CertificateAnswer } from "../../core/api/enrolment.ts";
import type { GatewayConfig } from "../config/config.ts";
import { readIfThere, writeFileSafely } from "../files/files.ts";
import { makeFolder } from "../files/folder.ts";

type TlsFiles = GatewayConfig["tls"];

const secretMode = 0o600;
const next = (keyFile: string): string => `${keyFile}.next`;

/**
 * Puts a new key beside the one that is in use, before anybody is asked for its certificate: where
 * that can't be done nothing has been asked for in vain.
 */
export const stageKey = async (tls: TlsFiles, keyPem: string): Promise<void> => {
  for (const file of Object.values(tls)) await makeFolder(dirname(file));
  await settleKey(tls);
  await writeFileSafely(next(tls.key), keyPem, secretMode);
};

/** Nobody has issued a certificate for it. */
export const unstageKey = ({ key }: TlsFiles): Promise<void> => rm(next(key), { force: true });

/**
 * Puts a new certificate into the gateway's files, and the staged key into its place. A death in
 * between loses nothing: until the certificate is there the old pair holds, and from then on
 * `settleKey` finds the new key. Whom to believe is what came with it.
 */
export const writeIssued = async (tls: TlsFiles, answer: CertificateAnswer): Promise<void> => {
  await writeFileSafely(tls.ca, answer.authority);
  // An old list, of another authority perhaps, would make us refuse everybody.
  if (answer.revocations === null) await rm(tls.revocations, { force: true });
  else await writeFileSafely(tls.revocations, answer.revocations);
  await writeFileSafely(tls.certificate, answer.certificate);
  await settleKey(tls);
};

/**
 * Ends what a death in `writeIssued` left half done: the key that belongs to the
 * certificate takes its place.
 */
export const settleKey = async ({ certificate, key }: Pick<TlsFiles, "certificate" | "key">): Promise<void> => {
  const nextPem = await readIfThere(next(key));
  if (nextPem === undefined) return;
  const certificatePem = await readIfThere(certificate);
  if (certificatePem === undefined || !isOf(certificatePem, nextPem)) return;
  try {
    await rename(next(key), key);
  } catch (error) {
    // Another process has done it.
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
};

const isOf = (certificatePem: string, keyPem: string): boolean => {
  try {
    return new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
};
