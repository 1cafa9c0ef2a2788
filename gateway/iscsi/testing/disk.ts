import { answer, dataInFlag, flag, noTag } from "../pdu/opcode.ts";

export const scriptedBlockBytes = 512;

/** What a scripted target says to a command. */
export interface ScriptedReply {
  readonly status?: number;
  readonly sense?: readonly [key: number, code: number];
  readonly data?: Buffer;
}

export const good: ScriptedReply = {};
export const check = (key: number, code: number): ScriptedReply => ({ status: 2, sense: [key, code] });

/** Does what a command asks of a disk in memory. */
export const diskReply = (disk: Buffer, cdb: Buffer, data: Buffer): ScriptedReply => {
  const offset = Number(cdb.readBigUInt64BE(2)) * scriptedBlockBytes;
  const length = cdb.readUInt32BE(10) * scriptedBlockBytes;
  switch (cdb[0]) {
    case 0x12:
      return cdb[1] === 1 ? check(5, 0x2400) : { data: inquiryData() };
    case 0x9e:
      return cdb[1] === 0x10 ? { data: capacityData(disk.length) } : check(5, 0x2400);
    case 0x88:
      return { data: Buffer.from(disk.subarray(offset, offset + length)) };
    case 0x8a:
      data.copy(disk, offset);
      return good;
    case 0x91:
    case 0x00:
      return good;
    default:
      return check(5, 0x2000);
  }
};

const inquiryData = (): Buffer => {
  const data = Buffer.alloc(36);
  data.write("SCRIPTED", 8);
  return data;
};

const capacityData = (bytes: number): Buffer => {
  const data = Buffer.alloc(32);
  data.writeBigUInt64BE(BigInt(bytes / scriptedBlockBytes - 1), 0);
  data.writeUInt32BE(scriptedBlockBytes, 8);
  return data;
};

/** The PDUs of a reply: its data, in pieces, and its status behind. */
export function* replyPdus(
  reply: ScriptedReply,
  options: { readonly taskTag: number; readonly expected: number; readonly pieceBytes: number },
): Generator<{ header: Buffer; body: Buffer }> {
  const { taskTag, expected, pieceBytes } = options;
  const { status = 0, sense } = reply;
  const data = (reply.data ?? Buffer.alloc(0)).subarray(0, expected);
  for (let at = 0, number = 0; at < data.length; at += pieceBytes, number += 1) {
    const body = data.subarray(at, at + pieceBytes);
    const header = answerHeader(answer.dataIn, taskTag, at + body.length === data.length ? flag.final : 0);
    header.writeUInt32BE(number, 36);
    header.writeUInt32BE(at, 40);
    yield { header, body };
  }
  const isShort = data.length < expected;
  const header = answerHeader(answer.scsiResponse, taskTag, flag.final | (isShort ? dataInFlag.underflow : 0));
  header[3] = status;
  header.writeUInt32BE(expected - data.length, 44);
  yield { header, body: sense === undefined ? Buffer.alloc(0) : senseData(...sense) };
}

export const answerHeader = (opcode: number, taskTag: number, flags: number = flag.final): Buffer => {
  const header = Buffer.alloc(48);
  header[0] = opcode;
  header[1] = flags;
  header.writeUInt32BE(taskTag, 16);
  header.writeUInt32BE(noTag, 20);
  return header;
};

const senseData = (key: number, code: number): Buffer => {
  const data = Buffer.alloc(20);
  data.writeUInt16BE(18, 0);
  data[2] = 0x70;
  data[4] = key;
  data[9] = 10;
  data.writeUInt16BE(code, 14);
  return data;
};
