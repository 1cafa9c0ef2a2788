import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import type { AdoptionAnswer } from "../../core/api/adoption/adoption.ts";
import { type ForeignGroupTold, pieceCharactersMax } from "../../core/api/adoption/foreign-plans.ts";
import {
  gatewayIdSchema,
  groupIdOf,
  type Instant,
  type PlanId,
  planIdSchema,
  runIdOf,
  type SiteId,
  siteIdSchema,
} from "../../core/api/ids.ts";
import { type Manifest, manifestVersion } from "../../core/api/manifest.ts";
import { type Authority, createAuthority } from "../../pki/authority.ts";
import { manifestDigest, proveManifest, volumeSetOf } from "../../pki/manifest-proof.ts";
import { issueGatewayCertificate } from "../../pki/testing.ts";
import { createTestApi, objectNamed, siteA, type TestApi } from "../api/testing.ts";
import { authoritiesOf } from "../certificates/authorities.ts";
import { siteKey } from "../documents/records.ts";
import { handleReport } from "../report.ts";

export const planId: PlanId = planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAV");
export const mainCluster = siteIdSchema.parse("main");

/** An instant of the plan's n-th run. */
export const slotOf = (sequence: number): Instant => new Date(Date.UTC(2026, 1, 1, sequence)).toISOString() as Instant;

/** What a target keeps with the group of the plan's n-th run. */
export const manifestOf = (sequence: number, more: Partial<Manifest> = {}): Manifest => {
  const objects = more.objects ?? [objectNamed("db"), objectNamed("mail")];
  const ofPlan = more.planId ?? planId;
  return {
    ...{ version: manifestVersion, planId: ofPlan, planName: "nightly", source: siteA },
    ...{ groupId: groupIdOf(runIdOf(ofPlan, slotOf(sequence))), sequence, takenAt: slotOf(sequence) },
    ...{ objects, mappings: objects.map(() => null) },
    ...more,
  };
};

/** A control plane of which site `a` is gone, and a gateway each at `b` and `c`. */
export const createAdoptionWorld = async () => {
  const api = await createTestApi();
  const authority = await createAuthority({ multiCluster: "main", nowMs: Date.parse("2026-01-01T00:00:00Z") });
  api.deps.authorities = authoritiesOf(new Map([["main", authority]]));
  for (const name of ["b", "c"]) {
    const id = siteIdSchema.parse(name);
    const body = { id, multiCluster: mainCluster, createdAt: api.deps.clock.now() };
    await api.deps.store.putAll([{ key: siteKey(id), body }]);
    const gateway = {
      id: `${name}-1`,
      siteId: id,
      endpoint: "127.0.0.1:1",
      tunnel: "envoy",
      version: "1",
      storage: "x",
    };
    await handleReport(api.deps, { kind: "alive", gateway });
  }
  return { api, authority, signer: signerOf(authority) };
};

/** Signs as the gateway of a site; each site has one certificate. */
const signerOf = (authority: Authority) => {
  const certificates = new Map<string, ReturnType<typeof issueGatewayCertificate>>();
  const certificateOf = (siteId: SiteId) => {
    const known =
      certificates.get(siteId) ??
      issueGatewayCertificate(authority, {
        ...{ multiCluster: mainCluster, siteId, gatewayId: gatewayIdSchema.parse(`${siteId}-1`) },
        ...{ validDays: 90, nowMs: Date.parse("2026-01-01T00:00:00Z") },
      });
    certificates.set(siteId, known);
    return known;
  };
  return async (siteId: SiteId, group: ForeignGroupTold["group"]) =>
    proveManifest({ ...group, publishedAt: group.takenAt }, await certificateOf(siteId));
};
export type Signer = ReturnType<typeof signerOf>;

/** A group as its site has it, in as many pieces as it takes. */
export const toldGroup = async (
  siteId: SiteId,
  manifest: Manifest,
  sign: Signer | undefined,
): Promise<readonly ForeignGroupTold[]> => {
  const text = JSON.stringify(manifest);
  const { groupId, planId: ofPlan, source, sequence, takenAt, planName, objects } = manifest;
  const volumes = objects.flatMap((object) =>
    object.volumes.map(({ id }) => ({ sourceVolumeId: id, mirrorVolumeId: `mirror-${id}` })),
  );
  const group = {
    ...{ groupId, planId: ofPlan, source, sequence, takenAt },
    ...{ volumes: volumeSetOf(volumes), manifestSha256: manifestDigest(text) },
  };
  const proof = await sign?.(siteId, group);
  const packed = gzipSync(text).toString("base64");
  const pieces = Math.ceil(packed.length / pieceCharactersMax);
  return Array.from({ length: pieces }, (_, piece) => ({
    ...{ group, planName, sizeBytes: 4096, piece, pieces },
    packed: packed.slice(piece * pieceCharactersMax, (piece + 1) * pieceCharactersMax),
    ...(proof && { proof }),
  }));
};

/** What a gateway says when it is asked. */
export const say = (
  api: TestApi,
  siteId: SiteId,
  questionId: string,
  groups: number,
  told?: ForeignGroupTold,
): Promise<void> => {
  const head = { kind: "foreign-plans", siteId, gatewayId: `${siteId}-1`, questionId, groups, leftOut: 0 };
  return handleReport(api.deps, { ...head, ...(told && { told }) });
};

/** Has a site asked. @returns the adoption's id */
export const ask = async (api: TestApi, site: SiteId, more: object = {}): Promise<string> => {
  const { status, body } = await api.send<AdoptionAnswer>("POST", "/v1/adoptions", { site, ...more });
  assert.equal(status, 201, JSON.stringify(body));
  return body.id;
};

export const look = async (api: TestApi, site: SiteId, id: string): Promise<AdoptionAnswer> =>
  (await api.send<AdoptionAnswer>("GET", `/v1/adoptions/${site}/${id}`)).body;

/** Asks a site, and has it answer with these groups. */
export const adopt = async (
  api: TestApi,
  site: SiteId,
  groups: readonly (readonly ForeignGroupTold[])[],
  more: object = {},
): Promise<AdoptionAnswer> => {
  const id = await ask(api, site, more);
  if (groups.length === 0) await say(api, site, id, 0);
  for (const told of groups.flat()) await say(api, site, id, groups.length, told);
  const answer = await look(api, site, id);
  assert.equal(answer.state, "done", JSON.stringify(answer));
  return answer;
};

/** All items of a list. */
export const listed = async <T>(api: TestApi, path: string): Promise<readonly T[]> =>
  (await api.send<{ items: readonly T[] }>("GET", path)).body.items;
