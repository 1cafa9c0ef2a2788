import { VisibleError } from "../core/api/errors.ts";
import type { GatewayId, SiteId } from "../core/api/ids.ts";
import type { Gateway, Site, SiteLimitsPut } from "../core/api/site.ts";
import type { SettingsTask } from "../core/api/task.ts";
import { CommitConflict } from "../core/ports/store.ts";
import type { Deps } from "./deps.ts";
import { readGateways, readStoredSite } from "./queries/sites.ts";
import { siteKey } from "./records.ts";

/**
 * Sets how fast a site may send to each of its targets, and tells those of its gateways that are alive.
 * @throws {VisibleError} SITE_UNKNOWN, SITE_IN_OTHER_MULTI_CLUSTER, BAD_REQUEST; CONFLICT when somebody else was faster
 */
export const setLimits = async (deps: Deps, siteId: SiteId, wanted: SiteLimitsPut): Promise<Site> => {
  const { body: before, key, version } = await readStoredSite(deps, siteId);
  const { limitsVersion = 0 } = before;
  if (wanted.limitsVersion !== undefined && wanted.limitsVersion !== limitsVersion) throw changedMeanwhile();
  await refuseWrongTargets(deps, before, wanted);
  const site: Site = { ...before, limits: wanted.limits, limitsVersion: limitsVersion + 1 };
  try {
    await deps.store.commit([{ type: "put", key, body: site, expect: { version } }]);
  } catch (error) {
    throw error instanceof CommitConflict ? changedMeanwhile(error) : error;
  }
  await tellAll(deps, site);
  return site;
};

const changedMeanwhile = (cause?: unknown) =>
  new VisibleError("CONFLICT", "Somebody else changed the site's limits at the same time.", {
    hint: "Look at them again, then try again.",
    cause,
  });

const refuseWrongTargets = async (deps: Deps, { id, multiCluster }: Site, { limits }: SiteLimitsPut): Promise<void> => {
  const seen = new Set<SiteId>([id]);
  for (const { target } of limits) {
    if (seen.has(target)) {
      const what = target === id ? "is the source itself" : "is twice among the targets";
      throw new VisibleError("BAD_REQUEST", `Site “${target}” ${what}.`, {
        hint: "Name each site that is sent to once.",
      });
    }
    seen.add(target);
    const { body: other } = await readStoredSite(deps, target);
    if (other.multiCluster === multiCluster) continue;
    throw new VisibleError(
      "SITE_IN_OTHER_MULTI_CLUSTER",
      `Site “${target}” belongs to the multi-cluster “${other.multiCluster}”, and “${id}” to “${multiCluster}”.`,
      { hint: `Nothing is ever sent there: choose a target in “${multiCluster}”.` },
    );
  }
};

/**
 * What is lost between the commit and this, or on the way, needs no outbox: every gateway says every 5 s which settings
 * it has, and is told again (`tellIfBehind`).
 */
const tellAll = async (deps: Deps, site: Site): Promise<void> => {
  try {
    const alive = await aliveGateways(deps, site.id);
    await deps.tasks.send(
      site.id,
      alive.map(({ id }) => ({ task: settingsFor(deps, site, id, alive.length) })),
    );
  } catch (error) {
    deps.log.warn(
      { err: error, siteId: site.id },
      "gateways could not be told the limits; they will be when they report",
    );
  }
};

/**
 * A gateway has said which settings it has. When its site has newer ones, or more or fewer gateways share them, it is
 * told: once for each of its reports at most, so every 5 s. Never throws: a report that is taken in again much later
 * would make a dead gateway look alive, and the next one comes anyway.
 */
export const tellIfBehind = async (deps: Deps, gateway: Gateway): Promise<void> => {
  try {
    await compareAndTell(deps, gateway);
  } catch (error) {
    const { siteId, id: gatewayId } = gateway;
    deps.log.warn(
      { err: error, siteId, gatewayId },
      "a gateway could not be told the limits; it will be when it reports",
    );
  }
};

const compareAndTell = async (deps: Deps, gateway: Gateway): Promise<void> => {
  const { settings } = gateway;
  // A gateway that knows no settings has no use for any.
  if (settings === undefined) return;
  const stored = await deps.store.get<Site>(siteKey(gateway.siteId));
  if (stored === undefined) return;
  const { body: site } = stored;
  const { limits = [], limitsVersion = 0 } = site;
  if (settings.version > limitsVersion) return;
  // Nothing is shared where nothing is limited.
  const isCurrent = settings.version === limitsVersion;
  if (isCurrent && limits.length === 0) return;
  const { length: gateways } = await aliveGateways(deps, gateway.siteId);
  if (gateways === 0 || (isCurrent && settings.gateways === gateways)) return;
  await deps.tasks.send(gateway.siteId, [{ task: settingsFor(deps, site, gateway.id, gateways) }]);
};

const aliveGateways = async (deps: Deps, siteId: SiteId) =>
  (await readGateways(deps, siteId)).filter(({ alive }) => alive);

const settingsFor = (deps: Deps, site: Site, gatewayId: GatewayId, gateways: number): SettingsTask => {
  const { id: siteId, limits = [], limitsVersion: version = 0 } = site;
  const issuedAt = deps.clock.now();
  const id = `settings/${siteId}/${gatewayId}/${version}/${issuedAt}`;
  return { kind: "settings", id, siteId, gatewayId, version, gateways, limits, issuedAt };
};
