const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** What clients are told of blocks, and held to; bytes. */
export const blockSizes = { min: 1, preferred: 64 * kibibyte, max: 32 * mebibyte } as const;

/**
 * What is read, and sent, at once: it stays in a processor's cache, and a turn of the event loop
 * takes less than a millisecond.
 */
export const pieceBytes = 256 * kibibyte;

/** Bounds of a server. Its memory is connections times requests times `pieceBytes`: 64 MiB. */
export interface NbdLimits {
  /** Connections past their handshake; one more is told that there are too many. */
  readonly connections: number;
  /** Those still in it: when one more comes, the oldest goes. */
  readonly handshakes: number;
  readonly handshakeSeconds: number;
  /** Requests of a connection that are worked on at once; the next ones are not read before. */
  readonly requestsInFlight: number;
}

export const usualLimits: NbdLimits = { connections: 32, handshakes: 32, handshakeSeconds: 10, requestsInFlight: 8 };

/** Of an option; one that is longer is skipped, and a client that sends more than that is cut. */
export const optionBytesMax = 16 * kibibyte;
export const skippedBytesMax = mebibyte;
/** Options in a handshake: tools send a dozen. */
export const optionsMax = 256;

/** Stretches that one answer tells of at most, and how often the export is asked for them. */
export const stretchesMax = 4096;
export const lookupsMax = 64;

export const errorTextBytesMax = 4096;
