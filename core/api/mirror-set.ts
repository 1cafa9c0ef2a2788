import { z } from "zod";

/**
 * Which mirror volumes a group consists of, said in as few bytes for 4,000 as for one. Whoever has
 * the ids can tell whether they are meant.
 */
export const mirrorSetSchema = z.object({
  count: z.int().min(1),
  /** In hexadecimal, of the ids as a JSON array, sorted by code units. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type MirrorSet = z.infer<typeof mirrorSetSchema>;

/**
 * @param mirrorVolumeIds in any order; one that is there twice counts once
 * @param sha256 of a text's UTF-8, in hexadecimal
 */
export const mirrorSetOf = (mirrorVolumeIds: readonly string[], sha256: (text: string) => string): MirrorSet => {
  const ids = [...new Set(mirrorVolumeIds)].sort();
  return { count: ids.length, sha256: sha256(JSON.stringify(ids)) };
};

export const isSameMirrorSet = (a: MirrorSet, b: MirrorSet): boolean => a.count === b.count && a.sha256 === b.sha256;
