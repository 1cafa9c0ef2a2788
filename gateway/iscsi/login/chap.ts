import { createHash } from "node:crypto";
import { IscsiProtocolError } from "../pdu/protocol-error.ts";
import { decodeBinary, encodeBinary } from "./text.ts";

export interface ChapAccount {
  readonly user: string;
  readonly secret: string;
}

/** The number of MD5, the one algorithm that every target has. */
export const chapMd5 = "5";
const challengeBytesMax = 1024;

/**
 * The answer to a challenge (RFC 1994, 4.1). @param answer what a target said: CHAP_A, CHAP_I,
 * CHAP_C
 * @throws IscsiProtocolError
 */
export const chapResponse = (
  { user, secret }: ChapAccount,
  answer: ReadonlyMap<string, string>,
): Readonly<Record<string, string>> => {
  const id = Number(answer.get("CHAP_I") ?? Number.NaN);
  if (answer.get("CHAP_A") !== chapMd5 || !(id >= 0 && id <= 255)) throw new IscsiProtocolError("no CHAP challenge");
  const challenge = decodeBinary(answer.get("CHAP_C") ?? "");
  if (challenge.length > challengeBytesMax) throw new IscsiProtocolError("a CHAP challenge that is too long");
  const digest = createHash("md5").update(Uint8Array.of(id)).update(secret).update(challenge).digest();
  return { CHAP_N: user, CHAP_R: encodeBinary(digest) };
};
