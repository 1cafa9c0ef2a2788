import type { RunAnswer, RunTarget } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { isRestore } from "../../core/run/steps.ts";
import { answerOf } from "../context/client.ts";
import type { Answer, Api, Context } from "../context/context.ts";
import { exitCodes } from "../host/exit-codes.ts";
import { LiveLines } from "../host/live.ts";
import { shownRun } from "../json/run.ts";
import { targetLines, targetLogLine } from "../render/progress.ts";
import { runHasEnded, runHeading, runText, runTotals } from "../render/run.ts";
import { leftOverText, runObjectsText } from "../render/run-objects.ts";
import { readRunObjects } from "./run-objects.ts";

const firstPollMs = 500;
const lastPollMs = 2000;
const pollGrowth = 1.25;
/** The API may be away for a while without the waiting ending. */
const awaySecondsMax = 60;
/** Without a terminal there is a line for a target at most this often. */
const logEveryMs = 3000;

export const readRun = async (api: Api, run: string): Promise<RunAnswer> =>
  answerOf(api.v1.runs[":run"].$get({ param: { run } }));

/** The same with its objects. */
export const showWholeRun = async (context: Context, api: Api, run: RunAnswer): Promise<Answer> => {
  const { text, objects } = await objectsOf(context, api, run);
  return { json: { ...shownRun(run), objects }, text: [runText(run, context.style), ...text].join("\n\n") };
};

const objectsOf = async (context: Context, api: Api, run: RunAnswer) => {
  const at = await readRunObjects(context, api, run);
  const hasFailed = isRestore(run.kind) && runHasEnded(run) && run.status !== "succeeded";
  const parts = [runObjectsText(at, context.style), hasFailed ? leftOverText(at) : undefined];
  return { text: parts.filter((part) => part !== undefined), objects: at[0]?.objects ?? [] };
};

/** A run as it is now, whatever became of it. */
export const showRun = (context: Context, run: RunAnswer): Answer => ({
  json: shownRun(run),
  text: runText(run, context.style),
});

/**
 * Shows how far a run is until it has ended, and then what it came to; the exit code says whether
 * it succeeded. Interrupted, it leaves the run as it is and says so.
 */
export const followRun = async (context: Context, api: Api, runId: string): Promise<Answer> => {
  const { signal } = context.host;
  const display = displayFor(context);
  let run: RunAnswer | undefined;
  try {
    for await (const polled of pollsOf(context.host, api, runId)) {
      run = polled;
      display.show(polled);
    }
  } catch (error) {
    display.end(undefined);
    if (!signal.aborted) throw error;
    return leftAlone(run, runId);
  }
  display.end(run);
  const exitCode = run?.status === "succeeded" ? exitCodes.done.code : exitCodes.failed.code;
  if (run === undefined) return { json: { id: runId }, text: "", exitCode };
  const totals = `${runHeading(run, context.style)}\n${runTotals(run, context.style)}`;
  if (!isRestore(run.kind)) return { json: shownRun(run), text: totals, exitCode };
  // What was made is what somebody waits for.
  const { text, objects } = await objectsOf(context, api, run);
  return { json: { ...shownRun(run), objects }, text: [totals, ...text].join("\n\n"), exitCode };
};

/** The same until it has come far enough, or has ended; then it is shown as it is. */
export const followUntil = async (
  context: Context,
  api: Api,
  { runId, isEnough }: { readonly runId: string; readonly isEnough: (run: RunAnswer) => boolean },
  show: (run: RunAnswer) => Answer,
): Promise<Answer> => {
  let run: RunAnswer | undefined;
  try {
    for await (const polled of pollsOf(context.host, api, runId)) {
      run = polled;
      if (isEnough(polled)) break;
    }
  } catch (error) {
    if (!context.host.signal.aborted) throw error;
    return leftAlone(run, runId);
  }
  return run === undefined ? leftAlone(run, runId) : show(run);
};

