import { IscsiProtocolError } from "../pdu/protocol-error.ts";

/** What an initiator and a target have agreed on. */
export interface SessionParameters {
  /** How much of a body the target takes. */
  readonly targetBodyBytesMax: number;
  /** Data that follows a command, asked for or not. */
  readonly firstBurstBytes: number;
  readonly maxBurstBytes: number;
  /** Whether data waits until the target asks for it. */
  readonly initialR2t: boolean;
  readonly immediateData: boolean;
}

/** How much of a body we take. */
export const ourBodyBytesMax = 262_144;

/** What we ask for. */
export const offeredKeys: Readonly<Record<string, string>> = {
  HeaderDigest: "None",
  DataDigest: "None",
  MaxConnections: "1",
  InitialR2T: "No",
  ImmediateData: "Yes",
  MaxRecvDataSegmentLength: `${ourBodyBytesMax}`,
  MaxBurstLength: "1048576",
  FirstBurstLength: "262144",
  DefaultTime2Wait: "0",
  DefaultTime2Retain: "0",
  MaxOutstandingR2T: "1",
  DataPDUInOrder: "Yes",
  DataSequenceInOrder: "Yes",
  ErrorRecoveryLevel: "0",
};

/** What a target tells without an answer (RFC 7143, 13). */
const declared = new Set(["TargetAlias", "TargetAddress", "TargetPortalGroupTag", "MaxRecvDataSegmentLength"]);

/** Without these nothing can be read. */
const indispensable = {
  HeaderDigest: "None",
  DataDigest: "None",
  DataPDUInOrder: "Yes",
  DataSequenceInOrder: "Yes",
  ErrorRecoveryLevel: "0",
};

/**
 * @param answers all keys that the target answered or told
 * @throws IscsiProtocolError: the target insists on something else
 */
export const agreedParameters = (answers: ReadonlyMap<string, string>): SessionParameters => {
  for (const [key, value] of Object.entries(indispensable)) {
    if ((answers.get(key) ?? value) !== value) throw new IscsiProtocolError(`${key} must be ${value}`);
  }
  const maxBurstBytes = bytesOf(answers, "MaxBurstLength", 262_144);
  return {
    targetBodyBytesMax: bytesOf(answers, "MaxRecvDataSegmentLength", 8192),
    firstBurstBytes: Math.min(bytesOf(answers, "FirstBurstLength", 65_536), maxBurstBytes),
    maxBurstBytes,
    initialR2t: answers.get("InitialR2T") !== "No",
    immediateData: answers.get("ImmediateData") !== "No",
  };
};

/** What we say to keys that a target asks for by itself. */
export const repliesTo = (answers: ReadonlyMap<string, string>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...answers.keys()]
      .filter((key) => !declared.has(key) && !(key in offeredKeys) && key !== "AuthMethod" && !key.startsWith("CHAP_"))
      .map((key) => [key, "NotUnderstood"]),
  );

const bytesOf = (answers: ReadonlyMap<string, string>, key: string, otherwise: number): number => {
  const told = answers.get(key);
  if (told === undefined) return otherwise;
  const bytes = Number(told);
  if (!(Number.isInteger(bytes) && bytes >= 512 && bytes < 2 ** 24))
    throw new IscsiProtocolError(`${key} can't be that`);
  return bytes;
};
