import { IscsiProtocolError } from "../pdu/protocol-error.ts";

/**
 * `key=value` pairs, each with a zero behind it (RFC 7143, 6.1). Of a key twice the last counts.
 */
export const encodeText = (pairs: Readonly<Record<string, string>>): Buffer =>
  Buffer.from(
    Object.entries(pairs)
      .map(([key, value]) => `${key}=${value}\0`)
      .join(""),
  );

/** @throws IscsiProtocolError */
export const decodeText = (text: Buffer): ReadonlyMap<string, string> => new Map(textPairs(text));

/** In order, with repetitions: SendTargets answers so. @throws IscsiProtocolError */
export const textPairs = (text: Buffer): readonly (readonly [key: string, value: string])[] =>
  text
    .toString("utf8")
    .split("\0")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new IscsiProtocolError("text that is no key=value");
      return [pair.slice(0, at), pair.slice(at + 1)];
    });

/** A large binary value, in hexadecimal or base64. @throws IscsiProtocolError */
export const decodeBinary = (value: string): Buffer => {
  const digits = value.slice(2);
  if (/^0x([0-9a-f]{2})+$/i.test(value)) return Buffer.from(digits, "hex");
  if (/^0b[0-9a-z+/]+=*$/i.test(value)) return Buffer.from(digits, "base64");
  throw new IscsiProtocolError("a value that is neither hexadecimal nor base64");
};

export const encodeBinary = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
