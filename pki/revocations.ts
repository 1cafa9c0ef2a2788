import { VisibleError } from "../core/api/errors.ts";
import { type Authority, authorityKeyIdentifier } from "./authority.ts";
import { ecdsa, keyFromPem } from "./keys.ts";
import { x509 } from "./x509.ts";

/** A certificate that is refused although it has not expired. */
export interface Revoked {
  /** Hexadecimal. */
  readonly serial: string;
  readonly revokedAtMs: number;
}

/**
 * As OpenSSL and BoringSSL want it (RFC 7468). What has another tag they take for no list at all,
 * and refuse everybody.
 */
const tag = "X509 CRL";

/**
 * A list of revocations (RFC 5280), PEM. An expired one makes everybody be refused, so it lasts as
 * long as its authority; what is newer replaces it.
 * @param options.atMs when it is made, in whole seconds; a verifier whose clock is behind it
 *   refuses everybody
 */
export const issueRevocations = async (
  authority: Authority,
  options: { readonly revoked: readonly Revoked[]; readonly atMs: number },
): Promise<string> => {
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const list = await x509.X509CrlGenerator.create({
    issuer: issuer.subjectName,
    thisUpdate: new Date(options.atMs),
    nextUpdate: issuer.notAfter,
    entries: options.revoked.map(({ serial, revokedAtMs }) => ({
      serialNumber: serial,
      revocationDate: new Date(revokedAtMs),
      // Without any extension the library writes an empty list of them, for which BoringSSL takes
      // the whole for no list.
      reason: x509.X509CrlReason.cessationOfOperation,
    })),
    extensions: [await authorityKeyIdentifier(authority.certificatePem)],
    signingAlgorithm: ecdsa,
    signingKey: await keyFromPem(authority.keyPem),
  });
  return x509.PemConverter.encode(list.rawData, tag);
};

/** What a list says. */
export interface Revocations {
  readonly pem: string;
  /** The later of two is the one that holds. */
  readonly atMs: number;
  readonly serials: ReadonlySet<string>;
}

/**
 * The serial number as `serials` has it: without leading zeros, which some write and some don't.
 */
export const plainSerial = (serial: string): string => serial.toLowerCase().replace(/^0+(?=.)/, "");

const wrong = (what: string, cause?: unknown) =>
  new VisibleError("BAD_REQUEST", `The list of revocations can't be used: ${what}.`, {
    hint: "Take the one that the control plane gives, or none.",
    cause,
  });

/**
 * Whether a clock was ahead when it was made, or ours is behind: to TLS it says that everybody is
 * to be refused.
 */
export const isOfFuture = (list: Pick<Revocations, "atMs"> | undefined, nowMs: number): boolean =>
  list !== undefined && list.atMs > nowMs;

/**
 * Reads a list and sees that the authority has signed it: with one that it has not, TLS would
 * refuse every peer.
 * @throws VisibleError BAD_REQUEST
 */
export const readRevocations = async (pem: string, authorityPem: string): Promise<Revocations> => {
  const list = await readAnyRevocations(pem, authorityPem);
  if (isOfFuture(list, Date.now())) throw wrong("it is of the future: see that this host's clock is right");
  return list;
};

/** Reads a list likewise, also one of the future. @throws VisibleError BAD_REQUEST */
export const readAnyRevocations = async (pem: string, authorityPem: string): Promise<Revocations> => {
  let list: x509.X509Crl;
  let isSigned: boolean;
  try {
    list = new x509.X509Crl(x509.PemConverter.decodeFirst(pem));
    const authority = new x509.X509Certificate(authorityPem);
    isSigned = list.issuer === authority.subject && (await list.verify({ publicKey: authority.publicKey }));
  } catch (cause) {
    throw wrong("it is none in PEM", cause);
  }
  if (!isSigned) throw wrong("another authority has signed it");
  if (list.nextUpdate !== undefined && list.nextUpdate.getTime() < Date.now()) throw wrong("it has expired");
  return {
    pem: x509.PemConverter.encode(list.rawData, tag),
    atMs: list.thisUpdate.getTime(),
    serials: new Set(list.entries.map(({ serialNumber }) => plainSerial(serialNumber))),
  };
};
