import type { StorageConfig } from "./config.ts";
import type { StorageDriver } from "./driver.ts";
import { ExtentStore } from "./extentstore/extentstore.ts";

/** Opens the storage of a configuration; it must be closed. @throws STORE_IN_USE, STORE_TOO_NEW, STORE_CORRUPT */
export const openStorage = async (config: StorageConfig): Promise<StorageDriver> => {
  switch (config.kind) {
    case "extentstore":
      return ExtentStore.open(config.dir);
  }
};
