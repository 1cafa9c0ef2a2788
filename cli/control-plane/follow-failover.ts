import { VisibleError } from "../../core/api/errors.ts";
import type { FailoverAnswer } from "../../core/api/failover/answer.ts";
import type { FailoverId } from "../../core/api/ids.ts";
import type { Answer, Api, Context } from "../context/context.ts";
import { exitCodes } from "../host/exit-codes.ts";
import { failoverText, stepLine } from "../render/failover/failover.ts";
import { readFailover } from "./failovers.ts";

const firstPollMs = 500;
const lastPollMs = 2000;
const pollGrowth = 1.25;
/** The API may be away for a while without the waiting ending. */
const awaySecondsMax = 60;

/** As it is now. */
export const showFailover = ({ style }: Context, failover: FailoverAnswer): Answer => ({
  json: failover,
  text: failoverText(failover, style),
});

/** Whether it has come to what was asked for: it rests, and waits for nobody. */
const isGood = ({ isUnderWay, halted, state }: FailoverAnswer): boolean =>
  !isUnderWay && halted === undefined && state !== "confirming" && state !== "confirming-back";

/**
 * Shows what a failover does until it rests or waits; the exit code says whether it has come to its
 * end well. Interrupted, it is left as it is.
 */
export const followFailover = async (context: Context, api: Api, id: FailoverId): Promise<Answer> => {
  const { host, json, style } = context;
  let shown = "";
  const show = (failover: FailoverAnswer) => {
    const line = stepLine(failover);
    if (line !== shown && !json) host.stdout.write(`${line}\n`);
    shown = line;
  };
  try {
    for await (const failover of pollsOf(context, api, id)) {
      show(failover);
      if (failover.isUnderWay) continue;
      const { code } = isGood(failover) ? exitCodes.done : exitCodes.failed;
      return { json: failover, text: failoverText(failover, style), exitCode: code };
    }
  } catch (error) {
    if (!host.signal.aborted) throw error;
  }
  return {
    json: { id },
    text: `The failover goes on without you. Look at it with: smtx-backup failover show ${id}`,
    exitCode: exitCodes.interrupted.code,
  };
};

async function* pollsOf({ host }: Context, api: Api, id: FailoverId): AsyncGenerator<FailoverAnswer> {
  const { time, signal } = host;
  let [pollMs, heardAtMs] = [firstPollMs, time.nowMs()];
  for (;;) {
    const failover = await readFailover(api, id).catch((error: unknown) => {
      const isAway = VisibleError.is(error) && error.retryable && time.nowMs() - heardAtMs < awaySecondsMax * 1000;
      if (signal.aborted || !isAway) throw error;
      return undefined;
    });
    if (failover !== undefined) {
      heardAtMs = time.nowMs();
      yield failover;
    }
    await time.sleep(pollMs, signal);
    signal.throwIfAborted();
    pollMs = Math.min(lastPollMs, pollMs * pollGrowth);
  }
}
