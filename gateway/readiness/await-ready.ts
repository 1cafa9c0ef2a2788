import { VisibleError } from "../../core/api/errors.ts";
import { readyWithinSeconds, type StagePause } from "../../core/api/failover/stage.ts";
import type { AwaitReady } from "../tasks/context.ts";
import type { Time } from "../time/time.ts";
import { askAgents } from "./guest-agents.ts";
import { askHttp } from "./http.ts";
import { askTcp } from "./tcp.ts";

export const readinessTimings = {
  /** Who waits says so often that it does. */
  beatSeconds: 15,
  betweenTriesSeconds: 2,
  /** So long one try may take. */
  trySeconds: 5,
} as const;

/** @param time that nobody sets */
export const createAwaitReady =
  (time: Time): AwaitReady =>
  async ({ pause, objects = [] }, { storage, signal, onMoved }) => {
    const wait = (seconds: number) => waited(time, seconds, { signal, onMoved });
    await wait(pause.delaySeconds ?? 0);
    if (pause.ready === undefined) return;
    const { withinSeconds = readyWithinSeconds } = pause;
    const untilMs = time.nowMs() + withinSeconds * 1000;
    for (;;) {
      const trying = AbortSignal.any([signal, AbortSignal.timeout(readinessTimings.trySeconds * 1000)]);
      const why = await whyNotReady(pause.ready, { signal: trying, storage, objects });
      signal.throwIfAborted();
      onMoved();
      if (why === undefined) return;
      if (time.nowMs() >= untilMs) throw notReady(pause.ready, withinSeconds, why);
      await wait(readinessTimings.betweenTriesSeconds);
    }
  };

/** In short pieces, each of which is told: a task that says nothing for minutes is given up. */
const waited = async (
  time: Time,
  seconds: number,
  { signal, onMoved }: { readonly signal: AbortSignal; readonly onMoved: () => void },
): Promise<void> => {
  for (let left = seconds; left > 0; left -= readinessTimings.beatSeconds) {
    await time.sleep(Math.min(left, readinessTimings.beatSeconds) * 1000, signal);
    signal.throwIfAborted();
    onMoved();
  }
};

type Ready = NonNullable<StagePause["ready"]>;
type Asking = Pick<Parameters<AwaitReady>[1], "signal" | "storage"> & {
  readonly objects: NonNullable<Parameters<AwaitReady>[0]["objects"]>;
};

/** A clause; undefined: it is ready. @throws GUEST_AGENT_ABSENT */
const whyNotReady = (ready: Ready, { signal, storage, objects }: Asking): Promise<string | undefined> => {
  if ("tcp" in ready) return askTcp(ready.tcp, signal);
  return "http" in ready ? askHttp(ready, signal) : askAgents(objects, { storage, signal });
};

const whatIs = (ready: Ready): string => {
  if ("tcp" in ready) return `The port ${ready.tcp}`;
  return "http" in ready ? `The page ${ready.http}` : "A guest agent";
};

/** Not tried again by itself: a person looks what is wrong with it. */
const notReady = (ready: Ready, withinSeconds: number, why: string) =>
  new VisibleError("NOT_READY", `${whatIs(ready)} was not ready within ${withinSeconds} s: ${why}.`, {
    hint: "Look at what was started. Then let the failover go on: the stage is begun again.",
  });
