import type { GatewayCertificates } from "../../core/api/enrolment.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { GatewayId, SiteId } from "../../core/api/ids.ts";
import type { Gateway, Site } from "../../core/api/site.ts";
import type { Authorities } from "../certificates/authorities.ts";
import { revoke } from "../certificates/revocations.ts";
import { retrying } from "../documents/conflicts.ts";
import { certificatesKey, gatewayKey } from "../documents/records.ts";
import { rememberSite } from "../gateways/enrolled.ts";
import { removedAt } from "../gateways/removed.ts";
import { tellOfRemoval } from "../gateways/settings.ts";
import type { Deps } from "../ports/deps.ts";
import { readStoredSite } from "../sites/sites.ts";

/** Of removals that happen at the same time all but one begin anew. */
const others = "Others keep changing gateways of the multi-cluster at the same time.";

/**
 * Removes a gateway: it is not listed nor given to others any more, and its certificates are
 * revoked. It is told, and so are the other gateways of its multi-cluster.
 * @returns how many certificates were revoked
 * @throws {VisibleError} SITE_UNKNOWN, GATEWAY_UNKNOWN, AUTHORITY_MISSING; CONFLICT when others
 *   keep changing the same
 */
export const removeGateway = async (
  deps: Deps & { readonly authorities: Authorities },
  { siteId, gatewayId }: { readonly siteId: SiteId; readonly gatewayId: GatewayId },
): Promise<number> => {
  const { site, revoked } = await retrying(deps, () => tryToRemove(deps, siteId, gatewayId), { others });
  rememberSite(deps, site);
  await tellOfRemoval(deps, site, gatewayId);
  return revoked;
};

const tryToRemove = async (
  deps: Deps & { readonly authorities: Authorities },
  siteId: SiteId,
  gatewayId: GatewayId,
): Promise<{ readonly site: Site; readonly revoked: number }> => {
  const { store } = deps;
  const site = await readStoredSite(deps, siteId);
  const enrolled = await store.get<GatewayCertificates>(certificatesKey(siteId, gatewayId));
  const others = (site.body.removedGateways ?? []).filter(({ id }) => id !== gatewayId);
  const isKnown =
    enrolled !== undefined ||
    removedAt(site.body, gatewayId) !== undefined ||
    (await store.get<Gateway>(gatewayKey(siteId, gatewayId))) !== undefined;
  if (!isKnown) {
    throw new VisibleError("GATEWAY_UNKNOWN", `Site “${siteId}” has no gateway “${gatewayId}”.`, {
      hint: `List its gateways with: smtx-backup gateway list --site ${siteId}`,
    });
  }
  const removed: Site = { ...site.body, removedGateways: [...others, { id: gatewayId, at: deps.clock.now() }] };
  const certificates = enrolled?.body.certificates ?? [];
  await store.commit([
    { type: "put", key: site.key, body: removed, expect: { version: site.version } },
    { type: "delete", key: gatewayKey(siteId, gatewayId), expect: "any" },
    // A renewal that comes in between changes it, and this begins anew.
    {
      type: "delete",
      key: certificatesKey(siteId, gatewayId),
      expect: enrolled === undefined ? "absent" : { version: enrolled.version },
    },
    ...(certificates.length > 0 ? [await revoke(deps, site.body.multiCluster, certificates)] : []),
  ]);
  return { site: removed, revoked: certificates.filter(({ expiresAt }) => expiresAt > deps.clock.now()).length };
};
