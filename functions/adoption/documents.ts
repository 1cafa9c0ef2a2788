import type { ForeignGroupTold } from "../../core/api/adoption/foreign-plans.ts";
import type { GroupId, Instant, PlanId, RunId, SiteId } from "../../core/api/ids.ts";
import type { Reason } from "../../core/api/reason.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Change, Stored } from "../../core/ports/store.ts";
import { retrying } from "../documents/conflicts.ts";
import { adoptionKey, groupOutcomeKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

/** What a site was asked, by whom what it holds must be signed, and how far that is. */
export interface Adoption {
  readonly id: string;
  readonly siteId: SiteId;
  readonly askedAt: Instant;
  readonly dryRun: boolean;
  readonly plans?: readonly string[];
  readonly multiCluster: SiteId;
  /** PEM. */
  readonly authorities: readonly string[];
  /** How many groups the site tells of, and how many more it has. Absent: it has not said. */
  readonly told?: { readonly groups: number; readonly leftOut: number };
  /** Groups that were looked at. */
  readonly done: number;
  /** The plans are made known as well. */
  readonly isOver?: true;
}

/** What became of one group that the site told of. */
export interface GroupOutcome {
  readonly groupId: GroupId;
  readonly planId: PlanId;
  readonly planName: string;
  readonly source: SiteId;
  readonly sequence: number;
  readonly takenAt: Instant;
  /** `waiting`: it is not signed, and is looked at when all groups have come. */
  readonly is: "adopted" | "known" | "refused" | "waiting";
  readonly unsigned?: Omit<ForeignGroupTold, "packed">;
  /** Why it is refused, or what is to be known of it. */
  readonly reason?: Reason;
  /** Whose facts say what is in it. Absent: of a refused one. */
  readonly runId?: RunId;
  readonly isSigned?: true;
  readonly objectCount?: number;
  /** The other targets that the plan had then. Absent: the manifest does not say how it was set. */
  readonly otherTargets?: readonly SiteId[];
}

/** A day after it was begun nobody needs to know any more what came of it. */
const keptSeconds = 24 * 3600;

/** Until when what belongs to an adoption is kept. */
export const keptUntil = ({ askedAt }: Pick<Adoption, "askedAt">): Instant => addSeconds(askedAt, keptSeconds);

export const readAdoption = (
  { store }: Pick<Deps, "store">,
  siteId: SiteId,
  id: string,
): Promise<Stored<Adoption> | undefined> => store.get<Adoption>(adoptionKey(siteId, id));

export const putAdoption = (body: Adoption, expect: "absent" | { readonly version: number }): Change => ({
  type: "put",
  key: adoptionKey(body.siteId, body.id),
  body,
  expect,
  expiresAt: keptUntil(body),
});

/**
 * Changes what is known of an adoption, also while others do.
 * @param change gives back the same where there is nothing to change
 * @returns what is so afterwards; undefined: nobody was asked
 */
export const changeAdoption = (
  deps: Deps,
  { siteId, id }: Pick<Adoption, "siteId" | "id">,
  change: (adoption: Adoption) => Adoption,
): Promise<Adoption | undefined> =>
  retrying(deps, async () => {
    const stored = await readAdoption(deps, siteId, id);
    if (stored === undefined) return undefined;
    const body = change(stored.body);
    if (body === stored.body) return body;
    await deps.store.commit([putAdoption(body, { version: stored.version })]);
    return body;
  });

/** Writes down what became of a group, once, and counts it. @returns as `changeAdoption` */
export const countOutcome = (
  deps: Deps,
  adoption: Pick<Adoption, "siteId" | "id">,
  outcome: GroupOutcome,
): Promise<Adoption | undefined> =>
  retrying(deps, async () => {
    const stored = await readAdoption(deps, adoption.siteId, adoption.id);
    const key = groupOutcomeKey(adoption.id, outcome.groupId);
    // Another copy of its last piece may have been taken in at the same time.
    if (stored === undefined || (await deps.store.get(key)) !== undefined) return stored?.body;
    const body = { ...stored.body, done: stored.body.done + 1 };
    await deps.store.commit([
      putAdoption(body, { version: stored.version }),
      { type: "put", key, body: outcome, expect: "absent", expiresAt: keptUntil(body) },
    ]);
    return body;
  });
