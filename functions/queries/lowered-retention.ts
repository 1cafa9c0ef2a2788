import type { Plan } from "../../core/api/plan.ts";
import type { Reason } from "../../core/api/reason.ts";
import { targetsOf } from "../../core/plan/place.ts";
import { countGoingNext, retentionAt } from "../groups/reclaim.ts";
import type { Deps } from "../ports/deps.ts";

/**
 * What a change of a plan costs in restore points: of each site that is to keep fewer, how many
 * its next run deletes.
 */
export const loweredRetention = async (deps: Deps, before: Plan, after: Plan): Promise<readonly Reason[]> => {
  const warnings = await Promise.all(
    targetsOf(after).map(async (site): Promise<readonly Reason[]> => {
      const [kept, keeps] = [retentionAt(before, site)?.keepLast, retentionAt(after, site)?.keepLast];
      if (kept === undefined || keeps === undefined || keeps >= kept) return [];
      const count = await countGoingNext(deps, after, site);
      if (count === 0) return [];
      const points = count === 1 ? "1 restore point" : `${count} restore points`;
      const message = `The next run deletes ${points} of site ${site}, which keeps ${keeps} now in place of ${kept}. See which: smtx-backup plan preview ${after.name}`;
      return [{ code: "RETENTION_LOWERED", message }];
    }),
  );
  return warnings.flat();
};
