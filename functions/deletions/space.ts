import { randomBytes } from "node:crypto";
import type { Space, SpaceAnswer } from "../../core/api/deletion/space.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant, PlanId, SiteId } from "../../core/api/ids.ts";
import { newestMessageFormat } from "../../core/api/message.ts";
import type { Report } from "../../core/api/report.ts";
import type { SpaceTask } from "../../core/api/task.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { ReportRefusal } from "../../core/run/refusal.ts";
import { ignoringConflict } from "../documents/conflicts.ts";
import { spaceQuestionKey } from "../documents/records.ts";
import { heardFrom } from "../gateways/alive.ts";
import { whyNotEnrolledOfLate } from "../gateways/enrolled.ts";
import { readGateways } from "../gateways/list.ts";
import type { Deps } from "../ports/deps.ts";

/*
 * What deleting gives back is asked of the site before anything is decided, so no run asks it. What
 * was asked is a document, and only that is answered, once, by a gateway of that site.
 */

/** `answer`: null where the storage can't tell. Absent: nobody has answered yet. */
interface SpaceQuestion {
  readonly askedAt: Instant;
  readonly answer?: Space | null;
}

const keptSeconds = 3600;

/** Asks a site, if any of its gateways is there to be asked. @returns the question's id */
export const askForSpace = async (
  deps: Deps,
  siteId: SiteId,
  about: { readonly planId: PlanId; readonly source: SiteId } & Pick<SpaceTask, "groups" | "mirrors" | "restored">,
): Promise<string> => {
  const id = randomBytes(16).toString("hex");
  const now = deps.clock.now();
  const isStaffed = (await readGateways(deps, siteId)).some(({ alive }) => alive);
  const body: SpaceQuestion = { askedAt: now, ...(!isStaffed && { answer: null }) };
  await put(deps, siteId, id, body, "absent");
  if (!isStaffed) return id;
  const task: SpaceTask = { kind: "space", id: `space/${siteId}/${id}`, siteId, issuedAt: now, ...about };
  // A gateway of before would say that it gives back nothing.
  const form = about.restored && { format: newestMessageFormat };
  await deps.tasks.send(siteId, [{ task: { ...task, ...form } }]);
  return id;
};

/** @throws VisibleError NOT_FOUND: it was asked too long ago, or never */
export const readSpace = async (deps: Pick<Deps, "store">, siteId: SiteId, id: string): Promise<SpaceAnswer> => {
  const stored = await deps.store.get<SpaceQuestion>(spaceQuestionKey(siteId, id));
  if (stored === undefined) {
    throw new VisibleError("NOT_FOUND", `Site “${siteId}” was not asked that.`, { hint: "Look at the preview again." });
  }
  const { answer } = stored.body;
  if (answer === undefined) return { siteId, state: "asked" };
  return answer === null ? { siteId, state: "unknown" } : { siteId, state: "told", space: answer };
};

/** Takes in what a gateway says. @returns why it does not count */
export const takeSpace = async (
  deps: Deps,
  report: Extract<Report, { kind: "space" }>,
): Promise<ReportRefusal | undefined> => {
  const refusal = await whyNotEnrolledOfLate(deps, report);
  if (refusal !== undefined) return refusal;
  await heardFrom(deps, report);
  const { siteId, questionId, space } = report;
  const stored = await deps.store.get<SpaceQuestion>(spaceQuestionKey(siteId, questionId));
  if (stored === undefined) return "TASK_NOT_GIVEN";
  const { body, version } = stored;
  if (body.answer !== undefined) return "TASK_ANSWERED";
  const isFirst = await ignoringConflict(() => put(deps, siteId, questionId, { ...body, answer: space }, { version }));
  return isFirst ? undefined : "TASK_ANSWERED";
};

const put = (
  { store, clock }: Pick<Deps, "store" | "clock">,
  siteId: SiteId,
  id: string,
  body: SpaceQuestion,
  expect: "absent" | { readonly version: number },
): Promise<void> =>
  store.commit([
    { type: "put", key: spaceQuestionKey(siteId, id), body, expect, expiresAt: addSeconds(clock.now(), keptSeconds) },
  ]);
