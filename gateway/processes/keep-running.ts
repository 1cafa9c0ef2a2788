import { VisibleError } from "../../core/api/errors.ts";
import { backoff } from "../../core/waiting/backoff.ts";
import type { Time } from "../time/time.ts";
import type { OwnedProcess } from "./owned-process.ts";

/** What ran for so long begins again with short waits. */
const steadyMs = 60_000;
const startBackoffMs = { first: 500, max: 30_000, jitter: 0.5 };
/**
 * So many in a row, none of which ran for a minute, and nothing helps: that takes
 * two minutes at least.
 */
const deathsMax = 10;

/** A process that ended by itself and is started again. */
export interface Death {
  /** `the DynamoDB emulator` */
  readonly what: string;
  readonly how: string;
  readonly pauseMs: number;
}

/**
 * Keeps a process running until the signal: one that ends is started again, ever later if it keeps
 * ending. Resolves when the signal is aborted and the process has ended, or when there is none to
 * be started any more.
 * @param options.first the one that runs already
 * @param options.start starts another; undefined when there is to be none. What it throws counts as
 *   a death.
 * @throws VisibleError PROCESS_LOST after ten deaths in a row
 */
export const keepRunning = async (options: {
  readonly what: string;
  readonly first?: OwnedProcess;
  readonly start: () => Promise<OwnedProcess | undefined>;
  readonly onDeath: (death: Death) => void;
  /** Where somebody who wants to know more may look. */
  readonly hint?: string;
  /** One that nobody sets: how long it ran is measured by it. */
  readonly time: Time;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { what, start, onDeath, time, signal } = options;
  let next: OwnedProcess | undefined = options.first;
  for (let deaths = 1; !signal.aborted; deaths++) {
    const life = await lifeOf(next === undefined ? start : async () => next, time, signal);
    if (signal.aborted || life === undefined) return;
    next = undefined;
    if (life.ranMs > steadyMs) deaths = 1;
    if (deaths >= deathsMax) throw lost(options, life);
    const pauseMs = backoff(startBackoffMs, deaths, Math.random());
    onDeath({ what, how: life.how, pauseMs });
    await time.sleep(pauseMs, signal);
  }
  // Nobody has waited for it yet.
  await next?.stop();
};

interface Life {
  readonly how: string;
  readonly lastOutput: string;
  /** From when it had been started; what takes long to fail at its start has not run. */
  readonly ranMs: number;
}

/** @returns how it ended; undefined when there was none to be started */
const lifeOf = async (
  start: () => Promise<OwnedProcess | undefined>,
  time: Time,
  signal: AbortSignal,
): Promise<Life | undefined> => {
  let running: OwnedProcess | undefined;
  try {
    running = await start();
  } catch (error) {
    return { how: error instanceof Error ? error.message : String(error), lastOutput: "", ranMs: 0 };
  }
  if (running === undefined) return undefined;
  const startedMs = time.nowMs();
  const life = running;
  const end = () => void life.stop();
  if (signal.aborted) end();
  signal.addEventListener("abort", end, { once: true });
  const how = await life.ended;
  signal.removeEventListener("abort", end);
  return { how, lastOutput: life.lastOutput(), ranMs: time.nowMs() - startedMs };
};

const lost = ({ what, hint }: Parameters<typeof keepRunning>[0], { how, lastOutput }: Life): VisibleError => {
  const said = lastOutput === "" ? "" : ` It said last: ${lastOutput}`;
  return new VisibleError("PROCESS_LOST", `${sentence(what)} keeps ending (${how}) and is given up.${said}`, {
    hint: hint ?? "See what it says, mend that, and start again.",
  });
};

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
