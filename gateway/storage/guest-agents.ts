import { VisibleError } from "../../core/api/errors.ts";

/** Of a driver without `guestAnswers`. */
export const noGuestAgents = () =>
  new VisibleError("GUEST_AGENT_ABSENT", "The storage of this site can't ask guest agents.", {
    hint: "Give the plan's stage another check, tcp or http: smtx-backup plan update PLAN -f FILE",
  });
