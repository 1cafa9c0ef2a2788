import { VisibleError } from "../../../../core/api/errors.ts";
import type { Time } from "../../../time/time.ts";
import type { StorageCall } from "../../call.ts";
import type { CloudTower } from "../cloud-tower/client.ts";
import { removeProbed } from "./leftovers.ts";

/** What is being made when nobody wants it any more can be removed a moment later only. */
const rounds = { most: 5, everyMs: 1_500 };
const never = new AbortController().signal;

/**
 * Removes what probes have made, with some patience.
 * @returns the names of what is there still
 * @throws what `removeProbed` does the last time
 */
export const removeAll = async (
  of: { readonly tower: CloudTower; readonly clusterId: string; readonly time: Time },
  call: StorageCall,
): Promise<readonly string[]> => {
  const { signal = never } = call;
  for (let round = 1; ; round += 1) {
    try {
      const left = await removeProbed(of, call);
      if (left.length === 0 || round >= rounds.most) return left;
    } catch (error) {
      signal.throwIfAborted();
      if (round >= rounds.most || !mayPass(error)) throw error;
    }
    await of.time.sleep(rounds.everyMs, signal);
    signal.throwIfAborted();
  }
};

const passing = ["CLUSTER_TASK_FAILED", "CLUSTER_BUSY", "CLUSTER_UNREACHABLE"] as const;
const mayPass = (error: unknown): boolean => passing.some((code) => VisibleError.is(error, code));
