import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import { importSPKI, jwtVerify } from "jose";
import { createAuthority } from "./authority.ts";
import { certificateOfProof, proofClaimsSchema, proofFor, signedClaims } from "./proof.ts";
import { issueGatewayCertificate } from "./testing.ts";

const nowMs = Date.parse("2026-03-01T00:30:00.000Z");
const identity = { multiCluster: "mc", siteId: "a", gatewayId: "a1" } as never;
const url = new URL("https://Backup.example:443/v1/renew?x=1");

const made = async () => {
  const authority = await createAuthority({ multiCluster: "mc", nowMs });
  return issueGatewayCertificate(authority, { ...(identity as object), validDays: 14, nowMs } as never);
};

describe("a proof", () => {
  test("says which request it is for, signed by the certificate that it shows", async () => {
    const shown = await made();
    const proof = await proofFor({ url, method: "POST", body: "{}", nonce: "n" }, shown, nowMs);
    const claims = proofClaimsSchema.parse(await signedClaims(certificateOfProof(proof), proof));
    assert.deepEqual(claims, {
      ...{ aud: "backup.example", method: "POST", path: "/v1/renew", nonce: "n" },
      bodySha256: "RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o",
    });
    await assert.rejects(signedClaims(certificateOfProof(await proofOfAnother()), proof));
  });

  const proofOfAnother = async () => proofFor({ url, method: "POST", body: "", nonce: undefined }, await made(), nowMs);

  test("is one that a control plane of the version before takes, which went by the gateway's clock", async () => {
    const shown = await made();
    const proof = await proofFor({ url, method: "POST", body: "{}", nonce: undefined }, shown, nowMs);
    const key = await importSPKI(
      new X509Certificate(shown.certificatePem).publicKey.export({ type: "spki", format: "pem" }).toString(),
      "ES256",
    );
    await jwtVerify(proof, key, {
      ...{ audience: "backup.example", algorithms: ["ES256"], currentDate: new Date(nowMs) },
      ...{ maxTokenAge: 60, clockTolerance: 300, requiredClaims: ["exp"] },
    });
  });
});
