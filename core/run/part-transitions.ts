import type { Instant } from "../api/ids.ts";
import type { Reason } from "../api/reason.ts";
import type { RunHead, TargetRun } from "../api/run.ts";
import type { PartEvent } from "./events.ts";
import { stepAfter, stepsIn } from "./steps.ts";
import { joined } from "./warnings.ts";

type EventOf<E extends PartEvent["type"]> = Extract<PartEvent, { type: E }>;

/** What a transition may look at besides its event. */
export interface PartSituation {
  readonly run: Pick<RunHead, "kind" | "sender" | "order">;
  readonly part: TargetRun;
  readonly now: Instant;
}

const end = (
  { part, now }: PartSituation,
  state: "succeeded" | "failed" | "cancelled" | "skipped",
  reason: Reason | null,
): TargetRun => ({
  ...part,
  state,
  step: null,
  reason,
  warning: state === "succeeded" ? part.warning : null,
  endedAt: now,
  ...(part.step !== null && { endedIn: part.step }),
  unsettled: true,
});

export const start = ({ run, part, now }: PartSituation): TargetRun | undefined => {
  const [step] = stepsIn(run);
  return step && { ...part, state: step, step, startedAt: now };
};

export const skip = (situation: PartSituation, { reason }: EventOf<"supersede">): TargetRun =>
  end(situation, "skipped", reason);

const cancelled: Reason = { code: "CANCELLED", message: "A person cancelled the run." };

export const cancel = (situation: PartSituation): TargetRun => end(situation, "cancelled", cancelled);

/** It was good for as long as somebody wanted it. */
export const detach = (situation: PartSituation): TargetRun => end(situation, "succeeded", null);

/** What came of another step than the present one is late, or comes again. */
export const goOn = (situation: PartSituation, event: EventOf<"done">): TargetRun | undefined => {
  const { run } = situation;
  const { warning, moved } = event;
  if (event.step !== situation.part.step) return undefined;
  const part = { ...situation.part, warning: joined(situation.part.warning, warning), ...(moved && { moved }) };
  const step = stepAfter(run, event.step);
  return step === undefined ? end({ ...situation, part }, "succeeded", null) : { ...part, state: step, step };
};

const undoBecause = ({ part }: PartSituation, reason: Reason): TargetRun => ({
  ...part,
  ...{ state: "undoing", step: "undoing", reason },
});

/** How far it came, nobody may know: whoever did it need not have been heard. */
export const undo = (situation: PartSituation, { step, reason }: EventOf<"gave-up">): TargetRun | undefined =>
  step === situation.part.step ? undoBecause(situation, reason) : undefined;

export const undoForPerson = (situation: PartSituation): TargetRun => undoBecause(situation, cancelled);

/** It is undone; or it was done before, which its site warns of. */
export const endUndone = (situation: PartSituation, { step, warning }: EventOf<"done">): TargetRun | undefined => {
  const { part } = situation;
  if (step !== part.step) return undefined;
  if (warning?.code === "ROLLBACK_DONE") {
    return end({ ...situation, part: { ...part, warning: joined(part.warning, warning) } }, "succeeded", null);
  }
  return end(situation, part.reason?.code === cancelled.code ? "cancelled" : "failed", part.reason);
};

/** Its site says of what is half done that nobody can use it. */
export const endHalf = (situation: PartSituation, { step, reason }: EventOf<"gave-up">): TargetRun | undefined =>
  step === situation.part.step ? end(situation, "failed", joined(situation.part.reason, reason)) : undefined;

/**
 * The site has the slot's group already, from before the control plane's table was set back: it is
 * left as it is, and the part is passed over.
 */
export const fail = (situation: PartSituation, { step, reason }: EventOf<"gave-up">): TargetRun | undefined => {
  if (step !== situation.part.step) return undefined;
  return end(situation, reason.code === "GROUP_EXISTS" ? "skipped" : "failed", reason);
};

/** The restore point is there; what could not be tidied up now is tidied up by the next run. */
export const finish = (situation: PartSituation, { step, reason }: EventOf<"gave-up">): TargetRun | undefined => {
  return step === situation.part.step ? untidied(situation, reason) : undefined;
};

const untidied = (situation: PartSituation, reason: Reason): TargetRun => ({
  ...end(situation, "succeeded", null),
  warning: joined(reason, situation.part.warning),
});

/** A site that says for ever that it tidies up does not keep its lane from a person. */
export const leaveUntidied = (situation: PartSituation): TargetRun =>
  untidied(situation, { code: "CANCELLED", message: "A person cancelled the tidying: the next run does it." });

export const unsettle = ({ part }: PartSituation): TargetRun | undefined =>
  part.unsettled ? undefined : { ...part, unsettled: true };

export const settle = ({ part }: PartSituation, { moved }: EventOf<"settled">): TargetRun | undefined => {
  if (!part.unsettled) return undefined;
  const { unsettled: _, ...settled } = part;
  return { ...settled, ...(moved && { moved }) };
};
