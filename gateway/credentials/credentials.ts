import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { VisibleError } from "../../core/api/errors.ts";
import { instantSchema } from "../../core/api/ids.ts";
import { readAnyRevocations, readRevocations } from "../../pki/revocations.ts";
import type { GatewayConfig } from "../config/config.ts";
import { settleKey } from "../enrolment/files.ts";
import { assertOwn } from "../enrolment/own.ts";
import { readIfThere, writeFileSafely } from "../files/files.ts";
import type { Log } from "../log/log.ts";
import type { TlsCredentials } from "../tunnel/certificates.ts";
import type { Tunnel } from "../tunnel/tunnel.ts";
import { CredentialKeeper, gatewayRemoved, isRevoked } from "./keeper.ts";

const readPem = async (field: keyof GatewayConfig["tls"], file: string): Promise<string> => {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new VisibleError("BAD_REQUEST", `tls.${field}: the file ${file} can't be read.`, {
      hint: "Enrol the gateway: smtx-backup gateway enrol -c FILE; or correct the path in its configuration.",
      cause,
    });
  }
};

const assertCertificate = (file: string, certificatePem: string): void => {
  try {
    new X509Certificate(certificatePem);
  } catch (cause) {
    throw new VisibleError("BAD_REQUEST", `tls.certificate: the file ${file} holds no certificate in PEM.`, { cause });
  }
};

const assertFits = (tls: GatewayConfig["tls"], certificatePem: string, keyPem: string): void => {
  let key: KeyObject;
  try {
    key = createPrivateKey(keyPem);
  } catch (cause) {
    throw new VisibleError("BAD_REQUEST", `tls.key: the file ${tls.key} holds no private key in PEM.`, { cause });
  }
  if (new X509Certificate(certificatePem).checkPrivateKey(key)) return;
  throw new VisibleError("BAD_REQUEST", `The key in ${tls.key} is not that of the certificate ${tls.certificate}.`, {
    hint: "Name the key that the certificate was issued for, or enrol the gateway again: smtx-backup gateway enrol -c FILE.",
  });
};

/**
 * What the gateway shows its peers, and judges them by. A certificate of another gateway is refused
 * here, where it can be told why, and not later by every peer.
 * @throws VisibleError BAD_REQUEST when a file can't be read or is none; PEER_REFUSED when the
 *   certificate is not this gateway's; GATEWAY_REMOVED when it is revoked
 */
export const loadCredentials = async (
  config: Pick<GatewayConfig, "tls" | "multiCluster" | "siteId" | "gatewayId" | "api">,
): Promise<TlsCredentials> => {
  const { tls } = config;
  await settleKey(tls);
  const caPem = await readPem("ca", tls.ca);
  const certificatePem = await readPem("certificate", tls.certificate);
  const keyPem = await readPem("key", tls.key);
  assertCertificate(tls.certificate, certificatePem);
  assertOwn(config, certificatePem, `The certificate ${tls.certificate}`);
  assertFits(tls, certificatePem, keyPem);
  const listPem = await readIfThere(tls.revocations);
  // One of the future is given anew by the control plane, if it was the one that gave it.
  const read = config.api === undefined ? readRevocations : readAnyRevocations;
  const revocations = listPem === undefined ? undefined : await read(listPem, caPem);
  const credentials = { caPem, certificatePem, keyPem, revocations };
  if (isRevoked(credentials)) throw gatewayRemoved();
  return credentials;
};

/** From when until when a certificate is good. */
export const validityOf = ({ certificatePem }: Pick<TlsCredentials, "certificatePem">) => {
  const { validFrom, validTo } = new X509Certificate(certificatePem);
  const instantOf = (text: string) => instantSchema.parse(new Date(text).toISOString());
  return { from: instantOf(validFrom), until: instantOf(validTo) };
};

/**
 * Lets a tunnel that was opened with `current` go by what comes into the gateway's files, and by
 * what it is told of revocations.
 */
export const keepCredentials = (
  config: Pick<GatewayConfig, "tls" | "multiCluster" | "siteId" | "gatewayId" | "api">,
  options: { readonly current: TlsCredentials; readonly tunnel: Pick<Tunnel, "renew">; readonly log: Log },
): CredentialKeeper =>
  new CredentialKeeper({
    current: options.current,
    load: () => loadCredentials(config),
    renew: options.tunnel.renew,
    store: (pem) => writeFileSafely(config.tls.revocations, pem),
    log: options.log,
  });
