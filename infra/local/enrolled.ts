import { X509Certificate } from "node:crypto";
import { VisibleError } from "../../core/api/errors.ts";
import { forEach } from "../../functions/concurrency/each.ts";
import { createEnrolment, type EnrolmentDeps } from "../../functions/enrolment/enrolment.ts";
import { removedAt } from "../../functions/gateways/removed.ts";
import type { Log } from "../../functions/ports/deps.ts";
import { readStoredSite } from "../../functions/sites/sites.ts";
import type { GatewayConfig } from "../../gateway/config/config.ts";
import { loadCredentials } from "../../gateway/credentials/credentials.ts";
import { enrolGateway } from "../../gateway/enrolment/enrol.ts";
import type { Authority } from "../../pki/authority.ts";
import { invokeEvery } from "./runner/invoke-every.ts";

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
  if (await isEnrolled(deps, config, authority)) return true;
  const { token } = await createEnrolment(deps, config);
  await enrolGateway(config, { token, signal });
  return true;
};

/** How often certificates are looked at. */
const keepSeconds = 60;

/** Who enrols the gateways of this machine, one after the other. */
export interface Enroller {
  /** @returns false for a gateway that an administrator has removed */
  ensure(config: GatewayConfig): Promise<boolean>;
  /**
   * Looks at the gateways' certificates every minute until the signal: they expire while the
   * machine sleeps, and clocks are set. Who runs takes up a new one by itself.
   */
  keep(configs: readonly GatewayConfig[], options: { readonly log: Log; readonly signal: AbortSignal }): Promise<void>;
}

export const createEnroller = (deps: EnrolmentDeps, authority: Authority, signal: AbortSignal): Enroller => {
  let last: Promise<unknown> = Promise.resolve();
  const ensure = (config: GatewayConfig): Promise<boolean> => {
    const turn = last.then(() => ensureEnrolled(deps, { config, authority, signal }));
    last = turn.catch(() => undefined);
    return turn;
  };
  const ensureAll = (configs: readonly GatewayConfig[]): Promise<void> =>
    forEach(configs, async (config) => void (await ensure(config)));
  return {
    ensure,
    keep: (configs, options) => invokeEvery({ ...options, seconds: keepSeconds, handler: () => ensureAll(configs) }),
  };
};

const isEnrolled = async ({ clock }: EnrolmentDeps, config: GatewayConfig, authority: Authority): Promise<boolean> => {
  try {
    const { caPem, certificatePem } = await loadCredentials(config);
    const { validFrom, validTo } = new X509Certificate(certificatePem);
    const nowMs = Date.parse(clock.now());
    // One from the future was made while the clock was ahead.
    const isGood = Date.parse(validFrom) <= nowMs && nowMs < Date.parse(validTo);
    return caPem === authority.certificatePem && isGood;
  } catch (error) {
    if (VisibleError.is(error)) return false;
    throw error;
  }
};
