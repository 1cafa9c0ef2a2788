import { isDeepStrictEqual } from "node:util";
import type { GatewayId, SiteId } from "../../core/api/ids.ts";
import type { Report } from "../../core/api/report.ts";
import { type Gateway, gatewayForgottenAfterSeconds, type Site } from "../../core/api/site.ts";
import { addSeconds, secondsBetween } from "../../core/ports/clock.ts";
import type { ReportRefusal } from "../../core/run/refusal.ts";
import { ignoringConflict } from "../documents/conflicts.ts";
import { perObject, Recently } from "../documents/recently.ts";
import { gatewayKey, siteKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { whyNotEnrolled } from "./enrolled.ts";
import { tellIfBehind } from "./settings.ts";

/**
 * So often it is written down at most that a gateway was heard of: below what it says nothing for.
 */
const noteEverySeconds = 40;

/**
 * The gateways that this process knows to have been heard of lately, whoever has written it down.
 */
const heardIn = perObject(() => new Recently<true>(noteEverySeconds));
const nameOf = (siteId: SiteId, gatewayId: GatewayId) => `${siteId}/${gatewayId}`;

/**
 * A gateway says that it is alive, where it can be reached, and which settings it goes by. One that
 * was removed is not written down, and told all the same: so it learns that it was.
 * @returns why it does not count
 */
export const heardOf = async (
  deps: Deps,
  { gateway }: Extract<Report, { kind: "alive" }>,
): Promise<ReportRefusal | undefined> => {
  const heard = { ...gateway, lastSeenAt: deps.clock.now() };
  const { siteId, id: gatewayId } = gateway;
  const site = (await deps.store.get<Site>(siteKey(siteId)))?.body;
  const refusal = whyNotEnrolled(site, gatewayId);
  if (refusal === undefined && !(await isWrittenDown(deps, heard))) {
    await deps.store.commit([{ type: "put", ...documentOf(heard), expect: "any" }]);
    heardIn(deps.store).set(nameOf(siteId, gatewayId), true, heard.lastSeenAt);
  }
  if (site !== undefined) await tellIfBehind(deps, site, heard);
  return refusal;
};

/**
 * A gateway has said something of a task: it is alive. Costs nothing when that is known, and never
 * throws: what it said counts whether this is written down or not. What it is, it says itself.
 */
export const heardFrom = async (
  deps: Deps,
  { siteId, gatewayId }: { readonly siteId: SiteId; readonly gatewayId: GatewayId },
): Promise<void> => {
  if (heardIn(deps.store).get(nameOf(siteId, gatewayId), deps)) return;
  try {
    await noteHeard(deps, siteId, gatewayId);
  } catch (error) {
    deps.log.failed({ err: error, siteId, gatewayId }, "it could not be written down that a gateway is alive");
  }
};

const noteHeard = async (deps: Deps, siteId: SiteId, gatewayId: GatewayId): Promise<void> => {
  const now = deps.clock.now();
  const stored = await deps.store.get<Gateway>(gatewayKey(siteId, gatewayId));
  const recent = heardIn(deps.store);
  // One that is not listed was removed, or has not yet said what it is.
  if (stored === undefined || isRecent(stored.body, deps)) {
    return recent.set(nameOf(siteId, gatewayId), true, stored?.body.lastSeenAt ?? now);
  }
  const heard = { ...stored.body, lastSeenAt: now };
  // Somebody else may have heard of it, or removed it.
  await ignoringConflict(() =>
    deps.store.commit([{ type: "put", ...documentOf(heard), expect: { version: stored.version } }]),
  );
  recent.set(nameOf(siteId, gatewayId), true, now);
  const site = (await deps.store.get<Site>(siteKey(siteId)))?.body;
  if (site !== undefined) await tellIfBehind(deps, site, heard);
};

const documentOf = (gateway: Gateway) => ({
  key: gatewayKey(gateway.siteId, gateway.id),
  body: gateway,
  expiresAt: addSeconds(gateway.lastSeenAt, gatewayForgottenAfterSeconds),
});

const isRecent = ({ lastSeenAt }: Gateway, { clock }: Deps): boolean => {
  const seconds = secondsBetween(lastSeenAt, clock.now());
  return seconds >= 0 && seconds < noteEverySeconds;
};

/**
 * Whether the same is written down since a few seconds; it is not even looked for unless this
 * process knows of it.
 */
const isWrittenDown = async (deps: Deps, heard: Gateway): Promise<boolean> => {
  if (!heardIn(deps.store).get(nameOf(heard.siteId, heard.id), deps)) return false;
  const stored = await deps.store.get<Gateway>(gatewayKey(heard.siteId, heard.id));
  if (stored === undefined || !isRecent(stored.body, deps)) return false;
  return isDeepStrictEqual({ ...stored.body, lastSeenAt: heard.lastSeenAt }, JSON.parse(JSON.stringify(heard)));
};
