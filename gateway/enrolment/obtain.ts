import { type CertificateAnswer, certificateAnswerSchema } from "../../core/api/enrolment.ts";
import { createRequest } from "../../pki/request.ts";
import type { GatewayConfig } from "../config/config.ts";
import { type Asking, askControlPlane } from "./control-plane.ts";
import { stageKey, unstageKey, writeIssued } from "./files.ts";
import { assertOwn } from "./own.ts";

/**
 * Makes a key, has the control plane issue a certificate for it, and puts both, and whom to
 * believe, into the gateway's files.
 * @param options.what what the certificate was given for, to begin a message
 * @throws VisibleError PEER_REFUSED when it is another gateway's, and what the control plane
 *   refuses with; the files stay as they were
 */
export const obtainCertificate = async (
  config: GatewayConfig & { readonly api: string },
  options: {
    readonly path: string;
    readonly bearer: Asking<unknown>["bearer"];
    readonly what: string;
    readonly heard?: ((date: string | undefined) => void) | undefined;
    readonly signal: AbortSignal;
  },
): Promise<CertificateAnswer> => {
  const { api, tls } = config;
  const { path, bearer, what, heard, signal } = options;
  const { requestPem, keyPem } = await createRequest(config);
  await stageKey(tls, keyPem);
  let answer: CertificateAnswer;
  try {
    const json = { request: requestPem };
    answer = await askControlPlane({ api, path, bearer, json, answer: certificateAnswerSchema, heard, signal });
    assertOwn(config, answer.certificate, what);
  } catch (error) {
    await unstageKey(tls);
    throw error;
  }
  await writeIssued(tls, answer);
  return answer;
};
