import { join } from "node:path";
import { z } from "zod";
import { localApiUrlSchema } from "../../core/address/api-url.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { storageConfigSchema } from "../../gateway/storage/config.ts";
import { readJsonFile, writeJsonFile } from "./json-file.ts";

/**
 * What `local up` leaves in its folder, so that the command line finds the API
 * and the sites' stores.
 */
export const localContextSchema = z.object({
  /** The folder may be somebody else's: the token goes nowhere but to this host. */
  url: localApiUrlSchema,
  /** The path of the file that holds the bearer token. */
  tokenFile: z.string(),
  sites: z.record(z.string(), z.object({ storage: storageConfigSchema })),
});
export type LocalContext = z.infer<typeof localContextSchema>;

export const localContextFile = (dir: string): string => join(dir, "local.json");

export const writeLocalContext = (dir: string, context: LocalContext): Promise<void> =>
  writeJsonFile(localContextFile(dir), context);

/**
 * The context in a folder, if there is one.
 * @throws VisibleError STORE_CORRUPT; BAD_REQUEST for what is no folder, or not to be read
 */
export const findLocalContext = async (dir: string): Promise<LocalContext | undefined> => {
  try {
    return await readJsonFile(localContextFile(dir), localContextSchema);
  } catch (error) {
    if (!(error instanceof Error && "code" in error) || VisibleError.is(error)) throw error;
    const why = error.code === "ENOTDIR" ? "it is no folder" : error.message;
    throw new VisibleError("BAD_REQUEST", `${dir} can't be the folder of a local environment: ${why}.`, {
      hint: "Name another one with --dir or SMTX_BACKUP_DIR.",
      cause: error,
    });
  }
};

/** @throws VisibleError NOT_FOUND when nothing was ever started in the folder */
export const readLocalContext = async (dir: string): Promise<LocalContext> => {
  const context = await findLocalContext(dir);
  if (context !== undefined) return context;
  throw new VisibleError("NOT_FOUND", `There is no local environment in ${dir}.`, {
    hint: `Start one with: smtx-backup local up --dir ${dir}`,
  });
};
