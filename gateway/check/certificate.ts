import { X509Certificate } from "node:crypto";
import { renewableSeconds } from "../../core/api/enrolment.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { loadCredentials } from "../credentials/credentials.ts";
import type { Check } from "./check.ts";

const soonMs = 7 * 24 * 60 * 60 * 1000;

/** That peers will believe who this gateway says it is. */
export const checkCertificate: Check = async (config) => {
  const { caPem, certificatePem } = await loadCredentials(config);
  const certificate = new X509Certificate(certificatePem);
  const authority = new X509Certificate(caPem);
  const wrong = (what: string, hint: string) => new VisibleError("BAD_REQUEST", what, { hint });
  if (!certificate.verify(authority.publicKey)) {
    throw wrong("The certificate was not issued by this authority.", "Take both from the same multi-cluster.");
  }
  const [nowMs, fromMs, untilMs] = [Date.now(), Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (nowMs < fromMs) {
    const hint = `See whether this host's clock is right; if it is, ${config.api === undefined ? "issue the certificate again" : "the gateway renews it by itself when it runs"}.`;
    throw wrong(`The certificate is not valid before ${certificate.validFrom}.`, hint);
  }
  if (nowMs > untilMs) {
    const renewal =
      config.api !== undefined && nowMs < untilMs + renewableSeconds * 1000
        ? "the gateway renews it by itself when it runs"
        : "renew it, or enrol the gateway again: smtx-backup gateway enrol -c FILE";
    throw wrong(
      `The certificate has expired on ${certificate.validTo}.`,
      `See whether this host's clock is right; if it is, ${renewal}.`,
    );
  }
  const days = Math.floor((untilMs - nowMs) / (soonMs / 7));
  const isLeftToUs = config.api !== undefined;
  return `valid for ${days} more days${untilMs - nowMs < soonMs && !isLeftToUs ? ": renew it soon" : ""}`;
};
