import { X509Certificate } from "node:crypto";
import { renewPath } from "../../core/api/enrolment.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { backoff } from "../../core/waiting/backoff.ts";
import { proofFor, type RequestToProve } from "../../pki/proof.ts";
import type { GatewayConfig } from "../config/config.ts";
import type { Log } from "../log/log.ts";
import { whileMoving } from "../time/standstill.ts";
import { systemTime, type Time } from "../time/time.ts";
import type { TlsCredentials } from "../tunnel/certificates.ts";
import { obtainCertificate } from "./obtain.ts";

/** Of a certificate's life. */
const dueAt = 2 / 3;
/** Clocks are set, and hosts sleep: nobody waits longer without looking again. */
const lookMs = 60_000;
/** 1 min, 2 min and so on up to an hour, a quarter more or less. */
const renewBackoffMs = { first: 75_000, max: 75 * 60_000, jitter: 0.4 };
/** The control plane answers within 30 s, and then there are a few files to write. */
const renewSeconds = 180;

const lifeOf = (certificatePem: string): { readonly fromMs: number; readonly untilMs: number } => {
  const { validFrom, validTo } = new X509Certificate(certificatePem);
  return { fromMs: Date.parse(validFrom), untilMs: Date.parse(validTo) };
};

/** When a certificate is to be renewed, in milliseconds since 1970. */
export const renewalDueMs = (certificatePem: string): number => {
  const { fromMs, untilMs } = lifeOf(certificatePem);
  return fromMs + (untilMs - fromMs) * dueAt;
};

/**
 * Whether there is anything wrong with a certificate that another would mend. One of the future was
 * given by a clock that was ahead.
 */
const isDue = (certificatePem: string, nowMs: number): boolean =>
  nowMs >= renewalDueMs(certificatePem) || nowMs < lifeOf(certificatePem).fromMs;

/**
 * Renews the gateway's certificate when two thirds of its life are over, with a new key, until the
 * signal is aborted; also one that has expired meanwhile, or that is not valid yet. While the
 * control plane can't be reached or refuses, it is asked again after 1 min, 2 min and so on up to
 * an hour, and the log says why.
 * @param options.current the certificate that is in use
 * @param options.isWanted whether what comes with a certificate is needed, though the certificate
 *   is good
 * @param options.time the control plane's, which judges certificates
 * @param options.onRenewed called when the new one is in the files
 */
export const keepRenewed = async (options: {
  readonly config: GatewayConfig & { readonly api: string };
  readonly current: () => TlsCredentials;
  readonly onRenewed: () => Promise<void>;
  /** Called when the gateway was removed, and never renews again. */
  readonly onRemoved: (error: VisibleError) => void;
  readonly isWanted?: () => boolean;
  readonly time: Time;
  readonly heard?: (date: string | undefined) => void;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** In [0, 1): so that a site's gateways don't come all at once. */
  readonly chance?: () => number;
}): Promise<void> => {
  const { current, onRenewed, onRemoved, isWanted = () => false, time, log, signal, chance = Math.random } = options;
  const isNeeded = () => isDue(current().certificatePem, time.nowMs()) || isWanted();
  let failures = 0;
  while (!signal.aborted) {
    if (!isNeeded()) {
      failures = 0;
      const dueMs = renewalDueMs(current().certificatePem) - time.nowMs();
      await time.sleep(Math.min(Math.max(dueMs, 1000), lookMs), signal);
      continue;
    }
    try {
      const expiresAt = await inTime(signal, async (limited) => {
        const obtained = await renewOnce({ ...options, signal: limited });
        await onRenewed();
        return obtained;
      });
      log.info({ expiresAt }, "the certificate was renewed");
      if (!isNeeded()) continue;
      log.warn({ expiresAt }, "the new certificate is no better than the one before: see this host's clock");
    } catch (error) {
      if (signal.aborted) return;
      if (VisibleError.is(error, "GATEWAY_REMOVED")) return onRemoved(error);
      const { validTo } = new X509Certificate(current().certificatePem);
      log.warn({ err: error, validTo }, "the certificate could not be renewed; it is tried again");
    }
    failures += 1;
    await time.sleep(backoff(renewBackoffMs, failures, chance()), signal);
  }
};

/**
 * A disk that hangs must not keep the next try from being made. @throws what `work` throws,
 * TIMEOUT, the signal's reason
 */
const inTime = <T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const late = () =>
    new VisibleError("TIMEOUT", `The certificate was not renewed within ${renewSeconds} s.`, {
      hint: "See whether the disk that the certificate's files are on answers.",
    });
  return whileMoving({ seconds: renewSeconds, time: systemTime, signal, late }, (watch) => work(watch.signal));
};

const renewOnce = async ({
  config,
  current,
  time,
  heard,
  signal,
}: Pick<Parameters<typeof keepRenewed>[0], "config" | "current" | "time" | "heard" | "signal">): Promise<string> => {
  const bearer = (request: RequestToProve) => proofFor(request, current(), time.nowMs());
  const what = "The certificate that the control plane gave";
  return (await obtainCertificate(config, { path: renewPath, bearer, what, heard, signal })).expiresAt;
};
