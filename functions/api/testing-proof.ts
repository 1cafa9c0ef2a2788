import type { ErrorBody } from "../../core/api/answers.ts";
import type { CertificateWithKey } from "../../pki/authority.ts";
import { nonceHeader, proofFor, type RequestToProve } from "../../pki/proof.ts";
import { type TestApi, testHost } from "./testing.ts";

/** A request as it is sent, and what may be changed of it once its proof is made. */
export interface ProvenSend {
  readonly path: string;
  readonly json: object;
  readonly proof: string;
  /** Whatever the sender likes. */
  readonly host?: string;
}

export interface Answered<T> {
  readonly status: number;
  readonly body: T;
  readonly nonce: string | undefined;
}

/** Sends a request with a proof, made for it or for another. */
export const sendProof = async <T = ErrorBody>(
  { app }: Pick<TestApi, "app">,
  { path, json, proof, host = testHost }: ProvenSend,
): Promise<Answered<T>> => {
  const headers = { authorization: `Bearer ${proof}`, "content-type": "application/json", "x-forwarded-host": host };
  const answer = await app.request(`https://${host}${path}`, { method: "POST", headers, body: JSON.stringify(json) });
  const body = (await answer.json()) as T;
  return { status: answer.status, body, nonce: answer.headers.get(nonceHeader) ?? undefined };
};

/** A proof for a request as a gateway makes it. `nowMs`: by the gateway's clock */
export const proofOf = (
  shown: CertificateWithKey,
  { path, json, audience = testHost }: { readonly path: string; readonly json: object; readonly audience?: string },
  nonce: string | undefined,
  nowMs = 0,
): Promise<string> => {
  const url = new URL(path, `https://${audience}`);
  const request: RequestToProve = { url, method: "POST", body: JSON.stringify(json), nonce };
  return proofFor(request, shown, nowMs);
};

/** The nonce that a gateway is given for its next try. */
export const nonceFor = async (api: Pick<TestApi, "app">, shown: CertificateWithKey, path = "/v1/credentials") => {
  const { nonce } = await sendProof(api, {
    path,
    json: {},
    proof: await proofOf(shown, { path, json: {} }, undefined),
  });
  return nonce;
};

/**
 * Asks as a gateway does: again with the nonce that it is given. The clock goes on by a
 * millisecond.
 */
export const askAsGateway = async <T = ErrorBody>(
  api: Pick<TestApi, "app" | "pass">,
  shown: CertificateWithKey,
  request: { readonly path: string; readonly json: object; readonly audience?: string },
): Promise<Answered<T>> => {
  const send = async (nonce: string | undefined) =>
    sendProof<T>(api, { ...request, proof: await proofOf(shown, request, nonce) });
  api.pass(0.001);
  const first = await send(undefined);
  return first.nonce === undefined ? first : send(first.nonce);
};
