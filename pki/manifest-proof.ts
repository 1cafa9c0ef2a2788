import { createHash, sign, verify, X509Certificate } from "node:crypto";
import { type ErrorCode, VisibleError } from "../core/api/errors.ts";
import {
  type KeptGroup,
  type ManifestProof,
  type ManifestStatement,
  manifestStatementSchema,
  type VolumeSet,
} from "../core/api/foreign/proof.ts";
import { formatIdentity, type PeerIdentity, parseIdentity } from "../core/api/identity.ts";
import type { Instant, SiteId } from "../core/api/ids.ts";
import { jsonIn } from "../core/api/json.ts";
import type { CertificateWithKey } from "./authority.ts";
import { x509 } from "./x509.ts";

/** What is signed begins so: no signature for another purpose passes for one of a manifest. */
const purpose = "manifest/1 of smtx-backup\n";
const keyEncoding = { dsaEncoding: "ieee-p1363" } as const;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Of a manifest as it is kept. */
export const manifestDigest = (text: string): string => sha256(text);

/** @param volumes in any order */
export const volumeSetOf = (
  volumes: readonly { readonly sourceVolumeId: string; readonly mirrorVolumeId: string }[],
): VolumeSet => {
  const pairs = volumes.map(({ sourceVolumeId, mirrorVolumeId }) => JSON.stringify([sourceVolumeId, mirrorVolumeId]));
  return { count: pairs.length, sha256: sha256(`[${pairs.sort().join()}]`) };
};

/** Proves that a gateway publishes a group now. */
export const proveManifest = (
  group: KeptGroup & { readonly publishedAt: Instant },
  { certificatePem, keyPem }: CertificateWithKey,
): ManifestProof => {
  const { groupId, planId, source, sequence, takenAt, publishedAt, volumes, manifestSha256 } = group;
  const said: ManifestStatement = {
    ...{ version: 1, groupId, planId, source, sequence, takenAt, publishedAt },
    ...{ volumes: { count: volumes.count, sha256: volumes.sha256 }, manifestSha256 },
  };
  const statement = JSON.stringify(said);
  const signature = sign("sha256", signedBytes(statement), { key: keyPem, ...keyEncoding }).toString("base64url");
  return { statement, signature, certificatePem };
};

/** Whether a certificate is good at an instant: what is signed by another one is refused later. */
export const isValidAt = (certificatePem: string, instant: Instant): boolean => {
  const { validFrom, validTo } = new X509Certificate(certificatePem);
  const atMs = Date.parse(instant);
  return Date.parse(validFrom) <= atMs && atMs <= Date.parse(validTo);
};

/** By whom proofs are judged, and whose they are to be. */
export interface ManifestJudge {
  /** Certificates of authorities, each a PEM of one or more: any of them may have issued. */
  readonly authorities: readonly string[];
  readonly multiCluster: SiteId;
  /** The site that has the store. */
  readonly siteId: SiteId;
}

/** Who proved a group, and when; or that nobody did, as before there were proofs. */
export type ManifestJudgement =
  | { readonly state: "signed"; readonly by: PeerIdentity; readonly publishedAt: Instant }
  | { readonly state: "unsigned" };

/**
 * Judges a group's proof as of the moment of its publication: that its certificate has expired
 * since, or its gateway was removed, does not count.
 * @param group as the site has it
 * @throws VisibleError MANIFEST_BY_STRANGER (no such authority has issued the certificate),
 *   MANIFEST_OF_OTHER_SITE (it is another site's or another multi-cluster's), MANIFEST_CHANGED
 *   (what is kept is not what was signed), MANIFEST_OF_OTHER_GROUP (it was signed for another group
 *   than this one), MANIFEST_UNTIMELY (its certificate was not valid at the publication)
 */
