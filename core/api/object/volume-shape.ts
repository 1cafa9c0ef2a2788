import { z } from "zod";
import { storageIdSchema } from "../ids.ts";

/** Offsets and lengths in an extent are 32 bits, here and on the wire. */
export const extentBytesMax = 2 ** 31;

/**
 * How a volume's bytes lie in its extents. `stripeCount` 1 means that extent k is the k-th range of
 * `extentBytes`.
 */
export const geometrySchema = z.object({
  extentBytes: z.int().positive().max(extentBytesMax),
  stripeCount: z.int().min(1).max(64),
  /** A multiple of 64 KiB that divides `extentBytes`. */
  stripeBytes: z.int().positive(),
});
export type Geometry = z.infer<typeof geometrySchema>;

/** A volume as far as its mirror must have the same. */
export const volumeShapeSchema = z.object({
  id: storageIdSchema,
  sizeBytes: z.int().positive(),
  geometry: geometrySchema,
});
export type VolumeShape = z.infer<typeof volumeShapeSchema>;
