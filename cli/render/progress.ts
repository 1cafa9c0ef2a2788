import type { RunTarget } from "../../core/api/answers.ts";
import { fitted, printable, type Style } from "./style.ts";
import { bytesText, counted, durationText, rateText } from "./units.ts";

/** How far something was at a moment. */
export interface Sample {
  readonly atMs: number;
  readonly bytes: number;
  /** From 0 to 1. */
  readonly fraction: number;
}

export interface Pace {
  readonly bytesPerSecond: number;
  /** Undefined while it can't be told. */
  readonly secondsLeft: number | undefined;
}

/** The pace is that of the last so many seconds. */
const windowMs = 10_000;
/** What came in less than this says little of what follows. */
const leastMs = 1_000;
const samplesMax = 512;
/** A gateway tells its progress every 30 s; what it told longer ago says nothing any more. */
const staleSeconds = 65;

/** The samples that the pace is taken of, with the newest one. One that went back begins anew. */
export const withSample = (samples: readonly Sample[], sample: Sample): readonly Sample[] => {
  const last = samples.at(-1);
  if (last === undefined || sample.bytes < last.bytes || sample.fraction < last.fraction) return [sample];
  const recent = samples.filter(({ atMs }) => atMs >= sample.atMs - windowMs);
  return [...recent, sample].slice(-samplesMax);
};

/** Undefined before there is a second to go by. */
export const paceOf = (samples: readonly Sample[]): Pace | undefined => {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.atMs - first.atMs < leastMs) return undefined;
  const seconds = (last.atMs - first.atMs) / 1000;
  const fractionPerSecond = (last.fraction - first.fraction) / seconds;
  return {
    bytesPerSecond: (last.bytes - first.bytes) / seconds,
    secondsLeft: fractionPerSecond > 0 ? (1 - last.fraction) / fractionPerSecond : undefined,
  };
};

/** `███████░░░░░` */
export const bar = (fraction: number, columns: number): string => {
  const full = Math.floor(Math.min(1, Math.max(0, fraction)) * columns);
  return "█".repeat(full) + "░".repeat(columns - full);
};

/** `38%`: 100 only at the very end. */
export const percentText = (fraction: number): string =>
  `${fraction >= 1 ? 100 : Math.min(99, Math.max(0, Math.floor(fraction * 100)))}%`;

const barColumns = 20;

/** `████░░░░  38%  84 MiB/s  2 min left`; without a fraction no more than the pace. */
export const meter = (fraction: number | undefined, pace: Pace | undefined, style: Style): string => {
  const parts: string[] = [];
  if (fraction !== undefined)
    parts.push(`${style.good(bar(fraction, barColumns))} ${percentText(fraction).padStart(4)}`);
  if (pace !== undefined && pace.bytesPerSecond > 0) parts.push(rateText(pace.bytesPerSecond));
  if (pace?.secondsLeft !== undefined && (fraction ?? 0) < 1)
    parts.push(`${durationText(Math.ceil(pace.secondsLeft))} left`);
  return parts.join("  ");
};

/**
 * How much of what there is to do is done at a target, from 0 to 1; undefined before anything goes.
 * Whole only when the state says so.
 */
export const fractionOf = ({
  state,
  progress,
  pace,
}: Pick<RunTarget, "state" | "progress" | "pace">): number | undefined => {
  if (state === "succeeded") return 1;
  const { bytesToDo, bytesDone = 0 } = progress;
  if (bytesToDo === undefined) return fractionOfExtents(progress);
  const isUnderWay = bytesDone > 0 || (pace !== null && pace !== undefined);
  return bytesToDo === 0 || !isUnderWay ? undefined : Math.min(0.99, bytesDone / bytesToDo);
};

/** Where gateways of before tell no more than their extents. */
const fractionOfExtents = ({
  extentsTotal,
  extentsDone,
  extentsUnchanged,
  extentsHole,
}: RunTarget["progress"]): number | undefined => {
  const [toDo, done] = [extentsTotal, extentsDone].map((extents) => extents - extentsUnchanged - extentsHole) as [
    number,
    number,
  ];
  return done > 0 ? Math.min(0.99, done / toDo) : undefined;
};

/**
 * A target's pace, so many seconds after it was told: less is left, until nobody knows any more.
 */
export const paceSince = ({ pace }: Pick<RunTarget, "pace">, elapsedSeconds: number): Pace | undefined => {
  if (pace === null || pace === undefined || elapsedSeconds > staleSeconds) return undefined;
  const { bytesPerSecond, secondsLeft } = pace;
  const left = secondsLeft === null ? 0 : secondsLeft - elapsedSeconds;
  return { bytesPerSecond, secondsLeft: left > 0 ? left : undefined };
};

const moving = new Set(["transferring", "waiting", "rebuilding"]);

