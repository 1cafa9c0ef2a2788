import { z } from "zod";

/** Which cluster a gateway serves. Plain data, so that worker threads can open the same storage. */
export const storageConfigSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("extentstore"), dir: z.string().min(1) }),
]);
export type StorageConfig = z.infer<typeof storageConfigSchema>;
