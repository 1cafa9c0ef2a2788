import { VisibleError } from "../../../../core/api/errors.ts";
import type { Time } from "../../../time/time.ts";
import type { StorageCall } from "../../call.ts";
import { probePrefix } from "../names.ts";
import type { OurThing, Remains } from "../reaper/remains.ts";

/** What is being made when nobody wants it any more can be removed a moment later only. */
const rounds = { most: 5, everyMs: 1_500 };
const never = new AbortController().signal;
const passing = ["CLUSTER_TASK_FAILED", "CLUSTER_BUSY", "CLUSTER_UNREACHABLE"] as const;

/**
 * Removes what probes have made, also those that died, with some patience. Nobody may be probing
 * the cluster meanwhile.
 * @returns the names of what is there still
 */
export const removeProbed = async (
  { remains, time }: { readonly remains: Remains; readonly time: Time },
  call: StorageCall,
): Promise<readonly string[]> => {
  const { signal = never } = call;
  for (let round = 1; ; round += 1) {
    try {
      for (const thing of await probed(remains, call)) await remains.remove(thing, call);
      const left = await probed(remains, call);
      if (left.length === 0 || round >= rounds.most) return left.map(({ name }) => name);
    } catch (error) {
      signal.throwIfAborted();
      if (round >= rounds.most || !passing.some((code) => VisibleError.is(error, code))) throw error;
    }
    await time.sleep(rounds.everyMs, signal);
    signal.throwIfAborted();
  }
};

const probed = async (remains: Remains, call: StorageCall): Promise<readonly OurThing[]> =>
  (await remains.list([], call)).filter(({ name }) => name.startsWith(probePrefix));
