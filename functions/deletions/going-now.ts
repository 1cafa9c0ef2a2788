import type { DeletionWish } from "../../core/api/deletion/request.ts";
import type { Group } from "../../core/api/group.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { DeletionPlan } from "../../core/api/run.ts";
import type { Stored } from "../../core/ports/store.ts";
import type { MeantAt, SiteGroups } from "../deletable/going.ts";

/** What is wanted, as it would go now. */
export interface Wanted {
  readonly wish: DeletionWish;
  readonly plan: Plan;
  /** As it is when that goes: of a plan that goes itself, deleted. */
  readonly planThen: Plan;
  /** Of all groups those up to this number are meant. */
  readonly upTo: number;
  readonly told: DeletionPlan;
  readonly sites: readonly WantedAt[];
}

export interface WantedAt extends MeantAt {
  readonly at: SiteGroups;
  readonly going: readonly Stored<Group>[];
}
