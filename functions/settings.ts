import type { RevocationList } from "../core/api/enrolment.ts";
import type { GatewayId, Instant, SiteId } from "../core/api/ids.ts";
import type { Gateway, Site } from "../core/api/site.ts";
import type { SettingsTask } from "../core/api/task.ts";
import type { Deps } from "./deps.ts";
import { readGateways } from "./queries/sites.ts";
import { readRevocationList } from "./revocations.ts";

/**
 * Tells the gateways of a site that are alive how fast they may send. What is lost on the way needs
 * no outbox: every gateway says every 5 s which settings it has, and is told again
 * (`tellIfBehind`).
 */
export const tellAll = async (deps: Deps, site: Site): Promise<void> => {
  try {
    const alive = await aliveGateways(deps, site.id);
    const revocations = await readRevocationList(deps, site.multiCluster);
    await deps.tasks.send(
      site.id,
      alive.map(({ id }) => ({ task: settingsFor(deps, site, id, { gateways: alive.length, revocations }) })),
    );
  } catch (error) {
    deps.log.warn(
      { err: error, siteId: site.id },
      "gateways could not be told the limits; they will be when they report",
    );
  }
};

/**
 * A gateway has said which settings it has. When its site has newer limits, or more or fewer
 * gateways share them, or its multi-cluster has a newer list of revocations, it is told: once for
 * each of its reports at most, so every 5 s. Never throws: a report that is taken in again much
 * later would make a dead gateway look alive, and the next one comes anyway.
 */
export const tellIfBehind = async (deps: Deps, site: Site, gateway: Gateway): Promise<void> => {
  try {
    await compareAndTell(deps, site, gateway);
  } catch (error) {
    const { siteId, id: gatewayId } = gateway;
    deps.log.warn(
      { err: error, siteId, gatewayId },
      "a gateway could not be told its settings; it will be when it reports",
    );
  }
};

const compareAndTell = async (deps: Deps, site: Site, { id, settings }: Gateway): Promise<void> => {
  // A gateway that knows no settings has no use for any.
  if (settings === undefined) return;
  const revocations = await readRevocationList(deps, site.multiCluster);
  const { limits = [], limitsVersion = 0 } = site;
  const isBehind =
    settings.version < limitsVersion ||
    (revocations !== undefined && isOlder(settings.revocationsAt, revocations, deps.clock.now()));
  // Nothing is shared where nothing is limited.
  const isShared = settings.version === limitsVersion && limits.length > 0;
  if (!isBehind && !isShared) return;
  const { length: gateways } = await aliveGateways(deps, site.id);
  if (!isBehind && (gateways === 0 || settings.gateways === gateways)) return;
  const task = settingsFor(deps, site, id, { gateways: Math.max(1, gateways), revocations });
  await deps.tasks.send(site.id, [{ task }]);
};

/** A list of the future was made when a clock was ahead, and is older than any that was made since. */
const isOlder = (revocationsAt: Instant | undefined, { issuedAt }: RevocationList, now: Instant): boolean =>
  revocationsAt === undefined || revocationsAt < issuedAt || (revocationsAt > now && issuedAt <= now);

const aliveGateways = async (deps: Deps, siteId: SiteId) =>
  (await readGateways(deps, siteId)).filter(({ alive }) => alive);

const settingsFor = (
  deps: Deps,
  site: Site,
  gatewayId: GatewayId,
  { gateways, revocations }: { readonly gateways: number; readonly revocations: RevocationList | undefined },
): SettingsTask => {
  const { id: siteId, limits = [], limitsVersion: version = 0 } = site;
  const issuedAt = deps.clock.now();
  const id = `settings/${siteId}/${gatewayId}/${version}/${issuedAt}`;
  const about = { kind: "settings", id, siteId, gatewayId, issuedAt } as const;
  return { ...about, version, gateways, limits, ...(revocations === undefined ? {} : { revocations }) };
};
