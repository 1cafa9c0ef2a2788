import assert from "node:assert/strict";
import { sign, type webcrypto } from "node:crypto";
import { describe, test } from "node:test";
import { type ErrorCode, VisibleError } from "../core/api/errors.ts";
import type { KeptGroup, ManifestProof } from "../core/api/foreign/proof.ts";
import { formatIdentity } from "../core/api/identity.ts";
import { gatewayIdSchema, groupIdSchema, instantSchema, planIdSchema, siteIdSchema } from "../core/api/ids.ts";
import { authorityKeyIdentifier, authorityMs, type CertificateWithKey, createAuthority } from "./authority.ts";
import { ecdsa, keyFromPem, keyToPem, newKeys } from "./keys.ts";
import { isValidAt, judgeManifest, manifestDigest, proveManifest, volumeSetOf } from "./manifest-proof.ts";
import { issueGatewayCertificate } from "./testing.ts";
import { x509 } from "./x509.ts";

const dayMs = 24 * 60 * 60 * 1000;
const nowMs = Date.parse("2026-03-01T01:00:00.000Z");
const instant = (atMs: number) => instantSchema.parse(new Date(atMs).toISOString());
const groupId = (minute: string) => groupIdSchema.parse(`group_01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T01${minute}00000Z`);

const authority = await createAuthority({ multiCluster: "mc", nowMs });
const identity = {
  multiCluster: siteIdSchema.parse("mc"),
  siteId: siteIdSchema.parse("b"),
  gatewayId: gatewayIdSchema.parse("b1"),
};
const gateway = await issueGatewayCertificate(authority, { ...identity, validDays: 14, nowMs });
const judge = { authorities: [authority.certificatePem], multiCluster: identity.multiCluster, siteId: identity.siteId };

const text = '{"version":3,"planName":"nightly"}';
const volumes = [
  { sourceVolumeId: "v1", mirrorVolumeId: "m1" },
  { sourceVolumeId: "v2", mirrorVolumeId: "m2" },
];
const group: KeptGroup = {
  groupId: groupId("05"),
  planId: planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAV"),
  source: siteIdSchema.parse("a"),
  sequence: 5,
  takenAt: instant(nowMs),
  volumes: volumeSetOf(volumes),
  manifestSha256: manifestDigest(text),
};
const publishedAt = instant(nowMs + 60_000);
const proof = proveManifest({ ...group, publishedAt }, gateway);

const refuses = (code: ErrorCode, shown: ManifestProof, why: RegExp, kept: KeptGroup = group, by = judge) =>
  assert.throws(
    () => judgeManifest(shown, kept, by),
    (error) => VisibleError.is(error, code) && why.test(error.message) && error.hint !== undefined,
  );

const usual = {
  ...{ notBefore: new Date(nowMs - dayMs), notAfter: new Date(nowMs + dayMs), signingAlgorithm: ecdsa },
} as const;

/** A certificate that no program of ours makes, in the name of an issuer. */
const crafted = async (
  issuer: CertificateWithKey,
  of: {
    readonly key?: webcrypto.CryptoKey;
    readonly names?: x509.JsonGeneralNames;
    readonly extensions?: readonly x509.Extension[];
  } = {},
): Promise<CertificateWithKey> => {
  const { names = [{ type: "url", value: formatIdentity(identity) }], extensions = [] } = of;
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    ...{ issuer: new x509.X509Certificate(issuer.certificatePem).subjectName, ...usual, publicKey: keys.publicKey },
    signingKey: of.key ?? (await keyFromPem(issuer.keyPem)),
    extensions: [new x509.SubjectAlternativeNameExtension(names), ...extensions],
  });
  return { certificatePem: certificate.toString("pem"), keyPem: await keyToPem(keys.privateKey) };
};