const leftAlone = (run: RunAnswer | undefined, runId: string): Answer => ({
  json: run === undefined ? { id: runId } : shownRun(run),
  text: [
    `The run goes on without you. Look at it with: smtx-backup run show ${runId} --watch`,
    `To end it: smtx-backup run cancel ${runId}`,
  ].join("\n"),
  exitCode: exitCodes.interrupted.code,
});

/**
 * Asks for a run. Whoever interrupts the asking does not know whether there is one, and is told
 * where to look.
 */
export const askedFor = async <T>({ host, warn }: Context, asking: Promise<T>, look: string): Promise<T> => {
  try {
    return await asking;
  } catch (error) {
    if (host.signal.aborted) warn(`The run may have been asked for all the same; it goes on then. See: ${look}`);
    throw error;
  }
};

/** The run, again and again, until and with when it has ended. */
async function* pollsOf({ time, signal }: Context["host"], api: Api, runId: string): AsyncGenerator<RunAnswer> {
  let pollMs = firstPollMs;
  let heardAtMs = time.nowMs();
  for (;;) {
    const run = await readRun(api, runId).catch((error: unknown) => {
      const isAway = VisibleError.is(error) && error.retryable && time.nowMs() - heardAtMs < awaySecondsMax * 1000;
      if (signal.aborted || !isAway) throw error;
      return undefined;
    });
    if (run !== undefined) {
      heardAtMs = time.nowMs();
      yield run;
      if (runHasEnded(run)) return;
    }
    await time.sleep(pollMs, signal);
    signal.throwIfAborted();
    pollMs = Math.min(lastPollMs, pollMs * pollGrowth);
  }
}

interface Display {
  show(run: RunAnswer): void;
  /** With the run when it has ended. */
  end(run: RunAnswer | undefined): void;
}

const displayFor = (context: Context): Display => {
  if (context.json) return { show: () => undefined, end: () => undefined };
  return context.host.stdout.isTerminal ? liveDisplay(context) : logDisplay(context);
};

const liveDisplay = ({ host, style }: Context): Display => {
  const lines = new LiveLines(host.stdout);
  const told = new Map<string, { readonly text: string; readonly atMs: number }>();
  /** A gateway tells how far it is every 30 s; between, its pace says it. */
  const elapsedSeconds = ({ site, progress, pace }: RunTarget): number => {
    const [text, last, nowMs] = [JSON.stringify([progress, pace]), told.get(site), host.time.nowMs()];
    if (last?.text === text) return (nowMs - last.atMs) / 1000;
    told.set(site, { text, atMs: nowMs });
    return 0;
  };
  return {
    show: (run) => {
      const siteColumns = Math.max(...run.targets.map(({ site }) => site.length));
      const screen = { style, columns: host.stdout.columns, siteColumns };
      const drawn = run.targets.flatMap((target) =>
        targetLines(target, { ...screen, elapsedSeconds: elapsedSeconds(target) }),
      );
      lines.draw([runHeading(run, style), ...drawn]);
    },
    // The totals take the place of what moved; what was last seen of a run that goes on stays.
    end: (run) => {
      if (run !== undefined) lines.clear();
    },
  };
};

const logDisplay = ({ host }: Context): Display => {
  const said = new Map<string, { readonly line: string; readonly atMs: number }>();
  const say = (run: RunAnswer, everyMs: number) => {
    for (const target of run.targets) {
      const [line, last] = [targetLogLine(target), said.get(target.site)];
      if (line === last?.line || host.time.nowMs() - (last?.atMs ?? Number.NEGATIVE_INFINITY) < everyMs) continue;
      host.stdout.write(`${line}\n`);
      said.set(target.site, { line, atMs: host.time.nowMs() });
    }
  };
  return {
    show: (run) => say(run, logEveryMs),
    end: (run) => {
      if (run !== undefined) say(run, 0);
    },
  };
};
