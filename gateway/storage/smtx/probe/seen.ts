import { VisibleError } from "../../../../core/api/errors.ts";
import type { IscsiPortal } from "../../../iscsi/portal.ts";
import type { StorageCall } from "../../call.ts";
import type { AbilityAnswer, AbilityName } from "../abilities/abilities.ts";

/** What a question came to, and by what that was seen. */
export interface SeenAnswer {
  readonly answer: AbilityAnswer;
  readonly evidence: string;
  /** Where they do not hold at all of them, the node that reservations are to be made at. */
  readonly node?: IscsiPortal;
}

export type SeenAbilities = Partial<Record<AbilityName, SeenAnswer>>;

export const yes = (evidence: string): SeenAnswer => ({ answer: "yes", evidence });
export const no = (evidence: string): SeenAnswer => ({ answer: "no", evidence });
export const unknown = (evidence: string): SeenAnswer => ({ answer: "unknown", evidence });

/** What goes wrong on the way to an answer leaves it unknown. @throws the signal's reason */
export const seenBy = async (work: () => Promise<SeenAnswer>, { signal }: StorageCall): Promise<SeenAnswer> => {
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    if (!VisibleError.is(error)) throw error;
    return unknown(error.message);
  }
};

export type Tried<T> = { readonly done: T } | { readonly refused: string };

/**
 * Whether the cluster does a thing. What it refuses it is asked for a second time: it may have
 * failed by something else.
 */
export const tried = async <T>(work: () => Promise<T>, { signal }: StorageCall): Promise<Tried<T>> => {
  const once = async (): Promise<Tried<T>> => {
    try {
      return { done: await work() };
    } catch (error) {
      signal?.throwIfAborted();
      if (!VisibleError.is(error, "CLUSTER_TASK_FAILED")) throw error;
      return { refused: error.message };
    }
  };
  const first = await once();
  return "done" in first ? first : once();
};
