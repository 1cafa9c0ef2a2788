import { VisibleError } from "../../core/api/errors.ts";
import type { ClusterAdministration } from "../../gateway/storage/administration.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import type { Context } from "./context.ts";

/** Opens a site's storage on this host for as long as it is used. */
export const withStorage = async <T>(
  context: Pick<Context, "openStorage">,
  site: string,
  store: string | undefined,
  use: (storage: StorageDriver) => Promise<T>,
): Promise<T> => {
  const storage = await context.openStorage(site, store);
  return use(storage).finally(() => storage.close());
};

/** @throws VisibleError BAD_REQUEST for a cluster that has a console of its own */
export const administrationOf = ({ administration }: StorageDriver, site: string): ClusterAdministration => {
  if (administration !== undefined) return administration;
  throw new VisibleError(
    "BAD_REQUEST",
    `The objects of site “${site}” are not made or changed from here: it is a cluster with a console of its own.`,
    {
      hint: `Use that, then see what the site has: smtx-backup object list --site ${site} --refresh`,
    },
  );
};
