/** Command descriptor blocks of SPC-4 and SBC-3, each of 16 bytes or fewer. */

const cdb16 = (opcode: number, block: bigint, blocks: number): Buffer => {
  const cdb = Buffer.alloc(16);
  cdb[0] = opcode;
  cdb.writeBigUInt64BE(block, 2);
  cdb.writeUInt32BE(blocks, 10);
  return cdb;
};

/** @param block counted from the LUN's beginning, like `blocks` in blocks of the LUN */
export const read16 = (block: bigint, blocks: number): Buffer => cdb16(0x88, block, blocks);
export const write16 = (block: bigint, blocks: number): Buffer => cdb16(0x8a, block, blocks);
/** Of all blocks. */
export const synchronizeCache16 = (): Buffer => cdb16(0x91, 0n, 0);

const serviceIn16 = (action: number, block: bigint, answerBytes: number): Buffer => {
  const cdb = cdb16(0x9e, block, answerBytes);
  cdb[1] = action;
  return cdb;
};

export const readCapacity16 = (answerBytes: number): Buffer => serviceIn16(0x10, 0n, answerBytes);
export const getLbaStatus = (block: bigint, answerBytes: number): Buffer => serviceIn16(0x12, block, answerBytes);

export const testUnitReady = (): Buffer => Buffer.alloc(6);

/** @param page of vital product data; undefined for the standard answer */
export const inquiry = (page: number | undefined, answerBytes: number): Buffer => {
  const cdb = Buffer.alloc(6);
  cdb[0] = 0x12;
  cdb[1] = page === undefined ? 0 : 1;
  cdb[2] = page ?? 0;
  cdb.writeUInt16BE(answerBytes, 3);
  return cdb;
};

export const reportLuns = (answerBytes: number): Buffer => {
  const cdb = Buffer.alloc(12);
  cdb[0] = 0xa0;
  cdb.writeUInt32BE(answerBytes, 6);
  return cdb;
};

/** @param listBytes of the parameter list that goes with it */
export const unmap = (listBytes: number): Buffer => {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x42;
  cdb.writeUInt16BE(listBytes, 7);
  return cdb;
};

export const reservationIn = { readKeys: 0, readReservation: 1 } as const;

export const persistentReserveIn = (action: number, answerBytes: number): Buffer => {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x5e;
  cdb[1] = action;
  cdb.writeUInt16BE(answerBytes, 7);
  return cdb;
};

export const reservationOut = {
  register: 0,
  reserve: 1,
  release: 2,
  clear: 3,
  preempt: 4,
  registerAndIgnore: 6,
} as const;

/** Registrants alone write, everybody reads. */
export const writeExclusiveRegistrantsOnly = 5;

export const persistentReserveOut = (action: number, listBytes: number): Buffer => {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x5f;
  cdb[1] = action;
  cdb[2] = writeExclusiveRegistrantsOnly;
  cdb.writeUInt32BE(listBytes, 5);
  return cdb;
};
