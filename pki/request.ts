import { VisibleError } from "../core/api/errors.ts";
import { formatIdentity, type PeerIdentity } from "../core/api/identity.ts";
import { ecdsa, keyToPem, newKeys } from "./keys.ts";
import { x509 } from "./x509.ts";

/** A request for a certificate (PKCS #10), and the key that never leaves who made it. Both PEM. */
export interface RequestWithKey {
  readonly requestPem: string;
  readonly keyPem: string;
}

/** A fresh key, and the request for a certificate of it. */
export const createRequest = async (identity: PeerIdentity): Promise<RequestWithKey> => {
  const keys = await newKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [identity.gatewayId] }],
    keys,
    signingAlgorithm: ecdsa,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "url", value: formatIdentity(identity) }])],
  });
  return { requestPem: request.toString("pem"), keyPem: await keyToPem(keys.privateKey) };
};

/**
 * The public key that a request asks a certificate for. Who asks is not taken from the request.
 * @throws VisibleError BAD_REQUEST when it is none, or whoever made it does not have the key
 */
export const readRequest = async (requestPem: string): Promise<x509.PublicKeyType> => {
  const wrong = (what: string, cause?: unknown) =>
    new VisibleError("BAD_REQUEST", `The request for a certificate is wrong: ${what}.`, {
      hint: "Send a PKCS #10 request in PEM for a key of ECDSA P-256, signed by it.",
      cause,
    });
  let request: x509.Pkcs10CertificateRequest;
  let isSigned: boolean;
  try {
    request = new x509.Pkcs10CertificateRequest(requestPem);
    isSigned = await request.verify();
  } catch (cause) {
    throw wrong("it is no request in PEM", cause);
  }
  const { algorithm } = request.publicKey;
  const curve = "namedCurve" in algorithm ? algorithm.namedCurve : undefined;
  if (algorithm.name !== ecdsa.name || curve !== ecdsa.namedCurve) throw wrong("its key is not of ECDSA P-256");
  if (!isSigned) throw wrong("it is not signed by its key");
  return request.publicKey;
};
