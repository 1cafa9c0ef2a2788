import type { SessionParameters } from "../login/parameters.ts";
import { headerOf } from "../pdu/header.ts";
import { flag, noTag, request } from "../pdu/opcode.ts";

export interface DataOut {
  readonly header: Buffer;
  readonly body: Uint8Array;
}

/** How data goes out that a command brings along, and behind it without being asked for. */
export const unasked = (dataBytes: number, parameters: SessionParameters): { immediate: number; behind: number } => {
  const { immediateData, initialR2t, firstBurstBytes, targetBodyBytesMax } = parameters;
  const immediate = immediateData ? Math.min(dataBytes, firstBurstBytes, targetBodyBytesMax) : 0;
  const behind = initialR2t ? 0 : Math.min(dataBytes, firstBurstBytes) - immediate;
  return { immediate, behind };
};

/** The PDUs of one sequence of data: what one R2T asked for, or what goes out unasked. */
export function* dataOuts(options: {
  readonly lun: Uint8Array;
  readonly data: Uint8Array;
  readonly offset: number;
  readonly length: number;
  readonly taskTag: number;
  /** Of the R2T; `noTag` without. */
  readonly targetTag?: number;
  readonly bodyBytesMax: number;
  readonly expStatSn: number;
}): Generator<DataOut> {
  const { lun, data, offset, length, taskTag, targetTag = noTag, bodyBytesMax, expStatSn } = options;
  for (let at = 0, dataSn = 0; at < length; dataSn += 1) {
    const body = data.subarray(offset + at, offset + Math.min(length, at + bodyBytesMax));
    const isLast = at + body.length === length;
    const header = headerOf({
      opcode: request.dataOut,
      flags: isLast ? flag.final : 0,
      dataBytes: body.length,
      lun,
      taskTag,
      word20: targetTag,
      expStatSn,
    });
    header.writeUInt32BE(dataSn, 36);
    header.writeUInt32BE(offset + at, 40);
    yield { header, body };
    at += body.length;
  }
}
