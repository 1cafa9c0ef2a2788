import { adoptedGroupsMax } from "../../core/api/adoption/adoption.ts";
import type { ForeignGroupTold } from "../../core/api/adoption/foreign-plans.ts";
import type { Report } from "../../core/api/report.ts";
import type { ReportRefusal } from "../../core/run/refusal.ts";
import { groupOutcomeKey } from "../documents/records.ts";
import { heardFrom } from "../gateways/alive.ts";
import { whyNotEnrolledOfLate } from "../gateways/enrolled.ts";
import type { Deps } from "../ports/deps.ts";
import { type Adoption, changeAdoption, countOutcome, readAdoption } from "./documents.ts";
import { finish } from "./finish.ts";
import { outcomeOf, waiting } from "./group-outcome.ts";
import { dropPieces, putPiece } from "./pieces.ts";

/**
 * Takes in what a site says of one of the groups that it was asked for. When all of a group has
 * come it is judged and made known; when all groups have, their plans are. Parts may come in any
 * order and twice.
 * @returns why it does not count
 */
export const takeForeignPlans = async (
  deps: Deps,
  report: Extract<Report, { kind: "foreign-plans" }>,
): Promise<ReportRefusal | undefined> => {
  const refusal = await whyNotEnrolledOfLate(deps, report);
  if (refusal !== undefined) return refusal;
  await heardFrom(deps, report);
  const { siteId, questionId: id, groups, leftOut, told } = report;
  const stored = await readAdoption(deps, siteId, id);
  if (stored === undefined) return "TASK_NOT_GIVEN";
  if (stored.body.isOver) return "TASK_ANSWERED";
  if (told !== undefined && (groups === 0 || told.piece >= Math.max(1, told.pieces))) return "ANSWER_OUT_OF_RANGE";
  const adoption = told === undefined ? stored.body : await takePiece(deps, stored.body, told);
  if (adoption === undefined) return undefined;
  // Where another gateway has begun to answer as well, the store may have changed in between.
  const counted = await changeAdoption(deps, adoption, (now) => withTold(now, { groups, leftOut }));
  if (counted !== undefined && counted.done >= groups) await finish(deps, counted);
  return undefined;
};

const withTold = (adoption: Adoption, told: NonNullable<Adoption["told"]>): Adoption =>
  adoption.told?.groups === told.groups && adoption.told.leftOut === told.leftOut ? adoption : { ...adoption, told };

/** @returns how far the adoption is; undefined: more than was asked for is told */
const takePiece = async (deps: Deps, adoption: Adoption, told: ForeignGroupTold): Promise<Adoption | undefined> => {
  const { groupId } = told.group;
  if ((await deps.store.get(groupOutcomeKey(adoption.id, groupId))) !== undefined) return adoption;
  if (adoption.done >= adoptedGroupsMax) return undefined;
  const whole = await putPiece(deps, adoption, told);
  if (whole === undefined) return adoption;
  const { packed: _, ...group } = told;
  if (told.proof === undefined) return countOutcome(deps, adoption, waiting(group));
  const after = await countOutcome(deps, adoption, await outcomeOf(deps, adoption, group, whole));
  await dropPieces(deps, adoption, told);
  return after;
};
