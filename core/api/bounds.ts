import { z } from "zod";

/** Of a list that nothing else bounds: more fit into no message and no document. */
export const entriesMax = 100_000;

/** A sentence is for people; what is longer than this helps nobody. */
export const sentenceCharactersMax = 2000;

/** A text that says as much of a longer one as a sentence may have. */
export const cutSentence = (text: string): string =>
  text.length <= sentenceCharactersMax ? text : `${text.slice(0, sentenceCharactersMax - 1)}…`;

/** Cut and never refused: it may be all that is known of a failure. */
export const sentenceSchema = z.string().overwrite(cutSentence).max(sentenceCharactersMax);

const codeForm = /^[A-Z][A-Z0-9_]{0,63}$/;

/**
 * Also one that this version does not know. What is no code says as much as INTERNAL, and takes
 * nothing from what it stands with.
 */
export const codeSchema = z
  .string()
  .overwrite((code) => (codeForm.test(code) ? code : "INTERNAL"))
  .regex(codeForm);

/** A PEM, or a list of some. */
export const pemSchema = z.string().max(1024 * 1024);

/** Names and values, so many at most. */
export const boundedRecord = <Key extends z.core.$ZodRecordKey, Value extends z.core.SomeType>(
  key: Key,
  value: Value,
  entries: number,
) =>
  z
    .record(key, value)
    .refine((all) => Object.keys(all).length <= entries, `${entries} at most`)
    .meta({ maxProperties: entries });
