import { randomBytes } from "node:crypto";
import type { z } from "zod";
import type { adoptionCreateSchema } from "../../core/api/adoption/adoption.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { newestMessageFormat } from "../../core/api/message.ts";
import type { Site } from "../../core/api/site.ts";
import type { ForeignPlansTask } from "../../core/api/task.ts";
import type { Authorities } from "../certificates/authorities.ts";
import { readGateways } from "../gateways/list.ts";
import type { Deps } from "../ports/deps.ts";
import { readSite } from "../sites/sites.ts";
import { type Adoption, putAdoption } from "./documents.ts";

type Wanted = z.output<typeof adoptionCreateSchema>;

/**
 * Has a site asked for the groups of foreign plans that it holds.
 * @throws VisibleError SITE_UNKNOWN, GATEWAY_ABSENT (nobody is there to be asked),
 *   AUTHORITY_MISSING, BAD_REQUEST (the authority that is given is no certificate)
 */
export const askForForeignPlans = async (
  deps: Deps & { readonly authorities: Authorities },
  { site: siteId, authority, plans, dryRun }: Wanted,
): Promise<Adoption> => {
  const site = await readSite(deps, siteId);
  const given = authority === undefined ? [] : [certificatesIn(authority)];
  const authorities = [...given, ...(await ownAuthority(deps, site, given.length > 0))];
  if (!(await readGateways(deps, siteId)).some(({ alive }) => alive)) throw nobodyThere(site);
  const id = randomBytes(16).toString("hex");
  const askedAt = deps.clock.now();
  const { multiCluster } = site;
  const adoption: Adoption = {
    id,
    siteId,
    askedAt,
    dryRun,
    multiCluster,
    authorities,
    done: 0,
    ...(plans && { plans }),
  };
  await deps.store.commit([putAdoption(adoption, "absent")]);
  const task: ForeignPlansTask = {
    ...{ kind: "foreign-plans", id: `foreign-plans/${siteId}/${id}`, siteId, issuedAt: askedAt },
    ...(plans && { plans }),
  };
  // A gateway of before does not know it, and leaves it to those that do.
  const form = { format: newestMessageFormat };
  await deps.tasks.send(siteId, [{ task: { ...task, ...form } }]);
  return adoption;
};

/** What this control plane has signed counts as well, where it has an authority. */
const ownAuthority = async (
  { authorities }: { readonly authorities: Authorities },
  { multiCluster }: Site,
  hasAnother: boolean,
): Promise<readonly string[]> => {
  try {
    return [(await authorities.of(multiCluster)).certificatePem];
  } catch (error) {
    if (hasAnother && VisibleError.is(error, "AUTHORITY_MISSING")) return [];
    throw error;
  }
};

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const certificatesIn = (text: string): string => {
  const blocks = text.match(pemBlock) ?? [];
  if (blocks.length > 0) return blocks.join("\n");
  throw new VisibleError("BAD_REQUEST", "The authority that is given has no certificate in it.", {
    hint: "Name the certificate with: smtx-backup adopt --site SITE --authority FILE",
  });
};

const nobodyThere = ({ id }: Site) =>
  new VisibleError("GATEWAY_ABSENT", `No gateway of site “${id}” is there to be asked.`, {
    hint: `Invite one with: smtx-backup gateway invite GATEWAY --site ${id}; see who is there with: smtx-backup gateway list --site ${id}`,
  });
