import { z } from "zod";
import { type SmtxConfig, smtxConfigSchema, smtxPathsBeside, smtxSecretFiles } from "./smtx-config.ts";

/** What one driver makes do with. */
export const openFilesMin = 3;
const openFilesDefault = 256;

const extentstoreConfigSchema = z.strictObject({
  kind: z.literal("extentstore"),
  dir: z.string().min(1),
  /**
   * Data files that are open at once, for writing and for reading; 256 unless told otherwise, of
   * all threads together.
   */
  openFiles: z.int().min(openFilesMin).max(65_536).optional(),
});
export type ExtentstoreConfig = z.infer<typeof extentstoreConfigSchema>;

/** Which cluster a gateway serves. Plain data, so that worker threads can open the same storage. */
export const storageConfigSchema = z.discriminatedUnion("kind", [extentstoreConfigSchema, smtxConfigSchema]);
export type StorageConfig = ExtentstoreConfig | SmtxConfig;

/** The same with whole paths. */
export const storagePathsBeside = (config: StorageConfig, beside: (path: string) => string): StorageConfig =>
  config.kind === "smtx" ? smtxPathsBeside(config, beside) : { ...config, dir: beside(config.dir) };

/**
 * What each of several drivers of one gateway opens, so that together they keep to what is
 * configured; at least 3 files each.
 */
export const shareOf = (config: StorageConfig, drivers: number): StorageConfig => {
  if (config.kind === "smtx") return config;
  const { openFiles = openFilesDefault } = config;
  return { ...config, openFiles: Math.max(openFilesMin, Math.floor(openFiles / drivers)) };
};

/** Files and folders that nobody but the gateway's user may read. */
export const privatePathsOf = (config: StorageConfig): readonly string[] =>
  config.kind === "smtx" ? smtxSecretFiles(config) : [config.dir];

/** Where it is, for messages: a folder, or a cluster and its CloudTower. */
export const placeOf = (config: StorageConfig): string =>
  config.kind === "smtx" ? `the cluster “${config.cluster}” of ${config.tower.url}` : config.dir;
