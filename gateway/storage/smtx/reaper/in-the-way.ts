import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { type ClusterContext, removeLeft } from "../context.ts";

/**
 * Makes things on a cluster, where what a death left may have their LUN ids: then that is removed,
 * and it is tried once more.
 */
export const withFreeWay = async <T>(
  context: ClusterContext,
  make: () => Promise<T>,
  call: StorageCall | undefined,
): Promise<T> => {
  await removeLeft(context, call);
  try {
    return await make();
  } catch (error) {
    if (!VisibleError.is(error, "CLUSTER_TASK_FAILED")) throw error;
    const removed = await context.reaper.reap(call).catch(() => 0);
    if (removed === 0) throw error;
    return make();
  }
};
