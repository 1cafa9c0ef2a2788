import { type Agreed, ProtocolError } from "../agreed.ts";
import { blockSizes } from "../limits.ts";
import { command, commandFlag, magic, nbdError } from "../protocol.ts";

export const requestBytes = 28;

export interface NbdRequest {
  readonly flags: number;
  readonly type: number;
  /** The client's name for it, 8 bytes. */
  readonly cookie: Buffer;
  /** Bytes; beyond 2^53 it is not exact, and larger than any export. */
  readonly offset: number;
  readonly length: number;
}

/** @param header `requestBytes` @throws ProtocolError */
export const parseRequest = (header: Buffer): NbdRequest => {
  if (header.readUInt32BE(0) !== magic.request) throw new ProtocolError("what should be a request is none");
  return {
    flags: header.readUInt16BE(4),
    type: header.readUInt16BE(6),
    cookie: header.subarray(8, 16),
    offset: Number(header.readBigUInt64BE(16)),
    length: header.readUInt32BE(24),
  };
};

const { fua, noHole, dontFragment, reqOne, fastZero } = commandFlag;
/** FUA is harmless wherever nothing is written. */
const flagsOf: ReadonlyMap<number, number> = new Map([
  [command.read, fua | dontFragment],
  [command.write, fua],
  [command.flush, fua],
  [command.trim, fua],
  [command.writeZeroes, fua | noHole | fastZero],
  [command.blockStatus, fua | reqOne],
]);

const writing: ReadonlySet<number> = new Set([command.write, command.trim, command.writeZeroes]);

/** Why a request can't be done: an error of the protocol, and words. */
export interface RequestRefusal {
  readonly code: number;
  readonly text: string;
}

/** @returns undefined when it can be done */
export const refusalOf = (request: NbdRequest, agreed: Agreed): RequestRefusal | undefined => {
  const { type, flags, offset, length } = request;
  const allowed = flagsOf.get(type);
  const refused = (code: number, text: string): RequestRefusal => ({ code, text });
  if (allowed === undefined) return refused(nbdError.invalid, `There is no command ${type} here.`);
  if (writing.has(type) && !agreed.isWritable) {
    return refused(nbdError.permission, "This export is read-only.");
  }
  if ((flags & ~allowed) !== 0) {
    return refused(nbdError.invalid, `The command ${type} takes no flags ${flags & ~allowed} here.`);
  }
  if ((flags & dontFragment) !== 0 && !agreed.structured) {
    return refused(nbdError.invalid, "Without structured replies there are no fragments.");
  }
  if (type === command.blockStatus && !agreed.allocation) {
    return refused(nbdError.invalid, "No metadata context was asked for in the handshake.");
  }
  if (type === command.flush) {
    return offset === 0 && length === 0 ? undefined : refused(nbdError.invalid, "A flush has no range.");
  }
  if (length === 0) return refused(nbdError.invalid, "The range is empty.");
  if (offset + length > agreed.sizeBytes) {
    const code = type === command.write || type === command.writeZeroes ? nbdError.noSpace : nbdError.invalid;
    return refused(code, `The range goes beyond the export's end at ${agreed.sizeBytes} bytes.`);
  }
  if (type === command.read && length > blockSizes.max) {
    return refused(nbdError.overflow, `${blockSizes.max} bytes can be read at once.`);
  }
  return undefined;
};