/** The state with what belongs to it: the step that is waited in, and which try this is. */
export const stateText = ({ state, step, attempt, attemptsMax }: RunTarget): string => {
  const what = state === "waiting" && step !== null ? `waiting (${step})` : state;
  return attempt > 1 && step !== null ? `${what}, try ${attempt} of ${attemptsMax}` : what;
};

export const stateStyle = (state: RunTarget["state"], style: Style) => {
  if (state === "succeeded") return style.good;
  if (state === "failed") return style.bad;
  return state === "waiting" || state === "cancelled" || state === "skipped" ? style.warn : style.strong;
};

/**
 * `sending web1; 1 of 2 objects done`: the object that is under way, where there are several of
 * them; with its volumes, where it has several.
 */
const objectsText = ({ current, progress }: RunTarget): string | undefined => {
  if (current === null) return undefined;
  const { objectsTotal, objectsDone, volumesTotal = objectsTotal, volumesDone = 0 } = progress;
  const done = `${objectsDone} of ${counted(objectsTotal, "object")} done`;
  const volumes = volumesTotal === objectsTotal ? "" : `, ${volumesDone} of ${counted(volumesTotal, "volume")}`;
  return `${current.phase} ${printable(current.name)}${objectsTotal > 1 || volumes !== "" ? `; ${done}${volumes}` : ""}`;
};

/**
 * `web; 12 of 36 mirrors ready`: how far the configuration is brought up to date, before
 * any data moves (W10).
 */
const mirrorsText = ({ current, progress }: RunTarget): string => {
  const { objectsTotal, objectsPrepared = 0 } = progress;
  const done = `${objectsPrepared} of ${counted(objectsTotal, "mirror")} ready`;
  return current === null || current.name === "" ? done : `${printable(current.name)}; ${done}`;
};

const isPreparing = ({ step, progress }: RunTarget): boolean =>
  step === "preparing" && progress.objectsPrepared !== undefined;

/** How much of the mirrors is ready, from 0 to 1. */
const preparedFraction = ({ progress: { objectsTotal, objectsPrepared = 0 } }: RunTarget): number =>
  objectsTotal === 0 ? 0 : Math.min(0.99, objectsPrepared / objectsTotal);

const sentText = ({ progress }: RunTarget): string | undefined =>
  progress.bytesSent > 0 ? `${bytesText(progress.bytesSent)} sent` : undefined;

/**
 * Why it doesn't go on, or didn't. What is to be known of one that goes on is long, and
 * told when it has ended.
 */
const whyText = ({ waitsFor, reason, warning, state }: RunTarget): string | undefined => {
  if (waitsFor !== null) return printable(waitsFor);
  if (reason !== null && state !== "succeeded") return `${printable(reason.message)} (${reason.code})`;
  return warning === null ? undefined : "with a warning";
};

/**
 * One target on a terminal: a line with its bar, and one below each for what is under
 * way and why it waits.
 */
export const targetLines = (
  target: RunTarget,
  options: {
    readonly style: Style;
    readonly columns: number;
    readonly siteColumns: number;
    /** Since its progress was told. */
    readonly elapsedSeconds?: number;
  },
): readonly string[] => {
  const { style, columns, siteColumns, elapsedSeconds = 0 } = options;
  const [fraction, pace] = [fractionOf(target), paceSince(target, elapsedSeconds)];
  const isMoving = moving.has(target.state) && (target.step === "transferring" || target.step === "rebuilding");
  const head = [
    style.strong(target.site.padEnd(siteColumns)),
    stateStyle(target.state, style)(stateText(target)),
    ...(isMoving && (fraction !== undefined || pace !== undefined) ? [meter(fraction, pace, style)] : []),
    ...(isPreparing(target) ? [meter(preparedFraction(target), undefined, style)] : []),
    sentText(target),
  ];
  const indent = " ".repeat(siteColumns + 2);
  const below = [
    isMoving ? objectsText(target) : undefined,
    isPreparing(target) ? mirrorsText(target) : undefined,
    whyText(target),
  ];
  return [
    head.filter((part) => part !== undefined).join("  "),
    ...below.flatMap((text) => (text === undefined ? [] : [indent + style.faint(text)])),
  ].map((line) => fitted(line, columns));
};

/**
 * One target as a line of a log: no bar, no pace, so that it changes only when
 * something has happened.
 */
export const targetLogLine = (target: RunTarget): string => {
  const fraction = isPreparing(target) ? undefined : fractionOf(target);
  const parts = [
    stateText(target),
    fraction !== undefined && fraction > 0 && fraction < 1 ? percentText(fraction) : undefined,
    sentText(target),
    isPreparing(target) ? mirrorsText(target) : objectsText(target),
    whyText(target),
  ];
  return `${target.site}: ${parts.filter((part) => part !== undefined).join("; ")}`;
};
