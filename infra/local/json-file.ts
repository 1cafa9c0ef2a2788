import type { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";
import { readIfThere, writeFileSafely } from "../../gateway/files/files.ts";

/** Replaces the file's content, durably and all at once. One writer at a time. */
export const writeJsonFile = (path: string, value: unknown): Promise<void> =>
  writeFileSafely(path, JSON.stringify(value, undefined, 2));

/**
 * What the file holds; undefined when there is none.
 * @throws {VisibleError} STORE_CORRUPT when it holds something else
 */
export const readJsonFile = async <T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> => {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new VisibleError("STORE_CORRUPT", `The file ${path} is not what was written to it.`, {
      hint: "Move it away and start again; what it held is lost.",
      cause,
    });
  }
};
