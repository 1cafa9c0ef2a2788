import { cutSentence } from "../../core/api/bounds.ts";
import { atSite, VisibleError } from "../../core/api/errors.ts";
import { visibleFailure } from "../../core/api/failure.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Reason } from "../../core/api/reason.ts";
import type { TaskResult } from "../../core/api/task.ts";
import { agentTimings } from "./timings.ts";

/** Why a gateway lets go of a task that it has begun. */
export type AbortReason = "stopping" | "superseded" | "stoodStill";

/** What a try of a task came to. */
export type Outcome =
  | { readonly type: "completed"; readonly result: TaskResult }
  | {
      readonly type: "failed";
      readonly reason: Reason;
      readonly retryable: boolean;
      /** Of GROUP_STALE. */
      readonly newestSequence?: number | undefined;
      readonly error: unknown;
    }
  /** Somebody newer works on it: there is nothing to report. */
  | { readonly type: "fenced" }
  | { readonly type: "aborted"; readonly reason: Exclude<AbortReason, "stoodStill"> }
  /**
   * Its site's slots were all taken: somebody else may have one. It was not begun, and is no try.
   */
  | { readonly type: "waited" };

/** Another gateway may have better luck with what stood still here, and this one too. */
export const outcomeOfAbort = (why: AbortReason, error: unknown): Outcome => {
  if (why !== "stoodStill") return { type: "aborted", reason: why };
  const message = `The task stood still for ${agentTimings.standstillSeconds} s: nothing was read, sent or answered.`;
  return { type: "failed", reason: { code: "TIMEOUT", message }, retryable: true, error };
};

/**
 * What an error of a task's handler means, at a gateway of `siteId`. An expected failure is
 * reported with its own code and what to do. There a storage, which does not know what its site is
 * called, says `--site SITE`. Whether a retry makes sense is in the table of codes. Anything else
 * is a defect, which a retry may get past.
 */
export const outcomeOfError = (error: unknown, signal: AbortSignal, siteId: SiteId): Outcome => {
  if (VisibleError.is(error, "FENCED")) return { type: "fenced" };
  if (signal.aborted) return outcomeOfAbort(signal.reason as AbortReason, error);
  const visible = visibleFailure(error, `the gateway of site ${siteId}`);
  if (visible !== undefined) {
    const { code, hint, toldBy, retryable, newestSequence } = visible;
    const isOwn = visible === error && toldBy === undefined;
    const message = isOwn ? atSite(siteId, code, visible.message) : visible.message;
    const next = isOwn ? hint?.replaceAll("--site SITE", `--site ${siteId}`) : hint;
    const reason = { code, message: cutSentence(next === undefined ? message : `${message} ${next}`) };
    return { type: "failed", reason, retryable, newestSequence, error };
  }
  const message = error instanceof Error ? error.message : String(error);
  const reason = { code: "INTERNAL", message: cutSentence(`The gateway failed unexpectedly: ${message}`) };
  return { type: "failed", reason, retryable: true, error };
};
