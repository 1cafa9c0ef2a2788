import { VisibleError } from "./errors.ts";

/**
 * A message as it goes into a queue: JSON of ASCII alone. So it does not matter which characters a
 * queue takes (SQS: those of XML 1.0; its emulators: fewer), and its length is its size in bytes.
 */
export const messageText = (value: object): string => escaped(JSON.stringify(value));

/** A text as it stands in a message, without the quotes. */
export const asciiText = (text: string): string => escaped(JSON.stringify(text)).slice(1, -1);

const escaped = (json: string): string =>
  json.replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** What a queue takes of one message: SQS's limit, in bytes. */
export const messageBytesMax = 1024 * 1024;

/**
 * The form of messages between control plane and gateways: it goes up by one when the shape of any
 * of them changes, and each side reads the form before its own. 1: what has no number.
 */
export const messageFormat = 3;

/**
 * The form of tasks that gateways of `messageFormat` do not understand, or would do otherwise than
 * they are told: whoever makes such a task gives it this as its `format`. The others go to any
 * gateway.
 */
export const newestMessageFormat = 5;

/** Whether a newer version than this one has sent it: it is left for one that understands it. */
export const isNewerMessage = (body: unknown): boolean =>
  typeof body === "object" && body !== null && "format" in body && Number(body.format) > newestMessageFormat;

/**
 * The text of a message that is about to be sent, in the usual form unless it says another one.
 * @param what whose it is, as a sentence begins with it
 * @throws MESSAGE_TOO_LARGE: sent again it would be as large, so somebody has to
 * do something about it
 */
export const sendableText = (value: object, what: string): string => {
  const text = messageText({ format: messageFormat, ...value });
  if (text.length <= messageBytesMax) return text;
  throw new VisibleError(
    "MESSAGE_TOO_LARGE",
    `${what} has ${text.length} bytes; a message may have ${messageBytesMax}.`,
    { hint: "Split the plan's objects among several plans, or give them shorter names." },
  );
};
