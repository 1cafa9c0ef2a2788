import { isDeepStrictEqual } from "node:util";
import { type Facilities, facilitiesSchema } from "../../core/api/facilities.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { facilitiesKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

type Store = Pick<Deps, "store">;

/**
 * Takes in what a gateway tells of its site's pools and switches, and what its driver can do.
 * One document a site.
 * @returns whether anything differed
 * @throws {CommitConflict} when somebody else writes the same at the same time
 */
export const putFacilities = async ({ store }: Store, siteId: SiteId, facilities: Facilities): Promise<boolean> => {
  const key = facilitiesKey(siteId);
  const stored = await store.get<Facilities>(key);
  if (stored !== undefined && isDeepStrictEqual(stored.body, facilities)) return false;
  const expect = stored === undefined ? "absent" : { version: stored.version };
  await store.commit([{ type: "put", key, body: facilities, expect }]);
  return true;
};

/** Undefined before a gateway of today has told. */
export const readFacilities = async ({ store }: Store, siteId: SiteId): Promise<Facilities | undefined> => {
  const stored = await store.get(facilitiesKey(siteId));
  return facilitiesSchema.safeParse(stored?.body).data;
};
