import { VisibleError } from "../../core/api/errors.ts";
import type { Instant, RunId, SiteId } from "../../core/api/ids.ts";
import { keyPart } from "../../core/object/place.ts";
import { type Change, CommitConflict, type Key } from "../../core/ports/store.ts";
import { hasEnded, partsOf } from "../../core/run/steps.ts";
import { retrying } from "../documents/conflicts.ts";
import { readAll } from "../documents/ranges.ts";
import { lockKey, lockPrefix } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { loadRun } from "../runs/runs.ts";

/** What a restore writes at a site: an object, or a volume of one. */
export interface Lockable {
  /** The cluster's; of objects and volumes no two are the same. */
  readonly id: string;
  /** Of the object, for people. */
  readonly name: string;
}

export interface ObjectLock extends Lockable {
  readonly runId: RunId;
  readonly at: Instant;
}

/** So many change at once, all or none of them. */
const locksAtOnce = 50;

/**
 * Takes the locks for a run, in the order of their ids. Idempotent. Those that it has got are its
 * own until they are released, also when it does not get all.
 * @returns the lock of another run that stands in the way
 */
export const takeLocks = async (
  deps: Deps,
  { runId, siteId }: { readonly runId: RunId; readonly siteId: SiteId },
  wanted: readonly Lockable[],
): Promise<ObjectLock | undefined> => {
  const sorted = [...new Map(wanted.map((one) => [one.id, one])).values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (let from = 0; from < sorted.length; from += locksAtOnce) {
    const some = sorted.slice(from, from + locksAtOnce);
    const other = await retrying(deps, () => tryToTake(deps, { runId, siteId }, some));
    if (other !== undefined) return other;
  }
  return undefined;
};

const tryToTake = async (
  deps: Deps,
  { runId, siteId }: { readonly runId: RunId; readonly siteId: SiteId },
  wanted: readonly Lockable[],
): Promise<ObjectLock | undefined> => {
  const changes: Change[] = [];
  for (const one of wanted) {
    const key = lockKey(siteId, keyPart(one.id));
    const stored = await deps.store.get<ObjectLock>(key);
    if (stored?.body.runId === runId) continue;
    if (stored !== undefined && (await isHeld(deps, stored.body))) return stored.body;
    const body: ObjectLock = { ...one, runId, at: deps.clock.now() };
    changes.push({ type: "put", key, body, expect: stored === undefined ? "absent" : { version: stored.version } });
  }
  if (changes.length > 0) await deps.store.commit(changes);
  return undefined;
};

/** A run that is over has none any more, whoever died before it could let go. */
const isHeld = async (deps: Deps, { runId }: ObjectLock): Promise<boolean> => {
  const loaded = await loadRun(deps, runId);
  return loaded !== undefined && !partsOf(loaded.run).every(([, part]) => hasEnded(part));
};

/** The first of these that another run has. */
export const findLock = async (
  deps: Deps,
  siteId: SiteId,
  wanted: readonly Lockable[],
): Promise<ObjectLock | undefined> => {
  const locks = new Map((await readLocks(deps, siteId)).map((lock) => [lock.id, lock]));
  for (const { id } of locks.size === 0 ? [] : wanted) {
    const lock = locks.get(id);
    if (lock !== undefined && (await isHeld(deps, lock))) return lock;
  }
  return undefined;
};

export const readLocks = async (deps: Pick<Deps, "store">, siteId: SiteId): Promise<readonly ObjectLock[]> =>
  (await readAll<ObjectLock>(deps, { ...lockKey(siteId, ""), sort: lockPrefix })).map(({ body }) => body);

/** Lets go of all that a run has at a site. Idempotent. */
export const releaseLocks = async (deps: Deps, { runId, siteId }: { runId: RunId; siteId: SiteId }): Promise<void> => {
  const own = (await readAll<ObjectLock>(deps, { ...lockKey(siteId, ""), sort: lockPrefix })).filter(
    ({ body }) => body.runId === runId,
  );
  for (const { key, version } of own) await dropLock(deps, key, version);
};

/** One that somebody else has taken meanwhile is his. */
const dropLock = async (deps: Deps, key: Key, version: number): Promise<void> => {
  try {
    await deps.store.commit([{ type: "delete", key, expect: { version } }]);
  } catch (error) {
    if (!(error instanceof CommitConflict)) throw error;
  }
};

export const lockedText = ({ name, runId }: ObjectLock): string => `“${name}” is being written by ${runId}.`;

export const objectLocked = (lock: ObjectLock): VisibleError =>
  new VisibleError("OBJECT_LOCKED", lockedText(lock), {
    hint: `Wait until it has ended, or end it. See it with: smtx-backup run show ${lock.runId}`,
  });
