const units = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** `30 MiB` where that is exact, else `31457281 bytes`: for limits, where a byte decides. */
export const exactBytes = (bytes: number): string => {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && value % 1024 === 0 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value} ${units[unit]}`;
};
