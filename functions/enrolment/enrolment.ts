import type { CertificateAnswer, Enrolment, GatewayCertificates } from "../../core/api/enrolment.ts";
import { enrolmentSeconds, renewableSeconds } from "../../core/api/enrolment.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { PeerIdentity } from "../../core/api/identity.ts";
import type { GatewayId, Instant, SiteId } from "../../core/api/ids.ts";
import type { Site } from "../../core/api/site.ts";
import { addSeconds, isAhead } from "../../core/ports/clock.ts";
import type { Change, Stored } from "../../core/ports/store.ts";
import { type Authority, fingerprintOf, issueCertificate } from "../../pki/authority.ts";
import { readRequest } from "../../pki/request.ts";
import type { Authorities } from "../certificates/authorities.ts";
import { rightedRevocationList } from "../certificates/revocations.ts";
import { retrying } from "../documents/conflicts.ts";
import { certificatesKey, enrolmentKey, siteKey } from "../documents/records.ts";
import { GatewayWasRemoved, removedAt } from "../gateways/removed.ts";
import type { Deps } from "../ports/deps.ts";
import { readStoredSite } from "../sites/sites.ts";
import { newSecret, readSecret } from "../tokens/secret.ts";

export type EnrolmentDeps = Pick<Deps, "store" | "clock" | "ids"> & { readonly authorities: Authorities };

const prefix = "smtxe";
/**
 * That are remembered. A gateway renews after nine days of fourteen, and may be enrolled again now
 * and then.
 */
const certificatesMax = 32;
/** DynamoDB's time to live goes by its own clock, and what can be renewed must be there. */
const rememberedSeconds = renewableSeconds + 24 * 3600;
/** A commit that fails for another reason than this token or this certificate is tried again. */
const others = "Others keep changing the site at the same time.";

/**
 * Makes a token with which one gateway can enrol, once, within 15 minutes, and stores its hash.
 * @throws {VisibleError} SITE_UNKNOWN, AUTHORITY_MISSING
 */
export const createEnrolment = async (
  deps: EnrolmentDeps,
  { siteId, gatewayId }: { readonly siteId: SiteId; readonly gatewayId: GatewayId },
): Promise<{ readonly token: string; readonly record: Enrolment }> => {
  const { body: site } = await readStoredSite(deps, siteId);
  // Who could not be given a certificate is told here, and not the one who comes with the token.
  await deps.authorities.of(site.multiCluster);
  const { text, sha256 } = newSecret(prefix);
  const createdAt = deps.clock.now();
  const expiresAt = addSeconds(createdAt, enrolmentSeconds);
  const record: Enrolment = { siteId, gatewayId, createdAt, expiresAt, removedAt: removedAt(site, gatewayId) ?? null };
  await deps.store.commit([{ type: "put", key: enrolmentKey(sha256), body: record, expect: "absent", expiresAt }]);
  return { token: text, record };
};

/**
 * Gives the gateway that the token was made for a certificate, and uses the token up. A gateway
 * that had been removed counts again.
 * @param requestPem PKCS #10; when it is wrong the token can be used again
 * @throws {VisibleError} UNAUTHENTICATED when the token was never given, was used or has expired;
 *   BAD_REQUEST; AUTHORITY_MISSING
 */
export const enrol = (deps: EnrolmentDeps, token: string, requestPem: string): Promise<CertificateAnswer> =>
  retrying(
    deps,
    async () => {
      const enrolment = await findEnrolment(deps, token);
      const { siteId, gatewayId } = enrolment.body;
      const site = await readStoredSite(deps, siteId);
      // Who removes a gateway does not mean that an invitation from before brings it back.
      if (wasRemovedSince(enrolment.body, site.body)) throw tokenRefused();
      const useUp: Change = { type: "delete", key: enrolment.key, expect: { version: enrolment.version } };
      return issue(deps, { site, gatewayId, requestPem, changes: [useUp, returned(site, gatewayId)] });
    },
    { others },
  );

/** By which removal the invitation knew of, and not by when it was: clocks are set. */
const wasRemovedSince = (enrolment: Enrolment, site: Site): boolean => {
  const removed = removedAt(site, enrolment.gatewayId) ?? null;
  if (enrolment.removedAt !== undefined) return removed !== enrolment.removedAt;
  return removed !== null && removed >= enrolment.createdAt;
};

/**
 * What a token is for. @throws {VisibleError} UNAUTHENTICATED when it was never given, was used or
 * has expired
 */
