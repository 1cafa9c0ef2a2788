import type { Shard } from "../../core/api/run.ts";
import type { Change, Stored } from "../../core/ports/store.ts";
import { defaultRetryPolicy } from "../../core/run/retry-policy.ts";
import { ignoringConflict } from "../documents/conflicts.ts";
import type { Deps } from "../ports/deps.ts";
import { dueBy } from "./due.ts";

export const retryPolicyOf = ({ retryPolicy = defaultRetryPolicy }: Deps) => retryPolicy;

/** What is done for several shards of a step is done for so many at once. */
export const shardsAtOnce = 8;

/** @returns whether it went through; false when somebody else was faster */
export const puts = (deps: Deps, change: Change): Promise<boolean> =>
  ignoringConflict(() => deps.store.commit([change]));

/** When the sweep has to look at a shard. */
export const dueOf = ({ clock }: Deps, { deadline }: Shard, before: Stored<Shard>["dueAt"]) =>
  deadline === null ? {} : { dueAt: dueBy(deadline, clock.now(), before) };
