import { enrolPath } from "../../core/api/enrolment.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant } from "../../core/api/ids.ts";
import type { GatewayConfig } from "../config/config.ts";
import { obtainCertificate } from "./obtain.ts";

/**
 * Enrols a gateway: makes its key here, has the control plane issue a certificate for it, and
 * writes both, and whom to believe, into the files that its configuration names.
 * @param options.token an enrolment token, which is used up
 * @returns when the certificate expires
 * @throws VisibleError BAD_REQUEST when the configuration names no `api`; PEER_REFUSED when
 *   the token was for another gateway, and nothing is written then; UNAUTHENTICATED,
 *   LINK_BROKEN, TIMEOUT
 */
export const enrolGateway = async (
  config: GatewayConfig,
  { token, signal }: { readonly token: string; readonly signal: AbortSignal },
): Promise<{ readonly expiresAt: Instant }> => {
  const { api } = config;
  if (api === undefined) {
    throw new VisibleError("BAD_REQUEST", "The gateway's configuration does not say where the control plane is.", {
      hint: "Write its URL as api: https://… into the configuration.",
    });
  }
  const what = "The enrolment token";
  return obtainCertificate({ ...config, api }, { path: enrolPath, bearer: () => token, what, signal });
};
