import { VisibleError } from "../../core/api/errors.ts";
import { type Watch, whileMoving } from "../time/standstill.ts";
import type { Time } from "../time/time.ts";
import { agentTimings } from "./timings.ts";

/**
 * Does something that has to do with the queues, and waits no longer for it
 * than it may stand still.
 * @param purpose what it is for, as “to …” goes on
 * @param onAbandoned is given what is no longer waited for
 * @throws what `work` throws, TIMEOUT
 */
export const inTime = <T>(
  purpose: string,
  time: Time,
  work: (watch: Watch) => Promise<T>,
  onAbandoned: (late: Promise<T>) => void = () => undefined,
): Promise<T> => {
  const seconds = agentTimings.callSeconds;
  const late = () => new VisibleError("TIMEOUT", `It took longer than ${seconds} s to ${purpose}.`);
  return whileMoving({ seconds, time, late, onAbandoned }, work);
};
