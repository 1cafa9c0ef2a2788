import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { gatewayIdSchema } from "../../../../core/api/ids.ts";
import type { CertificateWithKey } from "../../../../pki/authority.ts";
import { issueGatewayCertificate } from "../../../../pki/testing.ts";
import { credentialsOf, newAuthority, site } from "../../../transfer/testing/credentials.ts";
import type { TlsCredentials } from "../../certificates.ts";

/** What somebody says at a public port, and what over. */
export interface RawRequest {
  readonly host: string;
  readonly port: number;
  /** Null: in plain text. Without a key: without a certificate. */
  readonly credentials: Partial<TlsCredentials> | null;
  readonly head: string;
}

export interface Asked {
  /** All that came; empty when nothing did. */
  readonly answer: string;
  /** Of the certificate that was shown. */
  readonly serialNumber?: string;
}

/** Asks, ends the connection when the answer is there, and waits until it has ended. */
export const ask = async ({ host, port, credentials, head }: RawRequest): Promise<Asked> => {
  const socket = open({ host, port }, credentials);
  let answer = "";
  let serialNumber: string | undefined;
  socket.on("data", (piece) => {
    answer += String(piece);
    if (isWhole(answer)) socket.end();
  });
  // It is how a refusal ends.
  socket.on("error", () => undefined);
  socket.once("secureConnect", () => {
    serialNumber = (socket as TLSSocket).getPeerCertificate().serialNumber;
  });
  socket.write(head);
  await new Promise((resolve) => socket.once("close", resolve));
  return { answer, ...(serialNumber !== undefined && { serialNumber }) };
};

/** Whether an answer in HTTP has come to its end. */
const isWhole = (answer: string): boolean => {
  const [head = "", body] = answer.split(/\r\n\r\n(.*)/s);
  if (body === undefined) return false;
  const [, length = 0] = /^content-length: (\d+)$/im.exec(head) ?? [];
  return /^transfer-encoding: chunked$/im.test(head) ? /(^|\n)0\r\n\r\n$/.test(body) : body.length >= Number(length);
};

const open = (
  where: { readonly host: string; readonly port: number },
  credentials: RawRequest["credentials"],
): Socket => {
  if (credentials === null) return connectTcp(where);
  const { caPem, certificatePem, keyPem } = credentials;
  // Whom it asks is nothing that a stranger would be particular about.
  const tls = { ...where, ca: caPem, rejectUnauthorized: false };
  const own = keyPem === undefined ? {} : { cert: certificatePem, key: keyPem };
  return connectTls({ ...tls, ...own });
};

export interface Stranger {
  readonly name: string;
  readonly credentials: RawRequest["credentials"];
  /** Why Envoy refuses it, as its log says. */
  readonly reason: RegExp;
}

/** Those whom a gateway of the multi-cluster must not let in. */
export const strangersTo = async (
  authority: CertificateWithKey,
  multiCluster: string,
): Promise<readonly Stranger[]> => {
  const caPem = authority.certificatePem;
  const expired = await issueGatewayCertificate(authority, {
    ...{ multiCluster: site(multiCluster), siteId: site("a"), gatewayId: gatewayIdSchema.parse("a-1") },
    validDays: -0.001,
  });
  const ofOther = await credentialsOf(await newAuthority(), "a", multiCluster);
  return [
    { name: "without a certificate", credentials: { caPem }, reason: /PEER_DID_NOT_RETURN_A_CERTIFICATE/ },
    { name: "of another authority", credentials: { ...ofOther, caPem }, reason: /CERTIFICATE_VERIFY_FAILED/ },
    {
      name: "of another multi-cluster",
      credentials: await credentialsOf(authority, "a", `${multiCluster}2`),
      reason: /SAN_matcher/,
    },
    { name: "expired", credentials: { ...expired, caPem }, reason: /expired/ },
    { name: "in plain text", credentials: null, reason: /HTTP_REQUEST|WRONG_VERSION/ },
  ];
};

/** What a peer says of itself, in place of the Envoy that looked at its certificate. */
export const forgedHead = (method: string, path: string, identity: string): string =>
  `${method} ${path} HTTP/1.1\r\nhost: x\r\nx-forwarded-client-cert: URI=${identity}\r\n`;
