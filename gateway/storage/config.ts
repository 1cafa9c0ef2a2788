import { z } from "zod";

/** What one driver makes do with. */
export const openFilesMin = 3;
const openFilesDefault = 256;

/** Which cluster a gateway serves. Plain data, so that worker threads can open the same storage. */
export const storageConfigSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("extentstore"),
    dir: z.string().min(1),
    /**
     * Data files that are open at once, for writing and for reading; 256 unless told otherwise, of
     * all threads together.
     */
    openFiles: z.int().min(openFilesMin).max(65_536).optional(),
  }),
]);
export type StorageConfig = z.infer<typeof storageConfigSchema>;

/**
 * What each of several drivers of one gateway opens, so that together they keep to what is
 * configured; at least 3 files each.
 */
export const shareOf = (config: StorageConfig, drivers: number): StorageConfig => {
  const { openFiles = openFilesDefault } = config;
  return { ...config, openFiles: Math.max(openFilesMin, Math.floor(openFiles / drivers)) };
};
