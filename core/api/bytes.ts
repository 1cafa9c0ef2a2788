const unitBytes = {
  ...{ B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 },
  ...{ KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 },
} as const;
const spelled = new Map(Object.entries(unitBytes).map(([unit, bytes]) => [unit.toLowerCase(), bytes]));

/**
 * Whole bytes: `50MB`, `1.5 GiB`, `65536`. Decimal units are powers of 1000, and
 * those with an i of 1024.
 * @returns undefined for what is none
 */
export const bytesIn = (text: string): number | undefined => {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text) ?? [];
  const each = unit === "" ? 1 : spelled.get(unit.toLowerCase());
  if (digits === "" || each === undefined) return undefined;
  const bytes = Math.round(Number(digits) * each);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
};

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `1.5 GiB`: three digits at most before the point, and as many digits as mean something. */
export const bytesText = (bytes: number): string => {
  let [value, unit] = [bytes, 0];
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, "")} ${units[unit]}`;
};
