import type { RunTarget } from "../../core/api/answers.ts";
import { fitted, printable, type Style } from "./style.ts";
import { bytesText, counted, durationText, rateText } from "./units.ts";

/** How far something was at a moment. `bytes` are what the rate is of, `fraction` is what the time left is of. */
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

/** The pace is that of the last so many seconds; a gateway tells its progress every 30 s. */
const windowMs = 60_000;
/** When nothing has moved for so long, there is no pace. */
const stallMs = 65_000;
const samplesMax = 512;

/**
 * The samples that the pace is taken of, with the newest one. One that went back begins anew: it was another attempt.
 * What is seen first of a transfer under way may have been told half a minute ago, so the pace begins with the next.
 */
export const withSample = (samples: readonly Sample[], sample: Sample): readonly Sample[] => {
  const last = samples.at(-1);
  if (last === undefined || sample.bytes < last.bytes || sample.fraction < last.fraction) return [sample];
  const hasMoved = sample.bytes > last.bytes || sample.fraction > last.fraction;
  if (!hasMoved) return sample.atMs - last.atMs > stallMs ? [sample] : samples;
  if (samples.length === 1 && last.bytes > 0) return [sample, sample];
  const recent = samples.filter(({ atMs }) => atMs >= sample.atMs - windowMs);
  return [...recent, sample].slice(-samplesMax);
};

/** Undefined before there are two moments to compare. */
export const paceOf = (samples: readonly Sample[]): Pace | undefined => {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return undefined;
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

/** `████░░░░  38%  84 MiB/s  2 min left` */
export const meter = (fraction: number, pace: Pace | undefined, style: Style): string => {
  const parts = [`${style.good(bar(fraction, barColumns))} ${percentText(fraction).padStart(4)}`];
  if (pace !== undefined && pace.bytesPerSecond > 0) parts.push(rateText(pace.bytesPerSecond));
  if (pace?.secondsLeft !== undefined && fraction < 1) parts.push(`${durationText(Math.ceil(pace.secondsLeft))} left`);
  return parts.join("  ");
};

/**
 * How much of a target's data is dealt with, from 0 to 1. Extents are coarse in a small volume, so what has been read
 * counts too, and of those under way, which say what was read at their end, what was sent; it is done only when the
 * state says so.
 */
export const fractionOf = ({ state, progress }: Pick<RunTarget, "state" | "progress">): number => {
  if (state === "succeeded") return 1;
  const { extentsTotal, extentsDone, extentsUnchanged, extentsHole, bytesTotal, bytesRead, bytesSent } = progress;
  if (extentsTotal === 0 || bytesTotal === 0) return 0;
  const read = (extentsUnchanged + extentsHole) / extentsTotal + Math.max(bytesRead, bytesSent) / bytesTotal;
  return Math.min(0.99, Math.max(extentsDone / extentsTotal, read));
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
 * `sending web1; 1 of 2 objects done`: the object that is under way, where there are several of them; with its volumes,
 * where it has several.
 */
const objectsText = ({ current, progress }: RunTarget): string | undefined => {
  if (current === null) return undefined;
  const { objectsTotal, objectsDone, volumesTotal = objectsTotal, volumesDone = 0 } = progress;
  const done = `${objectsDone} of ${counted(objectsTotal, "object")} done`;
  const volumes = volumesTotal === objectsTotal ? "" : `, ${volumesDone} of ${counted(volumesTotal, "volume")}`;
  return `${current.phase} ${printable(current.name)}${objectsTotal > 1 || volumes !== "" ? `; ${done}${volumes}` : ""}`;
};

/** `web; 12 of 36 mirrors ready`: how far the configuration is brought up to date, before any data moves (W10). */
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

/** Why it doesn't go on, or didn't. What is to be known of one that goes on is long, and told when it has ended. */
const whyText = ({ waitsFor, reason, warning, state }: RunTarget): string | undefined => {
  if (waitsFor !== null) return printable(waitsFor);
  if (reason !== null && state !== "succeeded") return `${printable(reason.message)} (${reason.code})`;
  return warning === null ? undefined : "with a warning";
};

/** One target on a terminal: a line with its bar, and one below each for what is under way and why it waits. */
export const targetLines = (
  target: RunTarget,
  pace: Pace | undefined,
  options: { readonly style: Style; readonly columns: number; readonly siteColumns: number },
): readonly string[] => {
  const { style, columns, siteColumns } = options;
  const isMoving = moving.has(target.state) && (target.step === "transferring" || target.step === "rebuilding");
  const head = [
    style.strong(target.site.padEnd(siteColumns)),
    stateStyle(target.state, style)(stateText(target)),
    ...(isMoving && target.progress.bytesTotal > 0 ? [meter(fractionOf(target), pace, style)] : []),
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

/** One target as a line of a log: no bar, no pace, so that it changes only when something has happened. */
export const targetLogLine = (target: RunTarget): string => {
  const fraction = isPreparing(target) ? 0 : fractionOf(target);
  const parts = [
    stateText(target),
    fraction > 0 && fraction < 1 ? percentText(fraction) : undefined,
    sentText(target),
    isPreparing(target) ? mirrorsText(target) : objectsText(target),
    whyText(target),
  ];
  return `${target.site}: ${parts.filter((part) => part !== undefined).join("; ")}`;
};
