import { VisibleError } from "../../../../core/api/errors.ts";
import type { Time } from "../../../time/time.ts";
import { until } from "../../../time/until.ts";
import type { StorageCall } from "../../call.ts";
import { OutcomeUnknownError } from "../outcome.ts";

/**
 * How something comes to be there once, on a cluster where making it twice makes two. Who calls it
 * sees to it that nobody else does so at the same time.
 */
export interface Ensure<T> {
  /** `the LUN “x”` */
  readonly what: string;
  readonly find: (call: StorageCall) => Promise<T | undefined>;
  readonly create: (call: StorageCall) => Promise<unknown>;
  /** Of what was found, whether it can be used: what is still being made is waited for. */
  readonly isReady?: (found: T) => boolean;
  /** How long what was asked for may take to be seen, and to be ready. */
  readonly waitSeconds?: number;
}

const waitSecondsOtherwise = 30;
const everyMs = 500;
/** A second time only where the first was not seen to have made anything. */
const creationsMax = 2;

/**
 * Looks before it makes, and again where the answer to the making was lost.
 * @throws what `find` and `create` throw, CLUSTER_BUSY (it is not ready), the signal's reason
 */
export const ensure = async <T>(options: Ensure<T> & { readonly time: Time }, call: StorageCall): Promise<T> => {
  const { find, create } = options;
  const before = await find(call);
  if (before !== undefined) return ready(options, before, call);
  for (let creations = 1; ; creations += 1) {
    const lost = await create(call).then(
      () => undefined,
      (error: unknown) => {
        if (!(error instanceof OutcomeUnknownError)) throw error;
        call.onMoved?.();
        return error;
      },
    );
    const made = await seen(options, call);
    if (made !== undefined) return ready(options, made, call);
    if (lost !== undefined && creations >= creationsMax) throw lost;
    if (lost === undefined) throw vanished(options.what);
  }
};

/** What was made, which may show only after a while. */
const seen = async <T>(options: Ensure<T> & { readonly time: Time }, call: StorageCall): Promise<T | undefined> => {
  let found: T | undefined;
  await waited(options, call, async () => {
    found = await options.find(call);
    return found !== undefined;
  });
  return found;
};

const ready = async <T>(options: Ensure<T> & { readonly time: Time }, found: T, call: StorageCall): Promise<T> => {
  const { isReady = () => true, find, what } = options;
  let now: T | undefined = found;
  const isSo = await waited(options, call, async () => {
    if (now !== undefined && isReady(now)) return true;
    now = await find(call);
    return now === undefined || isReady(now);
  });
  if (now === undefined) throw vanished(what);
  if (!isSo) throw notReady(what);
  return now;
};

const never = new AbortController().signal;

const waited = async <T>(
  { time, waitSeconds = waitSecondsOtherwise }: Ensure<T> & { readonly time: Time },
  { signal = never }: StorageCall,
  isSo: () => Promise<boolean>,
): Promise<boolean> => {
  const wasSo = await until(isSo, { everyMs, withinMs: waitSeconds * 1000, time, signal });
  signal.throwIfAborted();
  return wasSo;
};

const vanished = (what: string) =>
  new VisibleError("CLUSTER_TASK_FAILED", `The cluster made ${what}, and does not have it.`, {
    hint: "See in CloudTower whether somebody deletes it.",
  });

const notReady = (what: string) =>
  new VisibleError("CLUSTER_BUSY", `The cluster is still working on ${what}.`, {
    hint: "It will be tried again. If it goes on, see CloudTower's task list.",
  });
