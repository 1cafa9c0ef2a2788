import type { GatewayId, SiteId } from "../../core/api/ids.ts";
import type { Site } from "../../core/api/site.ts";
import type { ReportRefusal } from "../../core/run/refusal.ts";
import { perObject, Recently } from "../documents/recently.ts";
import { siteKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { removedAt } from "./removed.ts";

/**
 * A site is read again after so long, so that reports cost nothing: a removal counts as much later
 * where another process made it, and one that enrols again counts at once.
 */
const recentSeconds = 5;
const recentIn = perObject(() => new Recently<Site>(recentSeconds));

type NotEnrolled = Extract<ReportRefusal, "SENDER_SITE_UNKNOWN" | "SENDER_REMOVED">;

/** Why a gateway of the site does not count; undefined: it does. */
export const whyNotEnrolled = (site: Site | undefined, gatewayId: GatewayId): NotEnrolled | undefined => {
  if (site === undefined) return "SENDER_SITE_UNKNOWN";
  return removedAt(site, gatewayId) === undefined ? undefined : "SENDER_REMOVED";
};

/** The same of a gateway whose site was read lately, or is read now. */
export const whyNotEnrolledOfLate = async (
  deps: Pick<Deps, "store" | "clock">,
  { siteId, gatewayId }: { readonly siteId: SiteId; readonly gatewayId: GatewayId },
): Promise<NotEnrolled | undefined> => {
  const known = recentIn(deps.store).get(siteId, deps);
  if (known !== undefined && whyNotEnrolled(known, gatewayId) === undefined) return undefined;
  const site = (await deps.store.get<Site>(siteKey(siteId)))?.body;
  if (site !== undefined) rememberSite(deps, site);
  return whyNotEnrolled(site, gatewayId);
};

/** A site is as was just read, or written. */
export const rememberSite = (deps: Pick<Deps, "store" | "clock">, site: Site): void =>
  recentIn(deps.store).set(site.id, site, deps.clock.now());
