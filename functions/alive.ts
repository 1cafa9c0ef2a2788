import type { Report } from "../core/api/report.ts";
import { gatewayForgottenAfterSeconds, type Site } from "../core/api/site.ts";
import { addSeconds } from "../core/ports/clock.ts";
import type { Deps } from "./deps.ts";
import { gatewayKey, siteKey } from "./records.ts";
import { removedAt } from "./removed.ts";
import { tellIfBehind } from "./settings.ts";

/**
 * A gateway says that it is alive, where it can be reached, and which settings it goes by. One that was removed is not written down,
 * and told all the same: so it learns that it was.
 */
export const heardOf = async (deps: Deps, { gateway }: Extract<Report, { kind: "alive" }>): Promise<void> => {
  const heard = { ...gateway, lastSeenAt: deps.clock.now() };
  const { siteId, id: gatewayId } = gateway;
  const site = (await deps.store.get<Site>(siteKey(siteId)))?.body;
  if (site !== undefined && removedAt(site, gatewayId) !== undefined) {
    deps.log.warn({ siteId, gatewayId }, "a gateway that was removed still reports");
  } else {
    const expiresAt = addSeconds(heard.lastSeenAt, gatewayForgottenAfterSeconds);
    await deps.store.putAll([{ key: gatewayKey(siteId, gatewayId), body: heard, expiresAt }]);
  }
  if (site !== undefined) await tellIfBehind(deps, site, heard);
};
