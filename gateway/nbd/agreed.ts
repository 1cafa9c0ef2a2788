/** What a client and an export have agreed on. */
export interface Agreed {
  readonly sizeBytes: number;
  readonly isWritable: boolean;
  readonly structured: boolean;
  /** Whether it was told of `base:allocation`, and may ask for it. */
  readonly allocation: boolean;
}

/** A client that doesn't keep to the protocol: what it sends next can't be understood. */
export class ProtocolError extends Error {}
