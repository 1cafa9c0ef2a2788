import type { GatewayAnswer } from "../../core/api/answers.ts";
import type { Instant, SiteId } from "../../core/api/ids.ts";
import { pagesOf } from "../../core/api/pages.ts";
import {
  type Gateway,
  gatewayAbsentAfterSeconds,
  gatewayForgottenAfterSeconds,
  gatewaySchema,
} from "../../core/api/site.ts";
import { isAhead, secondsBetween } from "../../core/ports/clock.ts";
import { readPage } from "../documents/page.ts";
import { perObject, Recently } from "../documents/recently.ts";
import { gatewayKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

/**
 * A site's gateways by name, and which of them are alive. Those that were not heard of for a day
 * are forgotten.
 */
export const readGateways = async (
  deps: Pick<Deps, "store" | "clock" | "log">,
  siteId: SiteId,
): Promise<readonly GatewayAnswer[]> => {
  const now = deps.clock.now();
  const gateways: GatewayAnswer[] = [];
  const read = (cursor: string | undefined) =>
    readPage(deps, gatewaySchema, gatewayKey(siteId, ""), { limit: 100, cursor });
  for await (const { items } of pagesOf(read)) {
    for (const gateway of items) {
      const silentSeconds = secondsBetween(gateway.lastSeenAt, now);
      if (silentSeconds > gatewayForgottenAfterSeconds) continue;
      // A clock that was ahead says of the dead that they are heard of for as long.
      const alive = silentSeconds < gatewayAbsentAfterSeconds && !isAhead(gateway.lastSeenAt, now);
      gateways.push({ ...gateway, alive, ...certificateProblem(gateway, now) });
    }
  }
  return gateways;
};

/**
 * What a process read of a site's gateways is good for so long, where a second more or
 * less does not matter.
 */
const recentSeconds = 5;
const recentIn = perObject(() => new Recently<readonly GatewayAnswer[]>(recentSeconds));

/** The same, as they were some seconds ago at most. */
export const readGatewaysOfLate = async (
  deps: Pick<Deps, "store" | "clock" | "log">,
  siteId: SiteId,
): Promise<readonly GatewayAnswer[]> => {
  const recent = recentIn(deps.store);
  const known = recent.get(siteId, deps);
  if (known !== undefined) return known;
  const gateways = await readGateways(deps, siteId);
  recent.set(siteId, gateways, deps.clock.now());
  return gateways;
};

const certificateProblem = ({ certificate }: Gateway, now: Instant): Pick<GatewayAnswer, "certificateProblem"> => {
  if (certificate === undefined) return {};
  if (now > certificate.until) return { certificateProblem: "expired" };
  return now < certificate.from ? { certificateProblem: "not-yet-valid" } : {};
};