export const judgeManifest = (
  proof: ManifestProof | undefined,
  group: KeptGroup,
  judge: ManifestJudge,
): ManifestJudgement => {
  if (proof === undefined) return { state: "unsigned" };
  const certificate = certificateOf(proof, group);
  const authority = authorityOf(certificate, judge);
  if (authority === undefined) {
    throw refused(
      "MANIFEST_BY_STRANGER",
      group,
      "none of the authorities that are believed has issued its certificate",
      {
        hint: "If it was another control plane's, name the authority of then with --authority FILE.",
      },
    );
  }
  const by = identityIn(certificate, group);
  if (by.multiCluster !== judge.multiCluster || by.siteId !== judge.siteId) {
    const whose = `a gateway of site ${judge.siteId} of the multi-cluster ${judge.multiCluster}`;
    throw refused("MANIFEST_OF_OTHER_SITE", group, `it is signed by ${formatIdentity(by)}, which is not ${whose}`);
  }
  const said = statementOf(proof, certificate, group);
  refuseOtherGroup(said, group);
  for (const [what, pem] of [
    ["its certificate", proof.certificatePem],
    ["its authority's certificate", authority],
  ] as const) {
    if (isValidAt(pem, said.publishedAt)) continue;
    throw refused("MANIFEST_UNTIMELY", group, `${what} was not valid when it was published, at ${said.publishedAt}`);
  }
  return { state: "signed", by, publishedAt: said.publishedAt };
};

const refused = (
  code: ErrorCode,
  { groupId }: KeptGroup,
  why: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): VisibleError =>
  new VisibleError(code, `The manifest of ${groupId} is not believed: ${why}.`, {
    hint: "Take another group of the plan: smtx-backup foreign-plan show PLAN -c gateway.yaml",
    ...options,
  });

const signedBytes = (statement: string): Buffer => Buffer.from(`${purpose}${statement}`);

const certificateOf = ({ certificatePem }: ManifestProof, group: KeptGroup): X509Certificate => {
  try {
    return new X509Certificate(certificatePem);
  } catch (cause) {
    throw refused("MANIFEST_CHANGED", group, "the certificate beside it is none", { cause });
  }
};

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The PEM of the one that has issued it. */
const authorityOf = (certificate: X509Certificate, { authorities }: ManifestJudge): string | undefined =>
  authorities
    .flatMap((pem) => pem.match(pemBlock) ?? [])
    .find((pem) => {
      const authority = new X509Certificate(pem);
      return authority.ca && certificate.verify(authority.publicKey);
    });

/** The one name that a gateway's certificate has. */
const identityIn = (certificate: X509Certificate, group: KeptGroup): PeerIdentity => {
  const names = new x509.X509Certificate(certificate.raw).getExtension(x509.SubjectAlternativeNameExtension)?.names
    .items;
  const [name] = names ?? [];
  if (name === undefined || name.type !== "url" || names?.length !== 1) {
    throw refused("MANIFEST_OF_OTHER_SITE", group, "its certificate has not exactly one name, of a gateway");
  }
  try {
    return parseIdentity(name.value);
  } catch (cause) {
    throw refused("MANIFEST_OF_OTHER_SITE", group, "its certificate is no gateway's", { cause });
  }
};

/** What was signed, when the certificate's key has signed it. */
const statementOf = (
  { statement, signature }: ManifestProof,
  certificate: X509Certificate,
  group: KeptGroup,
): ManifestStatement => {
  const key = { key: certificate.publicKey, ...keyEncoding };
  const isSigned = verify("sha256", signedBytes(statement), key, Buffer.from(signature, "base64url"));
  if (!isSigned) throw refused("MANIFEST_CHANGED", group, "what its gateway has said of it was changed since");
  const said = manifestStatementSchema.safeParse(jsonIn(statement));
  if (said.success) return said.data;
  throw new VisibleError("STORE_TOO_NEW", `What is signed of ${group.groupId} is in a form that is not known here.`, {
    hint: "Use the version of smtx-backup that wrote it, or a newer one.",
  });
};

const refuseOtherGroup = (said: ManifestStatement, group: KeptGroup): void => {
  const own = ["groupId", "planId", "source", "sequence", "takenAt"] as const;
  if (own.some((field) => said[field] !== group[field])) {
    const age = said.sequence < group.sequence ? "an older group" : "another group";
    throw refused(
      "MANIFEST_OF_OTHER_GROUP",
      group,
      `it is of ${age}, ${said.groupId} with number ${said.sequence} of ${said.takenAt}`,
    );
  }
  if (said.volumes.count !== group.volumes.count || said.volumes.sha256 !== group.volumes.sha256) {
    throw refused("MANIFEST_OF_OTHER_GROUP", group, "the group has other volumes than it was published with");
  }
  if (said.manifestSha256 !== group.manifestSha256) {
    throw refused("MANIFEST_CHANGED", group, "it was changed since its gateway signed it");
  }
};
