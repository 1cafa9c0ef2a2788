import { InvalidArgumentError } from "commander";

const unitSeconds: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 24 * 3600 };

/** Seconds of `90m`, `4h` or `7d`, from `min` to `max` of them. */
export const durationSeconds =
  (min: number, max: number) =>
  (value: string): number => {
    const [, count, unit = ""] = /^([1-9]\d{0,4})([mhd])$/.exec(value) ?? [];
    const seconds = Number(count) * (unitSeconds[unit] ?? Number.NaN);
    if (seconds >= min && seconds <= max) return seconds;
    throw new InvalidArgumentError(`So long: from ${min / 60}m to ${max / 86_400}d, such as 90m, 4h or 2d.`);
  };
