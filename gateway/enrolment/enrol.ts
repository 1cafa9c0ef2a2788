import { certificateAnswerSchema, enrolPath } from "../../core/api/enrolment.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant } from "../../core/api/ids.ts";
import { createRequest } from "../../pki/request.ts";
import type { GatewayConfig } from "../config.ts";
import { askControlPlane } from "./control-plane.ts";
import { writeIssued } from "./files.ts";
import { assertOwn } from "./own.ts";

/**
 * Enrols a gateway: makes its key here, has the control plane issue a certificate for it, and writes both, and whom to believe,
 * into the files that its configuration names.
 * @param options.token an enrolment token, which is used up
 * @returns when the certificate expires
 * @throws VisibleError BAD_REQUEST when the configuration names no `api`; PEER_REFUSED when the token was for another gateway, and
 *   nothing is written then; UNAUTHENTICATED, LINK_BROKEN, TIMEOUT
 */
export const enrolGateway = async (
  config: GatewayConfig,
  { token, signal }: { readonly token: string; readonly signal: AbortSignal },
): Promise<{ readonly expiresAt: Instant }> => {
  const { api, multiCluster, siteId, gatewayId, tls } = config;
  if (api === undefined) {
    throw new VisibleError("BAD_REQUEST", "The gateway's configuration does not say where the control plane is.", {
      hint: "Write its URL as api: https://… into the configuration.",
    });
  }
  const { requestPem, keyPem } = await createRequest({ multiCluster, siteId, gatewayId });
  const json = { request: requestPem };
  const wanted = { path: enrolPath, json, answer: certificateAnswerSchema };
  const answer = await askControlPlane({ api, bearer: token, ...wanted, signal });
  assertOwn(config, answer.certificate, "The enrolment token");
  await writeIssued(tls, keyPem, answer);
  return { expiresAt: answer.expiresAt };
};
