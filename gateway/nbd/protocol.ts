/** The numbers of the protocol, by their names in proto.md. */

export const magic = {
  greeting: 0x4e42444d41474943n,
  options: 0x49484156454f5054n,
  optionReply: 0x0003e889045565a9n,
  request: 0x25609513,
  simpleReply: 0x67446698,
  structuredReply: 0x668e33ef,
} as const;

/** Of both sides' first words. */
export const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const option = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  unsupported: 0x8000_0001,
  policy: 0x8000_0002,
  invalid: 0x8000_0003,
  tlsRequired: 0x8000_0005,
  unknown: 0x8000_0006,
  tooBig: 0x8000_0009,
} as const;

export const info = { export: 0, name: 1, description: 2, blockSize: 3 } as const;

export const transmissionFlag = {
  hasFlags: 1,
  readOnly: 2,
  sendFlush: 4,
  sendFua: 8,
  sendTrim: 32,
  sendWriteZeroes: 64,
  sendDf: 128,
  canMultiConn: 256,
  sendFastZero: 2048,
} as const;

export const command = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

export const commandFlag = { fua: 1, noHole: 2, dontFragment: 4, reqOne: 8, fastZero: 16 } as const;

export const chunk = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorOffset: 0x8002,
} as const;

export const chunkFlag = { done: 1 } as const;

/** What `base:allocation` says of a range. */
export const allocation = { hole: 1, zero: 2 } as const;
export const allocationContext = "base:allocation";
/** The number by which answers name it. */
export const allocationContextId = 1;

export const nbdError = { permission: 1, io: 5, invalid: 22, noSpace: 28, overflow: 75, shutdown: 108 } as const;
