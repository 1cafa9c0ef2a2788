import { isDeepStrictEqual } from "node:util";
import type { RefusedPeer } from "../../core/api/refused.ts";
import type { Report } from "../../core/api/report.ts";
import type { ReportQueue } from "../../core/ports/queue.ts";
import type { Time } from "../time/time.ts";
import { agentTimings } from "./timings.ts";

type Description = Extract<Report, { kind: "alive" }>["gateway"];

/** What was refused peers, until the control plane was told. */
export interface RefusedToTell {
  list(): readonly RefusedPeer[];
  told(these: readonly RefusedPeer[]): void;
}

export interface AliveTeller {
  /** The same queue: what is sent of tasks says that the gateway is alive, too. */
  readonly reports: ReportQueue;
  /**
   * Says that the gateway is alive, and what it is, when that is due. @throws what the queue throws
   */
  tell(): Promise<void>;
}

/**
 * Tells the control plane that the gateway is alive when it has not heard of it for a while, and
 * what the gateway is when that has changed, or it was told its settings and waits for an answer.
 * What was refused peers goes along, and is forgotten once it was sent.
 */
export const createAliveTeller = (options: {
  readonly reports: ReportQueue;
  readonly describe: () => Description;
  /** How often the control plane has told this gateway something. */
  readonly told: () => number;
  readonly refused: RefusedToTell;
  readonly time: Time;
}): AliveTeller => {
  const { describe, told, refused, time } = options;
  let heardAtMs = Number.NEGATIVE_INFINITY;
  let last: { readonly description: Description; readonly told: number; readonly atMs: number } | undefined;

  const isDue = (description: Description): boolean =>
    last === undefined ||
    last.told !== told() ||
    isNews(last.description, description) ||
    isOver(agentTimings.aliveSeconds, time.nowMs() - heardAtMs) ||
    isOver(
      refused.list().length > 0 ? agentTimings.aliveSeconds : agentTimings.describeSeconds,
      time.nowMs() - last.atMs,
    );

  return {
    reports: {
      async send(report) {
        const atMs = time.nowMs();
        await options.reports.send(report);
        if ("taskId" in report) heardAtMs = atMs;
      },
    },
    async tell() {
      const next = { description: describe(), told: told(), atMs: time.nowMs() };
      if (!isDue(next.description)) return;
      const these = refused.list();
      const more = these.length > 0 && { refused: [...these] };
      await options.reports.send({ kind: "alive", gateway: next.description, ...more });
      refused.told(these);
      last = next;
      heardAtMs = next.atMs;
    },
  };
};

/** A clock that was set back must not keep it waiting. */
const isOver = (seconds: number, elapsedMs: number): boolean => elapsedMs < 0 || elapsedMs >= seconds * 1000;

/** A clock is read in whole seconds and wavers: that is none. */
const isNews = (before: Description, now: Description): boolean => {
  const { clockAheadSeconds: was = 0, ...rest } = before;
  const { clockAheadSeconds: is = 0, ...others } = now;
  return Math.abs(is - was) >= agentTimings.clockNewsSeconds || !isDeepStrictEqual(rest, others);
};
