import { type FailoverPreview, previewedMax } from "../../core/api/failover/preview.ts";
import type { FailoverWish } from "../../core/api/failover/request.ts";
import { confirmationOf } from "../confirmations/confirmation.ts";
import type { Deps } from "../ports/deps.ts";
import { believedAt } from "../queries/newest-group.ts";
import { digestOfFailover, readWantedFailover } from "./wanted.ts";

/** What a failover would do. Changes nothing. @throws VisibleError as `readWantedFailover` */
export const previewFailover = async (deps: Deps, wish: FailoverWish): Promise<FailoverPreview> => {
  const wanted = await readWantedFailover(deps, wish);
  const { plan, group, objects, notes } = wanted;
  const { id, objectCount } = group;
  return {
    ...{ planId: plan.id, planName: plan.name, kind: wish.kind, home: plan.source, to: wish.to },
    group: { id, takenAt: believedAt(group), objectCount },
    objects: objects.slice(0, previewedMax),
    objectCount: objects.length,
    notes: [...notes],
    ...confirmationOf(deps, (until) => digestOfFailover(wanted, until)),
  };
};
