import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { VisibleError } from "../../core/api/errors.ts";
import type { PeerIdentity } from "../../core/api/identity.ts";
import type { Instant } from "../../core/api/ids.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import type { Authority } from "../../pki/authority.ts";
import { lastProofKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

/** Functions give nonces and judge each other's: their clocks may differ by so much. */
const skewSeconds = 5;
/** Together with the skew a minute. */
const lifeSeconds = 55;

/** A refusal that comes with the nonce for the next try. */
export class NonceNeeded extends VisibleError {
  readonly nonce: string;
  /** Every conversation begins so: nobody has tried anything that he may not. */
  readonly isFirst: boolean;

  constructor(message: string, nonce: string, { isFirst }: { readonly isFirst: boolean }) {
    super("USE_NONCE", message, {
      hint: `Make the proof again, with the nonce that the header proof-nonce gives. It is good for ${lifeSeconds} s.`,
    });
    this.nonce = nonce;
    this.isFirst = isFirst;
  }
}

/**
 * The control plane's time, in milliseconds since 1970, and that the control plane has said so. The
 * key is the authority's, which every process of the API has.
 */
const nonceOf = ({ keyPem }: Authority, atMs: number): string => {
  const key = Buffer.from(hkdfSync("sha256", keyPem, "", "smtx-backup: nonces of proofs", 32));
  return `${atMs}.${createHmac("sha256", key).update(atMs.toString()).digest("base64url")}`;
};

/**
 * When the nonce of a proof was given.
 * @throws {NonceNeeded} when it is none of ours, or was given longer ago than a minute
 */
export const assertFresh = (authority: Authority, nonce: string | undefined, now: Instant): Instant => {
  const nowMs = Date.parse(now);
  const refused = (why: string) => new NonceNeeded(why, nonceOf(authority, nowMs), { isFirst: nonce === undefined });
  if (nonce === undefined) throw refused("The proof is made without a nonce.");
  const atMs = Number(nonce.split(".")[0]);
  if (!Number.isSafeInteger(atMs) || !isEqual(nonce, nonceOf(authority, atMs))) {
    throw refused("The proof is made with a nonce that was not given here.");
  }
  const ageMs = nowMs - atMs;
  if (ageMs > lifeSeconds * 1000 || ageMs < -skewSeconds * 1000) throw refused("The nonce of the proof is too old.");
  return new Date(atMs).toISOString() as Instant;
};

const isEqual = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
};

/** When the nonce was given that the gateway has used last. */
interface LastProof {
  readonly nonceAt: Instant;
}

/**
 * Uses a proof up: of a gateway none is believed again, nor one whose nonce is older. So one small
 * document remembers all that were used.
 * @throws {NonceNeeded} when it, or a later one, was used already
 */
export const useUp = async (
  { store, clock }: Pick<Deps, "store" | "clock">,
  { siteId, gatewayId }: PeerIdentity,
  { authority, nonceAt }: { readonly authority: Authority; readonly nonceAt: Instant },
): Promise<void> => {
  const now = clock.now();
  const used = () =>
    new NonceNeeded("The proof, or a later one, was used already.", nonceOf(authority, Date.parse(now)), {
      isFirst: false,
    });
  const key = lastProofKey(siteId, gatewayId);
  const last = await store.get<LastProof>(key);
  // What a clock that was ahead has left would keep the gateway out until then.
  const isOfFuture = last !== undefined && last.body.nonceAt > addSeconds(now, skewSeconds);
  if (last !== undefined && !isOfFuture && nonceAt <= last.body.nonceAt) throw used();
  const expect = last === undefined ? ("absent" as const) : { version: last.version };
  const body: LastProof = { nonceAt };
  // Whatever is older is refused for its age by then.
  const expiresAt = addSeconds(now, 2 * (lifeSeconds + skewSeconds));
  try {
    await store.commit([{ type: "put", key, body, expect, expiresAt }]);
  } catch (error) {
    if (error instanceof CommitConflict) throw used();
    throw error;
  }
};
