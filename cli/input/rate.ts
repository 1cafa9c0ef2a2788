import { InvalidArgumentError } from "commander";
import { bytesIn } from "../../core/api/bytes.ts";
import { bytesPerSecondMin } from "../../core/api/site.ts";

/**
 * Bytes per second: `50MB`, `1.5 GiB/s`, `65536`; or `off`. Decimal units are powers of 1000, and
 * those with an i of 1024.
 * @throws InvalidArgumentError
 */
export const rate = (text: string): number | "off" => {
  if (text === "off") return "off";
  const bytesPerSecond = bytesIn(text.replace(/\/s$/i, ""));
  if (bytesPerSecond === undefined) {
    throw new InvalidArgumentError("A rate such as 50MB or 10MiB (per second), or off, please.");
  }
  if (bytesPerSecond >= bytesPerSecondMin) return bytesPerSecond;
  throw new InvalidArgumentError(`At least ${bytesPerSecondMin / 1024}KiB per second, please, or off for no limit.`);
};
