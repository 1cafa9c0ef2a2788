import { X509Certificate } from "node:crypto";
import { VisibleError } from "../../core/api/errors.ts";
import { createEnrolment, type EnrolmentDeps } from "../../functions/enrolment.ts";
import { readStoredSite } from "../../functions/queries/sites.ts";
import { removedAt } from "../../functions/removed.ts";
import type { GatewayConfig } from "../../gateway/config.ts";
import { loadCredentials } from "../../gateway/credentials.ts";
import { enrolGateway } from "../../gateway/enrolment/enrol.ts";
import type { Authority } from "../../pki/authority.ts";

/**
 * A gateway enrols before its first start, and again when its certificate is no longer good.
 * @returns false for one that an administrator has removed: it stays so
 */
export const ensureEnrolled = async (
  deps: EnrolmentDeps,
  options: { readonly config: GatewayConfig; readonly authority: Authority; readonly signal: AbortSignal },
): Promise<boolean> => {
  const { config, authority, signal } = options;
  const { body: site } = await readStoredSite(deps, config.siteId);
  if (removedAt(site, config.gatewayId) !== undefined) return false;
  if (await isEnrolled(config, authority)) return true;
  const { token } = await createEnrolment(deps, config);
  await enrolGateway(config, { token, signal });
  return true;
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
