import { InvalidArgumentError } from "commander";
import { bytesPerSecondMin } from "../core/api/site.ts";

const unitBytes = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;
const isUnit = (unit: string): unit is keyof typeof unitBytes => Object.hasOwn(unitBytes, unit);
const spelled: Record<string, string> = { b: "B", kb: "KB", mb: "MB", gb: "GB", kib: "KiB", mib: "MiB", gib: "GiB" };

/**
 * Bytes per second: `50MB`, `1.5 GiB/s`, `65536`; or `off`. Decimal units are powers of 1000, and those with an i of 1024.
 * @throws InvalidArgumentError
 */
export const rate = (text: string): number | "off" => {
  if (text === "off") return "off";
  const [, digits = "", letters = ""] = /^(\d+(?:\.\d+)?) ?([a-z]*)(?:\/s)?$/i.exec(text) ?? [];
  const unit = letters === "" ? "B" : (spelled[letters.toLowerCase()] ?? letters);
  if (digits === "" || !isUnit(unit)) {
    throw new InvalidArgumentError("A rate such as 50MB or 10MiB (per second), or off, please.");
  }
  const bytesPerSecond = Math.round(Number(digits) * unitBytes[unit]);
  if (bytesPerSecond >= bytesPerSecondMin && bytesPerSecond <= Number.MAX_SAFE_INTEGER) return bytesPerSecond;
  throw new InvalidArgumentError(`At least ${bytesPerSecondMin / 1024}KiB per second, please, or off for no limit.`);
};
