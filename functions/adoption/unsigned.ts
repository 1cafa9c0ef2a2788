import { VisibleError } from "../../core/api/errors.ts";
import { groupOutcomeKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { type Adoption, type GroupOutcome, keptUntil } from "./documents.ts";
import { outcomeOf, refused } from "./group-outcome.ts";
import { dropPieces, readPieces } from "./pieces.ts";

/**
 * All groups have come: what nobody signed is taken where it is older than all that are signed of
 * its plan, as what versions before published. Else its signature was taken away.
 * @returns all outcomes as they are now
 */
export const takeUnsigned = async (
  deps: Deps,
  adoption: Adoption,
  outcomes: readonly GroupOutcome[],
): Promise<readonly GroupOutcome[]> => {
  const after: GroupOutcome[] = [];
  for (const outcome of outcomes) after.push(await settled(deps, adoption, outcome, outcomes));
  return after;
};

const settled = async (
  deps: Deps,
  adoption: Adoption,
  outcome: GroupOutcome,
  all: readonly GroupOutcome[],
): Promise<GroupOutcome> => {
  const { unsigned: told, groupId } = outcome;
  if (told === undefined) return outcome;
  const body = isAfterSigned(outcome, all)
    ? refused(told, lostSignature(groupId))
    : await outcomeOf(deps, adoption, told, (await readPieces(deps, adoption, told)) ?? "");
  const key = groupOutcomeKey(adoption.id, groupId);
  await deps.store.commit([{ type: "put", key, body, expect: "any", expiresAt: keptUntil(adoption) }]);
  await dropPieces(deps, adoption, told);
  return body;
};

const isAfterSigned = ({ planId, source, sequence }: GroupOutcome, all: readonly GroupOutcome[]): boolean =>
  all.some((one) => one.isSigned && one.planId === planId && one.source === source && one.sequence < sequence);

const lostSignature = (groupId: string) =>
  new VisibleError(
    "MANIFEST_UNSIGNED",
    `The manifest of ${groupId} is not signed, and that of an older group of the plan is: its signature was taken away, or a gateway of an older version has published it.`,
  );
