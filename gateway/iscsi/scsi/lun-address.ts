import { VisibleError } from "../../../core/api/errors.ts";

/** The largest id that one level of addressing has. */
const lunMax = 0x3fff;

/**
 * A LUN id as eight bytes (SAM-5, 4.7): up to 255 as a peripheral device, from there on flat. A
 * bare number above 255 would be another LUN. @throws BAD_REQUEST
 */
export const lunAddress = (lun: number): Uint8Array => {
  if (!Number.isInteger(lun) || lun < 0 || lun > lunMax) {
    throw new VisibleError("BAD_REQUEST", `There can be no LUN ${lun}: ids go from 0 to ${lunMax}.`);
  }
  const address = Buffer.alloc(8);
  address.writeUInt16BE(lun > 255 ? 0x4000 | lun : lun);
  return address;
};

/** The id in an entry of REPORT LUNS, or undefined for one of another kind. */
export const lunIdOf = (entry: Buffer): number | undefined => {
  const method = entry.readUInt8(0) >> 6;
  if (method > 1) return undefined;
  return entry.readUInt16BE(0) & lunMax;
};
