import type { GatewayCertificates, RevocationList } from "../../core/api/enrolment.ts";
import { renewableSeconds } from "../../core/api/enrolment.ts";
import type { Instant, SiteId } from "../../core/api/ids.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Stored } from "../../core/ports/store.ts";
import { fingerprintOf } from "../../pki/authority.ts";
import { issueRevocations, plainSerial } from "../../pki/revocations.ts";
import { perObject, Recently } from "../documents/recently.ts";
import { revocationsKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import type { Authorities } from "./authorities.ts";

/**
 * What is stored of a multi-cluster's revocations: the list as it is given out, and what it was
 * made from.
 */
interface Revocations extends RevocationList {
  readonly revoked: readonly { readonly serial: string; readonly revokedAt: Instant; readonly expiresAt: Instant }[];
}

/**
 * How far a gateway's clock may be behind: one for which the list is of the future would refuse
 * everybody.
 */
const backdatedMs = 60 * 60 * 1000;
/**
 * For so long after it has expired a certificate is in the list: a connection
 * may be older than that.
 */
const listedSeconds = 24 * 3600;
/**
 * For so long it is known, since it might still be renewed; and however long that is while there
 * are only so many.
 */
const keptSeconds = renewableSeconds + listedSeconds;
const keptMin = 500;

/** The multi-cluster's list; undefined while none was ever made. */
export const readRevocationList = async (
  { store }: Pick<Deps, "store">,
  multiCluster: SiteId,
): Promise<RevocationList | undefined> => {
  const stored = await store.get<Revocations>(revocationsKey(multiCluster));
  if (stored === undefined) return undefined;
  const { issuedAt, pem, authority } = stored.body;
  return { issuedAt, pem, authority };
};

/**
 * Reports ask for a list far more often than it changes. A removal is told to everybody
 * without being asked for.
 */
const recentSeconds = 5;
const recentIn = perObject(() => new Recently<{ readonly list: RevocationList | undefined }>(recentSeconds));

/** The same, as it was at most 5 s ago. */
export const recentRevocationList = async (
  deps: Pick<Deps, "store" | "clock">,
  multiCluster: SiteId,
): Promise<RevocationList | undefined> => {
  const recent = recentIn(deps.store);
  const known = recent.get(multiCluster, deps);
  if (known !== undefined) return known.list;
  const at = deps.clock.now();
  const list = await readRevocationList(deps, multiCluster);
  recent.set(multiCluster, { list }, at);
  return list;
};

/** Whether a certificate of the multi-cluster is in the list. */
export const isRevoked = async (
  { store }: Pick<Deps, "store">,
  multiCluster: SiteId,
  serial: string,
): Promise<boolean> => {
  const stored = await store.get<Revocations>(revocationsKey(multiCluster));
  return stored?.body.revoked.some((one) => plainSerial(one.serial) === plainSerial(serial)) ?? false;
};

/**
 * The multi-cluster's list, made again when the clock was ahead when it was made: to whoever's
 * clock is right it is one of the future, and whoever goes by it refuses everybody. Undefined while
 * none was ever made.
 * @throws {CommitConflict} when somebody else makes one at the same time
 */
export const rightedRevocationList = async (
  deps: ListDeps,
  multiCluster: SiteId,
): Promise<RevocationList | undefined> => {
  const list = await readRevocationList(deps, multiCluster);
  if (list === undefined || list.issuedAt <= deps.clock.now()) return list;
  await deps.store.commit([await revoke(deps, multiCluster, [])]);
  return readRevocationList(deps, multiCluster);
};

type ListDeps = Pick<Deps, "store" | "clock"> & { readonly authorities: Authorities };

/**
 * The change of the multi-cluster's list that adds these. Those that have expired
 * by now drop out of it.
 */
export const revoke = async (
  { store, clock, authorities }: ListDeps,
  multiCluster: SiteId,
  certificates: GatewayCertificates["certificates"],
) => {
  const key = revocationsKey(multiCluster);
  const before: Stored<Revocations> | undefined = await store.get<Revocations>(key);
  const now = clock.now();
  const authority = await authorities.of(multiCluster);
  const fingerprint = fingerprintOf(authority.certificatePem);
  // What another authority issued nobody believes anyway.
  const known = before?.body.authority === fingerprint ? before.body.revoked : [];
  const revoked = [
    ...(known.length < keptMin ? known : known.filter(({ expiresAt }) => addSeconds(expiresAt, keptSeconds) > now)),
    ...certificates.map(({ serial, expiresAt }) => ({ serial, revokedAt: now, expiresAt })),
  ];
  const listed = revoked.filter(({ expiresAt }) => addSeconds(expiresAt, listedSeconds) > now);
  const atMs = laterThan(before?.body.issuedAt, now);
  const pem = await issueRevocations(authority, {
    revoked: listed.map(({ serial, revokedAt }) => ({ serial, revokedAtMs: Date.parse(revokedAt) })),
    atMs,
  });
  const body: Revocations = { issuedAt: new Date(atMs).toISOString() as Instant, pem, authority: fingerprint, revoked };
  const expect = before === undefined ? ("absent" as const) : { version: before.version };
  return { type: "put" as const, key, body, expect };
};

/** In whole seconds, as the list has it, and after the one before, unless that is of the future. */
const laterThan = (before: Instant | undefined, now: Instant): number => {
  const seconds = Math.floor((Date.parse(now) - backdatedMs) / 1000);
  if (before === undefined || before > now) return seconds * 1000;
  return Math.max(seconds, Math.floor(Date.parse(before) / 1000) + 1) * 1000;
};
