import { join } from "node:path";
import type { SchedulerClient } from "@aws-sdk/client-scheduler";
import { z } from "zod";
import type { Instant } from "../../../core/api/ids.ts";
import { instantSchema } from "../../../core/api/ids.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import { addSeconds, isAhead, secondsBetween } from "../../../core/ports/clock.ts";
import type { Waiting } from "../../../core/ports/waiting.ts";
import { mapBounded } from "../../../functions/concurrency/map-bounded.ts";
import type { Log } from "../../../functions/ports/deps.ts";
import { systemTime } from "../../../gateway/time/time.ts";
import { readJsonFile, writeJsonFile } from "../json-file.ts";
import { occurrences } from "./occurrences.ts";
import type { TickerSchedule } from "./schedules.ts";
import { createScheduleReader, inputAt } from "./schedules.ts";

export interface TickerOptions {
  readonly client: SchedulerClient;
  /** Only the schedules of this group; of all groups unless given. */
  readonly groupName?: string;
  /** Where `ticker.json` lies; the folder must be there. */
  readonly dir: string;
  /**
   * Calls the function. May be called twice for the same occurrence; a failure is tried again for
   * ten minutes.
   */
  readonly invoke: (targetArn: string, inputJson: string) => Promise<void>;
  readonly log: Log;
}

/** What one tick came to, in occurrences. */
export interface Tick {
  readonly fired: number;
  readonly failed: number;
}

export interface Ticker {
  /**
   * Fires whatever has come due up to the minute of `now` and has not been fired. Not to be called
   * while it runs.
   */
  tick(now: Instant): Promise<Tick>;
  /**
   * Ticks at the beginning of every minute, and every 5 s while something fails, until the signal.
   */
  run(options: {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly sleep?: Waiting["sleep"];
  }): Promise<void>;
}

/** What came due longer ago than this is dropped; the sweep finds the slots that have no run. */
const lookBackSeconds = 10 * 60;
const retrySeconds = 5;
const concurrencyMax = 32;

/** By the schedule's ARN: the minute up to which all that came due was fired. */
const stateSchema = z.record(z.string(), instantSchema);

const startOfMinute = (now: Instant): Instant => addSeconds(now, -((Date.parse(now) / 1000) % 60));
const latest = (...instants: readonly Instant[]): Instant =>
  new Date(Math.max(...instants.map((instant) => Date.parse(instant)))).toISOString() as Instant;

/**
 * Fires the schedules that an emulator of EventBridge Scheduler merely stores. Reads them by the
 * service's own API, so it works beside any that speaks it. What it has fired it remembers durably:
 * occurrences are neither lost nor, but for a kill between the call and the note of it, repeated
 * when it starts again within ten minutes.
 */
export const createTicker = ({ client, groupName, dir, invoke, log }: TickerOptions): Ticker => {
  const path = join(dir, "ticker.json");
  const readSchedules = createScheduleReader(client, groupName);

  /**
   * Fires one schedule's occurrences in order, up to the first failure; gives the instant that it
   * has come to.
   */
  const fire = async (schedule: TickerSchedule, after: Instant, until: Instant) => {
    let firedUntil = after;
    let fired = 0;
    try {
      const due = schedule.isEnabled ? occurrences(schedule, after, until) : [];
      for (const occurrence of due) {
        await invoke(schedule.targetArn, inputAt(schedule, occurrence));
        firedUntil = occurrence;
        fired++;
      }
      return { firedUntil: until, fired, failed: 0 };
    } catch (error) {
      log.failed({ err: error, schedule: schedule.arn }, "a schedule could not be fired; it is tried again");
      return { firedUntil, fired, failed: 1 };
    }
  };

  const tick = async (now: Instant): Promise<Tick> => {
    const until = startOfMinute(now);
    const state = (await readJsonFile(path, stateSchema)) ?? {};
    const schedules = await readSchedules(now);
    const oldest = addSeconds(until, -lookBackSeconds);
    const results = await mapBounded(schedules, concurrencyMax, async (schedule) => {
      const before = state[schedule.arn];
      if (before !== undefined && isAhead(before, until)) {
        log.warn(
          { schedule: schedule.arn, before, until },
          "a clock was ahead when a schedule fired last; it fires again",
        );
      }
      if (before !== undefined && before < oldest) {
        log.warn(
          { schedule: schedule.arn, before, oldest },
          "what came due too long ago is dropped; the sweep finds it",
        );
      }
      // A schedule does not fire for the time before it was made. Its own minute may still fire.
      // One that is said to be made later than now is there all the same: a clock was ahead.
      const made = startOfMinute(schedule.createdAt);
      const known = made > until ? [before ?? addSeconds(until, -1)] : [before ?? oldest, addSeconds(made, -1)];
      const after = latest(oldest, ...known.filter((instant) => !isAhead(instant, until)));
      // The clock may have been set back by a little: what was fired is not fired again.
      const result = after >= until ? { firedUntil: after, fired: 0, failed: 0 } : await fire(schedule, after, until);
      return { arn: schedule.arn, ...result };
    });
    const after = Object.fromEntries(results.map(({ arn, firedUntil }) => [arn, firedUntil]));
    if (JSON.stringify(after) !== JSON.stringify(state)) await writeJsonFile(path, after);
    const sum = (key: keyof Tick) => results.reduce((total, result) => total + result[key], 0);
    return { fired: sum("fired"), failed: sum("failed") };
  };

  const tickSafely = async (now: Instant): Promise<boolean> => {
    try {
      return (await tick(now)).failed === 0;
    } catch (error) {
      log.failed({ err: error }, "the schedules could not be read; they are read again");
      return false;
    }
  };

  return {
    tick,
    async run({ clock, signal, sleep = systemTime.sleep }) {
      while (!signal.aborted) {
        const now = clock.now();
        const isWell = await tickSafely(now);
        // From the minute that was looked at: a timer that woke a little early must not cost the
        // whole next one. A clock that was set back meanwhile is not waited for.
        const untilNextMinute = Math.min(
          60,
          Math.max(0, secondsBetween(clock.now(), addSeconds(startOfMinute(now), 60))),
        );
        await sleep((isWell ? untilNextMinute : Math.min(retrySeconds, untilNextMinute)) * 1000, signal);
      }
    },
  };
};
