import { z } from "zod";
import { VisibleError } from "../errors.ts";
import { storageIdSchema } from "../ids.ts";
import { plainIssues } from "../issues.ts";

/** An extent is whole blocks of so much. */
export const extentBytesMin = 2 ** 16;
/** Offsets and lengths in an extent are 32 bits, here and on the wire. */
export const extentBytesMax = 2 ** 31;
/** What ZBS has: stripes from 4 KiB, and up to 128 of them. */
export const stripeBytesMin = 2 ** 12;
export const stripeCountMax = 128;
/**
 * Extents that a volume has at the most: 64 TiB of the 256 MiB that ZBS has. What is kept in memory
 * of a volume is bounded by it, and so are the protocol's answers.
 */
export const extentsMax = 2 ** 18;

/**
 * How a volume's bytes lie in its extents. `stripeCount` 1 means that extent k is the k-th range of
 * `extentBytes`.
 */
export const geometrySchema = z
  .object({
    extentBytes: z.int().max(extentBytesMax).multipleOf(extentBytesMin).positive(),
    stripeCount: z.int().min(1).max(stripeCountMax),
    /** Divides `extentBytes`. */
    stripeBytes: z.int().multipleOf(stripeBytesMin).positive(),
  })
  .refine(({ extentBytes, stripeBytes }) => extentBytes % stripeBytes === 0, "an extent is whole stripes");
export type Geometry = z.infer<typeof geometrySchema>;

/** How many extents a volume of `sizeBytes` has in its table: whole groups of `stripeCount`. */
export const extentCount = ({ extentBytes, stripeCount }: Geometry, sizeBytes: number): number =>
  Math.ceil(sizeBytes / (stripeCount * extentBytes)) * stripeCount;

interface Shape {
  readonly sizeBytes: number;
  readonly geometry: Geometry;
}

/** What a size and a geometry must be together, each of which can be by itself: for `refine`. */
export const hasFewExtents = ({ sizeBytes, geometry }: Shape): boolean =>
  extentCount(geometry, sizeBytes) <= extentsMax;
export const fewExtents = { error: `a volume has ${extentsMax} extents at the most`, path: ["sizeBytes"] };

const shape = { sizeBytes: z.int().positive(), geometry: geometrySchema };
const shapeSchema = z.object(shape).refine(hasFewExtents, fewExtents);

/** A volume as far as its mirror must have the same. */
export const volumeShapeSchema = z.object({ id: storageIdSchema, ...shape }).refine(hasFewExtents, fewExtents);
export type VolumeShape = z.infer<typeof volumeShapeSchema>;

/**
 * The same for what comes another way than by a schema. @throws BAD_REQUEST, naming what of it
 * can't be
 */
export const checkShape = (wanted: Shape): void => {
  const { error } = shapeSchema.safeParse(wanted);
  if (error === undefined) return;
  const what = plainIssues(error.issues)
    .map(({ path, message }) => `${path}: ${message}`)
    .join("; ");
  throw new VisibleError("BAD_REQUEST", `A volume of this size and geometry can't be: ${what}.`, {
    hint:
      `Stripes are a multiple of ${stripeBytesMin} bytes that divides the extent, ${stripeCountMax} at the most; ` +
      `extents are a multiple of ${extentBytesMin} bytes, ${extentBytesMax} and ${extentsMax} of them at the most.`,
  });
};
