import type { SiteId } from "../../core/api/ids.ts";
import { refuseTakenNames, refuseWrongNames } from "../../core/rebuild/refuse-names.ts";
import type { RebuiltName } from "../../core/rebuild/survey.ts";
import { lookUpObjects } from "../inventory/objects.ts";
import type { Deps } from "../ports/deps.ts";

/**
 * Names that a restore would give, before anything is made: they are not too long, those that are
 * wished for are each one's own, and nobody has them at the site, as its gateways saw it last.
 * @throws VisibleError BAD_REQUEST, OBJECT_NAME_TAKEN
 */
export const refuseNamesAt = async (deps: Deps, siteId: SiteId, wanted: readonly RebuiltName[]): Promise<void> => {
  refuseWrongNames(wanted);
  const known = await lookUpObjects(deps, siteId, [...wanted], []);
  const toDelete = `smtx-backup object delete ID --site ${siteId}`;
  refuseTakenNames(wanted, known?.objects ?? [], { siteId, toDelete });
};
