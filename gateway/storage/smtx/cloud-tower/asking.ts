import type { z } from "zod";
import type { StorageCall } from "../../call.ts";

/** Whoever may ask CloudTower, and changes nothing. */
export interface TowerQueries {
  /**
   * One question and its answer; asked again a few times where nothing comes. `body` undefined is a
   * GET.
   * @throws CLUSTER_UNREACHABLE, CLUSTER_REFUSED, CLUSTER_BUSY, CLUSTER_TASK_FAILED, NOT_FOUND
   */
  query<T>(operation: string, body: object | undefined, schema: z.ZodType<T>, call?: StorageCall): Promise<T>;
}
