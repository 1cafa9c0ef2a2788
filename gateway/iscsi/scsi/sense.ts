/** What is wrong, as a target tells it (SPC-4, 4.5). */
export interface Sense {
  readonly key: number;
  /** Additional code and its qualifier, as one number: 0x2500. */
  readonly code: number;
}

export const senseKey = {
  none: 0,
  recovered: 1,
  notReady: 2,
  medium: 3,
  hardware: 4,
  illegalRequest: 5,
  unitAttention: 6,
  dataProtect: 7,
  aborted: 0xb,
} as const;

/** In either format. What is too short has no key and no code. */
export const parseSense = (sense: Buffer): Sense => {
  const at = (index: number) => sense[index] ?? 0;
  const format = at(0) & 0x7f;
  if (format === 0x72 || format === 0x73) return { key: at(1) & 0xf, code: (at(2) << 8) | at(3) };
  return { key: at(2) & 0xf, code: (at(12) << 8) | at(13) };
};

export const senseText = ({ key, code }: Sense): string =>
  `sense ${key.toString(16).padStart(2, "0")}/${code.toString(16).padStart(4, "0").toUpperCase()}`;
