import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import { whileMoving } from "../../../time/standstill.ts";
import type { Time } from "../../../time/time.ts";
import type { StorageCall } from "../../call.ts";
import { OutcomeUnknownError } from "../outcome.ts";
import { shownWords } from "../shown-words.ts";
import type { TowerQueries } from "./asking.ts";
import { lockedCode, outcomeUnknown, type TowerAsked } from "./refusals.ts";

const taskSchema = z.object({
  id: z.string(),
  status: z.enum(["EXECUTING", "FAILED", "PAUSED", "PENDING", "SUCCESSED"]),
  progress: z.number().nullish(),
  steps: z.array(z.object({ current: z.number().nullish(), finished: z.boolean().nullish() })).nullish(),
  error_code: z.string().nullish(),
  error_message: z.string().nullish(),
});
type TowerTask = z.infer<typeof taskSchema>;

const pollMs = { min: 10, max: 3_000, growth: 2, jitter: 0.3 };
/** What a task has taken by now it takes so much longer at most before it is seen to have ended. */
const lateShare = 0.25;

interface FollowOptions {
  readonly tower: TowerQueries;
  /** The change that began them. */
  readonly asked: TowerAsked;
  readonly ids: readonly string[];
  readonly time: Time;
  /** How long they may stand still. */
  readonly taskSeconds: number;
  readonly call: StorageCall;
}

/**
 * Waits until all of these tasks have ended.
 * @throws CLUSTER_TASK_FAILED and CLUSTER_BUSY in the cluster's own words, when all have ended and
 *   one has failed; OutcomeUnknownError (TIMEOUT when none has moved for so long,
 *   CLUSTER_UNREACHABLE)
 */
export const followTasks = async (options: FollowOptions): Promise<void> => {
  const { asked, ids, time, taskSeconds, call } = options;
  if (ids.length === 0) return;
  const ended = await whileMoving(
    {
      seconds: taskSeconds,
      time,
      signal: call.signal,
      onMoved: call.onMoved,
      late: () => standsStill(asked, ids, taskSeconds),
    },
    ({ signal, onMoved }) => allEnded(options, { signal, onMoved }),
  ).catch((error: unknown) => {
    throw VisibleError.is(error, "CLUSTER_UNREACHABLE") ? outcomeUnknown(error) : error;
  });
  const failed = ended.find(({ status }) => status === "FAILED");
  if (failed !== undefined) throw taskFailed(asked, failed);
};

const allEnded = async (
  { tower, ids, time }: FollowOptions,
  { signal, onMoved }: Required<StorageCall>,
): Promise<readonly TowerTask[]> => {
  const begunMs = time.nowMs();
  let waitMs = pollMs.min / pollMs.growth;
  for (let before = ""; ; ) {
    const body = { where: { id_in: ids }, first: ids.length };
    const tasks = await tower.query("get-tasks", body, z.array(taskSchema), { signal });
    const ended = tasks.filter(({ status }) => status === "FAILED" || status === "SUCCESSED");
    if (ended.length >= ids.length) return ended;
    const now = movementOf(tasks);
    if (now !== before) onMoved();
    before = now;
    const lateMs = Math.max(pollMs.min, lateShare * (time.nowMs() - begunMs));
    // One answer that came late says nothing of how long the task takes.
    waitMs = Math.min(pollMs.max, pollMs.growth * waitMs, lateMs);
    await time.sleep(waitMs * (1 - pollMs.jitter * Math.random()), signal);
    signal.throwIfAborted();
  }
};

/** Another text when anything of them has got on. */
const movementOf = (tasks: readonly TowerTask[]): string =>
  JSON.stringify(
    tasks
      .map(({ id, status, progress, steps }) => [
        id,
        status,
        progress,
        steps?.map((step) => [step.current, step.finished]),
      ])
      .sort(),
  );

const standsStill = ({ url, operation }: TowerAsked, ids: readonly string[], seconds: number) =>
  new OutcomeUnknownError("TIMEOUT", `Task ${ids[0]} of ${operation} at ${url} has not moved for ${seconds} s.`, {
    hint: "See CloudTower's task list: what it stands for may hold the cluster up. What it makes later is found or removed.",
  });

const taskFailed = (
  { url, operation, secrets }: TowerAsked,
  { error_code, error_message }: TowerTask,
): VisibleError => {
  const said = [error_code, error_message].filter((text) => text !== undefined && text !== null && text !== "");
  const words = said.length === 0 ? "it does not say why" : shownWords(said.join(": "), secrets);
  const code = error_code === lockedCode ? "CLUSTER_BUSY" : "CLUSTER_TASK_FAILED";
  return new VisibleError(code, `The task of ${operation} at ${url} failed: ${words}.`, {
    hint: "See CloudTower's task list and its events for more.",
  });
};
