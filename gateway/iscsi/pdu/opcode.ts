/** The numbers of RFC 7143, section 11, by its names. */

export const headerBytes = 48;

/** Of a tag that names nothing. */
export const noTag = 0xffff_ffff;

/** Bit of an opcode: not to wait behind other commands, and not numbered. */
export const immediate = 0x40;

export const request = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagement: 0x02,
  login: 0x03,
  text: 0x04,
  dataOut: 0x05,
  logout: 0x06,
} as const;

export const answer = {
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagement: 0x22,
  login: 0x23,
  text: 0x24,
  dataIn: 0x25,
  logout: 0x26,
  readyToTransfer: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const;

/** The last of its kind, and more of it to come; of text and login as well as of data. */
export const flag = { final: 0x80, continued: 0x40 } as const;

export const commandFlag = { read: 0x40, write: 0x20, simple: 0x01, ordered: 0x02 } as const;

export const dataInFlag = { status: 0x01, underflow: 0x02, overflow: 0x04 } as const;

export const stage = { security: 0, operational: 1, fullFeature: 3 } as const;

export const abortTask = 1;

export const asyncEvent = { scsi: 0, logout: 1, dropConnection: 2, dropSession: 3, negotiate: 4, vendor: 255 } as const;
