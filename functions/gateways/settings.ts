import type { RevocationList } from "../../core/api/enrolment.ts";
import type { GatewayId, Instant, SiteId } from "../../core/api/ids.ts";
import { pagesOf } from "../../core/api/pages.ts";
import type { Gateway, Site } from "../../core/api/site.ts";
import type { SettingsTask } from "../../core/api/task.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { readRevocationList, recentRevocationList } from "../certificates/revocations.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import type { Deps } from "../ports/deps.ts";
import { listSites } from "../sites/sites.ts";
import { readGateways } from "./list.ts";

/**
 * Tells the gateways of a site that are alive how fast they may send, and whom they must not
 * believe. What is lost on the way needs no outbox: each of them is heard of every 40 s at least,
 * and told again then (`tellIfBehind`).
 */
export const tellAll = async (deps: Deps, site: Site): Promise<void> => {
  try {
    await tell(deps, site, { revocations: await readRevocationList(deps, site.multiCluster), others: [] });
  } catch (error) {
    deps.log.failed({ err: error, siteId: site.id }, "gateways could not be told their settings; they will be later");
  }
};

/** Sites of which the gateways are told at the same time, and how long it may take to tell all. */
const sitesAtOnce = 16;
const tellSecondsMax = 5;

/**
 * A gateway was removed: tells it, and all that are alive in its multi-cluster, whom they must not
 * believe any more. Whoever is left out, because there are so many sites or something fails, is
 * told when it is heard of next.
 */
export const tellOfRemoval = async (deps: Deps, from: Site, removed: GatewayId): Promise<void> => {
  const { multiCluster } = from;
  const until = addSeconds(deps.clock.now(), tellSecondsMax);
  const isOver = () => deps.clock.now() > until;
  const logged = (err: unknown) =>
    deps.log.failed({ err, multiCluster }, "gateways could not be told of a removal; they will be later");
  try {
    const revocations = await readRevocationList(deps, multiCluster);
    if (revocations === undefined) return;
    const tellSite = async (site: Site, others: readonly GatewayId[] = []): Promise<void> => {
      if (!isOver()) await tell(deps, site, { revocations, others }).catch(logged);
    };
    await tellSite(from, [removed]);
    for await (const { items } of pagesOf((cursor) => listSites(deps, { limit: 100, cursor }))) {
      const sites = items.filter((site) => site.multiCluster === multiCluster && site.id !== from.id);
      await mapBounded(sites, sitesAtOnce, (site) => tellSite(site));
      if (isOver()) return;
    }
  } catch (error) {
    logged(error);
  }
};

const tell = async (
  deps: Deps,
  site: Site,
  told: { readonly revocations: RevocationList | undefined; readonly others: readonly GatewayId[] },
): Promise<void> => {
  const { revocations, others } = told;
  const alive = await aliveGateways(deps, site.id);
  const settings = { gateways: Math.max(1, alive.length), revocations };
  const ids = [...alive.map(({ id }) => id), ...others];
  await deps.tasks.send(
    site.id,
    ids.map((id) => ({ task: settingsFor(deps, site, id, settings) })),
  );
};

/**
 * A gateway was heard of, and it is known which settings it has. When its site has newer limits, or
 * more or fewer gateways share them, or its multi-cluster has a newer list of revocations, it is
 * told; so are those that share with it and go by another number of gateways. Never throws: a
 * report that is taken in again much later would make a dead gateway look alive, and the next one
 * comes anyway.
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
  const revocations = await recentRevocationList(deps, site.multiCluster);
  const { limits = [], limitsVersion = 0 } = site;
  const isBehind =
    settings.version < limitsVersion ||
    (revocations !== undefined && isOlder(settings.revocationsAt, revocations, deps.clock.now()));
  // Nothing is shared where nothing is limited.
  const isShared = settings.version === limitsVersion && limits.length > 0;
  if (!isBehind && !isShared) return;
  const alive = await aliveGateways(deps, site.id);
  const gateways = Math.max(1, alive.length);
  const sharing = limits.length > 0 ? alive.filter((one) => goesByAnother(one, gateways, limitsVersion)) : [];
  const ids = new Set([...(isBehind ? [id] : []), ...sharing.map((one) => one.id)]);
  if (ids.size === 0) return;
  const tasks = [...ids].map((each) => ({ task: settingsFor(deps, site, each, { gateways, revocations }) }));
  await deps.tasks.send(site.id, tasks);
};

/** Whether it takes another share of the limits than one of so many gateways. */
const goesByAnother = ({ settings }: Gateway, gateways: number, limitsVersion: number): boolean =>
  settings?.version === limitsVersion && settings.gateways !== gateways;

/**
 * A list of the future was made when a clock was ahead, and is older than any that was made since.
 */
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
