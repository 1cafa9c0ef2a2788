import type { RunId } from "../../core/api/ids.ts";
import type { TaskReport } from "../../core/api/report.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Stored } from "../../core/ports/store.ts";
import type { Deps } from "../ports/deps.ts";
import { deadLetterKey, deadLetterPrefix } from "./records.ts";

/**
 * A report that could not be taken in, beside its run: for people to see, and to
 * be taken in once more.
 */
interface DeadLetter {
  readonly at: string;
  readonly report: TaskReport;
}

const keptSeconds = 90 * 24 * 3600;
/**
 * Of one run; whatever makes so many is looked at by people, and deadlines send
 * its tasks again anyway.
 */
const lettersMax = 1000;

/** Puts a report beside its run. @param messageId by which one that comes again is the same */
export const keepDeadLetter = async (
  { store, clock }: Pick<Deps, "store" | "clock">,
  messageId: string,
  report: TaskReport,
): Promise<void> => {
  const at = clock.now();
  const letter: DeadLetter = { at, report };
  const expiresAt = addSeconds(at, keptSeconds);
  await store.putAll([{ key: deadLetterKey(report.runId, messageId), body: letter, expiresAt }]);
};

/** The reports of a run that could not be taken in. */
export const readDeadLetters = async (
  { store }: Pick<Deps, "store">,
  runId: RunId,
): Promise<readonly Stored<DeadLetter>[]> => {
  const { partition } = deadLetterKey(runId, "");
  return (await store.query<DeadLetter>({ partition, prefix: deadLetterPrefix, limit: lettersMax })).items;
};

/** How many reports of a run could not be taken in. */
export const countDeadLetters = async (deps: Pick<Deps, "store">, runId: RunId): Promise<number> =>
  (await readDeadLetters(deps, runId)).length;