describe("a manifest's proof", () => {
  test("says who published the group, and when, also when the certificate has expired since", () => {
    assert.deepEqual(judgeManifest(proof, group, judge), { state: "signed", by: identity, publishedAt });
    assert.equal(isValidAt(gateway.certificatePem, instant(nowMs + 15 * dayMs)), false);
  });

  test("that is not there is no refusal: groups of before have none", () => {
    assert.deepEqual(judgeManifest(undefined, group, judge), { state: "unsigned" });
  });

  test("of a manifest that was changed by one byte is refused, whichever byte it is", () => {
    for (let at = 0; at < text.length; at++) {
      const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
      refuses("MANIFEST_CHANGED", proof, /changed since/, { ...group, manifestSha256: manifestDigest(changed) });
    }
  });

  test("that was changed itself by one byte is refused, whichever byte it is", () => {
    for (const part of ["statement", "signature"] as const) {
      for (let at = 0; at < proof[part].length; at++) {
        const old = proof[part].charCodeAt(at);
        const changed = proof[part].slice(0, at) + String.fromCharCode(old ^ 1) + proof[part].slice(at + 1);
        // The last digit of base64url has two bits that no byte has.
        if (Buffer.from(changed, "base64url").equals(Buffer.from(proof[part], "base64url")) && part === "signature")
          continue;
        refuses("MANIFEST_CHANGED", { ...proof, [part]: changed }, /changed since/);
      }
    }
    for (const certificatePem of ["", proof.certificatePem.slice(5)]) {
      refuses("MANIFEST_CHANGED", { ...proof, certificatePem }, /is none/);
    }
  });

  test("that another gateway of the site has signed says so, and its certificate can't be exchanged", async () => {
    const b2 = { ...identity, gatewayId: gatewayIdSchema.parse("b2") };
    const other = await issueGatewayCertificate(authority, { ...b2, validDays: 14, nowMs });
    const judged = judgeManifest(proveManifest({ ...group, publishedAt }, other), group, judge);
    assert.deepEqual(judged.state === "signed" && judged.by, b2);
    refuses("MANIFEST_CHANGED", { ...proof, certificatePem: other.certificatePem }, /changed since/);
  });

  test("that a stranger has signed is refused, until his authority is named", async () => {
    const strange = await createAuthority({ multiCluster: "mc", nowMs });
    const stranger = await issueGatewayCertificate(strange, { ...identity, validDays: 14, nowMs });
    const signed = proveManifest({ ...group, publishedAt }, stranger);
    refuses("MANIFEST_BY_STRANGER", signed, /none of the authorities/);
    const both = { ...judge, authorities: [`${authority.certificatePem}\n${strange.certificatePem}`] };
    assert.equal(judgeManifest(signed, group, both).state, "signed");
    // A gateway is no authority, and an authority no gateway.
    refuses("MANIFEST_BY_STRANGER", signed, /none of/, group, { ...judge, authorities: [stranger.certificatePem] });
    refuses("MANIFEST_OF_OTHER_SITE", proveManifest({ ...group, publishedAt }, authority), /not exactly one name/);
  });

  test("of another site's gateway is refused, and of another multi-cluster's", async () => {
    for (const other of [
      { ...identity, siteId: siteIdSchema.parse("c") },
      { ...identity, multiCluster: siteIdSchema.parse("other") },
    ]) {
      const signer = await issueGatewayCertificate(authority, { ...other, validDays: 14, nowMs });
      refuses("MANIFEST_OF_OTHER_SITE", proveManifest({ ...group, publishedAt }, signer), /is not a gateway of site b/);
    }
  });

  test("of another group is refused: an older one, another run's of the slot, other volumes", () => {
    const older = { ...group, groupId: groupId("04"), sequence: 4, takenAt: instant(nowMs - 60_000) };
    const swapped = proveManifest({ ...older, publishedAt }, gateway);
    assert.equal(judgeManifest(swapped, older, judge).state, "signed");
    refuses("MANIFEST_OF_OTHER_GROUP", swapped, /it is of an older group, group_\w+ with number 4/);
    for (const changes of [
      { groupId: groupId("06") },
      { sequence: 6 },
      { takenAt: instant(nowMs + 1) },
      { planId: planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAW") },
      { source: siteIdSchema.parse("c") },
    ]) {
      refuses("MANIFEST_OF_OTHER_GROUP", proof, /it is of an(other| older) group/, { ...group, ...changes });
    }
    const [first, second] = ["v1", "v2"];
    for (const others of [
      volumes.slice(1),
      [...volumes, { sourceVolumeId: "v3", mirrorVolumeId: "m3" }],
      [
        { sourceVolumeId: first, mirrorVolumeId: "m2" },
        { sourceVolumeId: second, mirrorVolumeId: "m1" },
      ],
    ]) {
      refuses("MANIFEST_OF_OTHER_GROUP", proof, /other volumes/, { ...group, volumes: volumeSetOf(others) });
    }
  });

  test("that was signed when the certificate was not valid is refused", () => {
    for (const atMs of [nowMs - dayMs, nowMs + 15 * dayMs]) {
      const signed = proveManifest({ ...group, publishedAt: instant(atMs) }, gateway);
      refuses("MANIFEST_UNTIMELY", signed, /its certificate was not valid when it was published/);
    }
  });

  test("of a certificate that looks like the authority's, and has another signature, is refused", async () => {
    const forger = await newKeys();
    const aki = await authorityKeyIdentifier(authority.certificatePem);
    const forged = await crafted(authority, { key: forger.privateKey, extensions: [aki] });
    refuses("MANIFEST_BY_STRANGER", proveManifest({ ...group, publishedAt }, forged), /none of the authorities/);
    const genuine = await crafted(authority, { extensions: [aki] });
    assert.equal(judgeManifest(proveManifest({ ...group, publishedAt }, genuine), group, judge).state, "signed");
  });

  test("of a certificate that another one has issued, which is no authority, is refused", async () => {
    const keys = await newKeys();
    const plain = await x509.X509CertificateGenerator.createSelfSigned({ name: "CN=plain", ...usual, keys });
    const issuer = { certificatePem: plain.toString("pem"), keyPem: await keyToPem(keys.privateKey) };
    const signed = proveManifest({ ...group, publishedAt }, await crafted(issuer));
    const by = { ...judge, authorities: [issuer.certificatePem] };
    refuses("MANIFEST_BY_STRANGER", signed, /none of the authorities/, group, by);
  });

  test("of a certificate with two names, or one of another kind, is refused: it could pass for either", async () => {
    const url = (value: string) => ({ type: "url", value }) as const;
    const own = formatIdentity(identity);
    for (const names of [
      [url(own), url(own.replace("b1", "b2"))],
      [url(own), { type: "dns", value: "b" } as const],
      [{ type: "dns", value: "b" } as const],
    ]) {
      const signed = proveManifest({ ...group, publishedAt }, await crafted(authority, { names }));
      refuses("MANIFEST_OF_OTHER_SITE", signed, /not exactly one name/);
    }
    const signed = proveManifest(
      { ...group, publishedAt },
      await crafted(authority, { names: [url("spiffe://mc/b")] }),
    );
    refuses("MANIFEST_OF_OTHER_SITE", signed, /no gateway's/);
  });

  test("that was signed when the authority's own certificate was not valid is refused", async () => {
    const gone = await createAuthority({ multiCluster: "mc", nowMs: nowMs - authorityMs - dayMs });
    // Whoever still has its key promises more than it lasts.
    const signed = proveManifest({ ...group, publishedAt }, await crafted(gone));
    const by = { ...judge, authorities: [gone.certificatePem] };
    refuses("MANIFEST_UNTIMELY", signed, /its authority's certificate was not valid/, group, by);
  });

  test("is for manifests alone: the same words signed without their purpose are refused", () => {
    const signature = sign("sha256", Buffer.from(proof.statement), { key: gateway.keyPem, dsaEncoding: "ieee-p1363" });
    refuses("MANIFEST_CHANGED", { ...proof, signature: signature.toString("base64url") }, /changed since/);
  });
});
