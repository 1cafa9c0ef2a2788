import { X509Certificate } from "node:crypto";
import { VisibleError } from "../../core/api/errors.ts";
import { createEnrolment, type EnrolmentDeps } from "../../functions/enrolment.ts";
import type { GatewayConfig } from "../../gateway/config.ts";
import { loadCredentials } from "../../gateway/credentials.ts";
import { enrolGateway } from "../../gateway/enrolment/enrol.ts";
import type { Authority } from "../../pki/authority.ts";

/** A gateway enrols before its first start, and again when its certificate is no longer good. */
export const ensureEnrolled = async (
  deps: EnrolmentDeps,
  options: { readonly config: GatewayConfig; readonly authority: Authority; readonly signal: AbortSignal },
): Promise<void> => {
  const { config, authority, signal } = options;
  if (await isEnrolled(config, authority)) return;
  const { token } = await createEnrolment(deps, config);
  await enrolGateway(config, { token, signal });
};

const isEnrolled = async (config: GatewayConfig, authority: Authority): Promise<boolean> => {
  try {
    const { caPem, certificatePem } = await loadCredentials(config);
    const { validTo } = new X509Certificate(certificatePem);
    return caPem === authority.certificatePem && Date.parse(validTo) > Date.now();
  } catch (error) {
    if (VisibleError.is(error)) return false;
    throw error;
  }
};
