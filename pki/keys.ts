import type { webcrypto } from "node:crypto";
import { x509 } from "./x509.ts";

/** Every key that is made here is of this kind: ECDSA on P-256. */
export const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  crypto.subtle.generateKey(ecdsa, true, ["sign", "verify"]);

/** PKCS #8, PEM. */
export const keyToPem = async (key: webcrypto.CryptoKey): Promise<string> =>
  x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), x509.PemConverter.PrivateKeyTag);

/** To sign with. @throws DOMException when the PEM holds no key of the kind */
export const keyFromPem = (pem: string): Promise<webcrypto.CryptoKey> =>
  crypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(pem), ecdsa, false, ["sign"]);
