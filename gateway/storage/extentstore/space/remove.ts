import { dataFilePath } from "../data/data-file.ts";
import type { Store } from "../data/store.ts";

/**
 * Removes a data file whose row is gone. Other drivers that have it open for reading let go of it
 * when they have not used it for a while.
 */
export const removeDataFile = ({ disk, dataDir, files }: Store, fileId: number): void => {
  files.closeFile(fileId);
  disk.remove(dataFilePath(dataDir, fileId));
};
