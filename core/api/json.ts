/**
 * What a text from outside says as JSON, a message's body for one; undefined where it is none. It
 * may be any value: a schema says whether it is one that is understood.
 */
export const jsonIn = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
