import type { DeletionWish } from "../../core/api/deletion/request.ts";
import type { PlanId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import { type Change, CommitConflict } from "../../core/ports/store.ts";
import { refuseStale } from "../confirmations/confirmation.ts";
import { leftInstead } from "../deletable/refusal.ts";
import { retrying } from "../documents/conflicts.ts";
import { applyToPlan, tryDrain } from "../engine/engine.ts";
import type { Deps } from "../ports/deps.ts";
import { freeSlot } from "../runs/free-slot.ts";
import { needRun } from "../runs/runs.ts";
import { deletionRun } from "./deletion-run.ts";
import type { Wanted } from "./going-now.ts";
import { digestOf, readWanted } from "./wanted.ts";

/** What came of a confirmed deletion. */
interface Begun {
  readonly deleted?: PlanId;
  /** Null: no site had anything. */
  readonly run: Run | null;
}

/**
 * Begins a deletion that was previewed: a run of the plan with a part for each site. Up to fifty
 * groups are marked with it, so that from now on nobody reads them or starts from them; the run
 * marks the others. A plan that goes itself is deleted in the same transaction as its run is made.
 * @throws VisibleError PREVIEW_STALE, CONFLICT, and as `readWanted`
 */
export const confirmDeletion = async (
  deps: Deps,
  { wish, confirmation }: { readonly wish: DeletionWish; readonly confirmation: string },
): Promise<Begun> => {
  const { run, outbox, deleted } = await retrying(
    deps,
    async () => {
      const wanted = await readWanted(deps, wish);
      refuseStale(deps, confirmation, (until) => digestOf(wanted, until), words);
      return begin(deps, wanted);
    },
    { isOvertaken: (error) => error instanceof CommitConflict || error instanceof OtherPlan },
  );
  if (outbox !== undefined) await tryDrain(deps, outbox);
  return { ...(deleted && { deleted }), run: run && (await needRun(deps, run.id)).run };
};

const words = { would: "go", nothing: "nothing was deleted" };

/** Somebody else has changed the plan, or what goes with it, since that was worked out. */
class OtherPlan extends Error {}

const begin = async (deps: Deps, wanted: Wanted) => {
  const { wish, plan, planThen } = wanted;
  const now = deps.clock.now();
  const deletes = wish.type === "plan" && plan.status !== "deleted";
  const made =
    wanted.sites.length === 0 ? undefined : deletionRun(wanted, { slot: await freeSlot(deps, plan.id, now), now });
  const changes = made === undefined ? [] : [...made.changes, ...marksOf(wanted), ...(await keptIn(deps, wanted))];
  if (deletes) await deleteWith(deps, plan, changes);
  else if (changes.length > 0) await deps.store.commit(changes);
  return { run: made?.run ?? null, outbox: made?.outbox, ...(wish.type === "plan" && { deleted: planThen.id }) };
};

/** @throws OtherPlan */
const deleteWith = async (deps: Deps, { id }: Plan, changes: readonly Change[]): Promise<void> => {
  let tries = 0;
  await applyToPlan(deps, id, { type: "delete" }, () => {
    tries += 1;
    if (tries > 1) throw new OtherPlan();
    return changes;
  });
  // Where somebody else has deleted it first, nothing was written.
  const [first] = changes;
  if (first !== undefined && (await deps.store.get(first.key)) === undefined) throw new OtherPlan();
};

/**
 * What stays in the place of a group that goes is written anew: nobody deletes it at the same time,
 * counting on the other.
 */
const keptIn = async (deps: Deps, { told, planThen, sites }: Wanted): Promise<readonly Change[]> => {
  const [site] = sites;
  const [group] = site?.going ?? [];
  if (told.last || site?.groups === "all" || site === undefined || group === undefined) return [];
  const goes = new Set(site.going.map(({ body }) => body.id));
  const left = await leftInstead(deps, planThen, group.body, { at: site.at, goes });
  return left === undefined ? [] : [{ type: "put", key: left.key, body: left.body, expect: { version: left.version } }];
};

const markedMax = 50;

const marksOf = ({ sites }: Wanted): readonly Change[] =>
  sites
    .flatMap(({ going }) => going)
    .filter(({ body }) => body.state !== "deleting")
    .slice(0, markedMax)
    .map(({ key, version, body }) => ({ type: "put", key, body: { ...body, state: "deleting" }, expect: { version } }));
