import {
  type AdoptedPlan,
  type AdoptionAnswer,
  type GroupNote,
  groupNotesMax,
} from "../../core/api/adoption/adoption.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { PlanId, SiteId } from "../../core/api/ids.ts";
import { readAll } from "../documents/ranges.ts";
import { planOutcomeKey, planOutcomePrefix } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { type Adoption, type GroupOutcome, readAdoption } from "./documents.ts";
import { readOutcomes } from "./finish.ts";

/** How far an adoption is, and when it is done what came of it. @throws VisibleError NOT_FOUND */
export const showAdoption = async (deps: Pick<Deps, "store">, siteId: SiteId, id: string): Promise<AdoptionAnswer> => {
  const stored = await readAdoption(deps, siteId, id);
  if (stored !== undefined) return answerOf(deps, stored.body);
  throw new VisibleError("NOT_FOUND", `Site “${siteId}” was not asked that, or more than a day ago.`, {
    hint: `Ask it again, twice is as good as once: smtx-backup adopt --site ${siteId}`,
  });
};

/** The same of one that was just read or begun. */
export const answerOf = async (deps: Pick<Deps, "store">, adoption: Adoption): Promise<AdoptionAnswer> => {
  const { id, siteId, askedAt, dryRun, told, done, isOver = false } = adoption;
  const state = isOver ? "done" : told === undefined ? "asked" : "taking";
  const notes = isOver ? (await readOutcomes(deps, adoption)).flatMap(noteOf) : [];
  return {
    ...{ id, siteId, askedAt, dryRun, state },
    ...(told && { groups: { total: told.groups, done, leftOut: told.leftOut } }),
    plans: isOver ? [...(await readPlans(deps, adoption))] : [],
    groupNotes: notes.sort(byWeight).slice(0, groupNotesMax),
    groupNoteCount: notes.length,
  };
};

const readPlans = async (deps: Pick<Deps, "store">, { id }: Adoption): Promise<readonly AdoptedPlan[]> => {
  const { partition } = planOutcomeKey(id, "" as PlanId);
  return (await readAll<AdoptedPlan>(deps, { partition, sort: planOutcomePrefix })).map(({ body }) => body);
};

const noteOf = ({ is, groupId, planName, takenAt, reason }: GroupOutcome): readonly GroupNote[] =>
  reason === undefined ? [] : [{ groupId, planName, takenAt, isRefused: is === "refused", reason }];

/** Refused ones first, and of each the newest. */
const byWeight = (one: GroupNote, other: GroupNote): number => {
  if (one.isRefused !== other.isRefused) return one.isRefused ? -1 : 1;
  return one.takenAt > other.takenAt ? -1 : 1;
};
