import { setImmediate } from "node:timers/promises";
import { failureLevel } from "../../core/api/failure.ts";
import type { Log } from "../log/log.ts";
import type { Time } from "../time/time.ts";

/** Time that passes when a test says so. */
export interface ManualTime extends Time {
  /**
   * Lets `ms` pass: whoever sleeps wakes in order, and what they start has run as far
   * as it can without I/O.
   */
  advance(ms: number): Promise<void>;
  /** Resolves when somebody sleeps, or sleeps again. */
  sleeping(): Promise<void>;
}

interface Sleeper {
  readonly wakeAtMs: number;
  readonly wake: () => void;
}

/** Lets all that waits for nothing but promises run. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await setImmediate();
};

export const manualTime = (startMs = Date.parse("2026-03-01T00:00:00.000Z")): ManualTime => {
  let nowMs = startMs;
  let sleepers: Sleeper[] = [];
  const watchers: (() => void)[] = [];
  const nextDue = (untilMs: number): Sleeper | undefined =>
    sleepers.filter(({ wakeAtMs }) => wakeAtMs <= untilMs).sort((a, b) => a.wakeAtMs - b.wakeAtMs)[0];

  return {
    nowMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const wake = () => {
          sleepers = sleepers.filter((other) => other !== sleeper);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        const sleeper = { wakeAtMs: nowMs + ms, wake };
        sleepers.push(sleeper);
        signal.addEventListener("abort", wake, { once: true });
        for (const watcher of watchers.splice(0)) watcher();
      }),
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let due = nextDue(untilMs); due !== undefined; due = nextDue(untilMs)) {
        nowMs = due.wakeAtMs;
        due.wake();
        await settle();
      }
      nowMs = untilMs;
    },
    sleeping: () => (sleepers.length > 0 ? Promise.resolve() : new Promise((resolve) => watchers.push(resolve))),
  };
};

export interface RecordingLog extends Log {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: Record<string, unknown> }[];
}

/** A log that remembers its lines, those of its children too. */
export const recordingLog = (): RecordingLog => {
  const lines: RecordingLog["lines"] = [];
  const make = (bound: object): Log => {
    const at = (level: string) => (fields: object, message: string) => {
      lines.push({ level, message, fields: { ...bound, ...fields } });
    };
    return {
      debug: at("debug"),
      info: at("info"),
      failed: (fields, message) => at(failureLevel(fields.err))(fields, message),
      warn: at("warn"),
      error: at("error"),
      child: (fields) => make({ ...bound, ...fields }),
    };
  };
  return { ...make({}), lines };
};
