import type { SiteId } from "../../../core/api/ids.ts";

/**
 * Envoy's log of a refusal comes within a second of it; what is older says nothing of the last
 * connection.
 */
const lateMs = 15_000;

/**
 * Why Envoy has refused gateways of other sites, or they our own: it only tells its log, and to the
 * sender the connection just ends.
 */
export class Refusals {
  readonly #last = new Map<SiteId, { readonly reason: string; readonly atMs: number }>();

  readonly note = (siteId: SiteId, reason: string): void => {
    this.#last.set(siteId, { reason, atMs: performance.now() });
  };

  /** In Envoy's words; undefined when there was none in the last seconds. */
  lately(siteId: SiteId): string | undefined {
    const last = this.#last.get(siteId);
    return last !== undefined && performance.now() - last.atMs < lateMs ? last.reason : undefined;
  }
}
