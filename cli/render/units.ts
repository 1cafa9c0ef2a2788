import { bytesText } from "../../core/api/bytes.ts";

export { bytesText };

/** `84 MiB/s` */
export const rateText = (bytesPerSecond: number): string => `${bytesText(Math.round(bytesPerSecond))}/s`;

/** `42 s`, `3 min 5 s`, `2 h 3 min`, `4 d 1 h`: the two largest units. */
export const durationText = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 10) return `${Math.max(0, Math.round(seconds * 10) / 10)} s`;
  const [days, hours] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24];
  const [minutes, rest] = [Math.floor(whole / 60) % 60, whole % 60];
  const parts = [
    [days, "d"],
    [hours, "h"],
    [minutes, "min"],
    [rest, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .flatMap(([count, unit]) => (count > 0 ? [`${count} ${unit}`] : []))
    .join(" ");
};

/** `2026-03-01 01:00:00 UTC`, or in another zone with its name. */
export const instantText = (instant: string, timeZone = "UTC"): string => {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).formatToParts(new Date(instant));
  const { year, month, day, hour, minute, second } = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  return `${year}-${month}-${day} ${hour}:${minute}:${second} ${timeZone}`;
};

/** `1 object`, `2 objects` */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
