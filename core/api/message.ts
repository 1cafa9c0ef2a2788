/**
 * A message as it goes into a queue: JSON of ASCII alone. So it does not matter which characters a queue takes (SQS: those of
 * XML 1.0; its emulators: fewer), and its length is its size in bytes.
 */
export const messageText = (value: object): string =>
  JSON.stringify(value).replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