export const findEnrolment = async (deps: EnrolmentDeps, token: string): Promise<Stored<Enrolment>> => {
  const secret = readSecret(prefix, token);
  const stored = secret === undefined ? undefined : await deps.store.get<Enrolment>(enrolmentKey(secret.sha256));
  const now = deps.clock.now();
  // One that was made when the clock was ahead would be good for as long.
  if (stored !== undefined && stored.body.expiresAt > now && !isAhead(stored.body.createdAt, now)) return stored;
  throw tokenRefused();
};

const tokenRefused = () =>
  new VisibleError("UNAUTHENTICATED", "The enrolment token was never given, was used, or has expired.", {
    hint: "Ask somebody with an admin token for a new one: smtx-backup gateway invite GATEWAY --site SITE. It can be used once, within 15 minutes.",
  });

/**
 * The site with the gateway no longer among the removed ones. Its version goes up, so a removal at
 * the same time begins anew.
 */
const returned = (site: Stored<Site>, gatewayId: GatewayId): Change => {
  const removedGateways = (site.body.removedGateways ?? []).filter(({ id }) => id !== gatewayId);
  const body: Site = { ...site.body, removedGateways };
  return { type: "put", key: siteKey(site.body.id), body, expect: { version: site.version } };
};

/**
 * Gives a gateway that has proved who it is another certificate.
 * @throws {VisibleError} GATEWAY_REMOVED, SITE_UNKNOWN, BAD_REQUEST; CONFLICT when it has renewed
 *   too often lately
 */
export const renew = (deps: EnrolmentDeps, identity: PeerIdentity, requestPem: string): Promise<CertificateAnswer> =>
  retrying(
    deps,
    async () => {
      const { siteId, gatewayId } = identity;
      const site = await readStoredSite(deps, siteId);
      // It may have been removed since its proof was looked at.
      if (removedAt(site.body, gatewayId) !== undefined) throw new GatewayWasRemoved(identity);
      const unchanged: Change = { type: "check", key: siteKey(siteId), expect: { version: site.version } };
      return issue(deps, { site, gatewayId, requestPem, changes: [unchanged] });
    },
    { others },
  );

const issue = async (
  deps: EnrolmentDeps,
  options: {
    readonly site: Stored<Site>;
    readonly gatewayId: GatewayId;
    readonly requestPem: string;
    readonly changes: readonly Change[];
  },
): Promise<CertificateAnswer> => {
  const { store, clock, authorities } = deps;
  const { id: siteId, multiCluster } = options.site.body;
  const { gatewayId } = options;
  const publicKey = await readRequest(options.requestPem);
  const authority = await authorities.of(multiCluster);
  const now = clock.now();
  const nowMs = Date.parse(now);
  const identity = { multiCluster, siteId, gatewayId };
  const issued = await issueCertificate(authority, { identity, publicKey, nowMs });
  const expiresAt = new Date(issued.notAfterMs).toISOString() as Instant;
  const key = certificatesKey(siteId, gatewayId);
  const before = await store.get<GatewayCertificates>(key);
  const others = withRoom(before?.body.certificates ?? [], now);
  const body: GatewayCertificates = {
    certificates: [...others, { serial: issued.serial, issuedAt: now, expiresAt }],
  };
  const expect = before === undefined ? ("absent" as const) : { version: before.version };
  const forgottenAt = addSeconds(expiresAt, rememberedSeconds);
  await store.commit([...options.changes, { type: "put", key, body, expect, expiresAt: forgottenAt }]);
  return {
    certificate: issued.certificatePem,
    authority: authority.certificatePem,
    revocations: await listOf(deps, multiCluster, authority),
    expiresAt,
  };
};

/**
 * Those before a new one. What has expired makes room only when there is none: it may not have,
 * when the clock is ahead, and would not be revoked with the others.
 */
const withRoom = (
  certificates: GatewayCertificates["certificates"],
  now: Instant,
): GatewayCertificates["certificates"] => {
  if (certificates.length < certificatesMax) return certificates;
  const good = certificates.filter(({ expiresAt }) => expiresAt > now);
  // All that a gateway has must fit into one record, and into the list when it is removed.
  if (good.length < certificatesMax) return good;
  throw new VisibleError("CONFLICT", `The gateway has ${good.length} certificates that have not expired.`, {
    hint: "Nobody needs so many: see what renews them. Remove the gateway, and invite it again.",
  });
};

/**
 * One that another authority has signed, before this one took its place, would make the gateway
 * refuse everybody.
 */
const listOf = async (deps: EnrolmentDeps, multiCluster: SiteId, authority: Authority): Promise<string | null> => {
  const list = await rightedRevocationList(deps, multiCluster);
  return list?.authority === fingerprintOf(authority.certificatePem) ? list.pem : null;
};
