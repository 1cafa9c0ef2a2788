import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { VisibleError } from "../core/api/errors.ts";
import { gatewayIdSchema, siteIdSchema } from "../core/api/ids.ts";
import { authorityKeyIdentifier, createAuthority, readAuthority } from "./authority.ts";
import { ecdsa, keyToPem, newKeys } from "./keys.ts";
import { issueGatewayCertificate } from "./testing.ts";
import { x509 } from "./x509.ts";

const dayMs = 24 * 60 * 60 * 1000;
const nowMs = Date.now();
const made = await createAuthority({ multiCluster: "mc" });
const pem = `${made.certificatePem}\n${made.keyPem}`;
const mc = siteIdSchema.parse("mc");

describe("an authority", () => {
  test("is read from its certificate and key, in any order", () => {
    for (const text of [pem, `${made.keyPem}\n${made.certificatePem}`]) {
      assert.deepEqual(
        Object.values(readAuthority(text, nowMs)).map((part) => part.trim()),
        [made.certificatePem.trim(), made.keyPem.trim()],
      );
    }
  });

  test("that is good for nothing is refused, and it is said why", async () => {
    const other = await createAuthority({ multiCluster: "mc" });
    const identity = { multiCluster: mc, siteId: siteIdSchema.parse("a"), gatewayId: gatewayIdSchema.parse("a1") };
    const leaf = await issueGatewayCertificate(made, { ...identity, validDays: 1 });
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
    const refused: readonly (readonly [string, number, RegExp])[] = [
      ["", nowMs, /0 certificates/],
      [made.certificatePem, nowMs, /0 private keys/],
      [`${pem}\n${other.certificatePem}`, nowMs, /2 certificates/],
      [`${made.certificatePem}\n${other.keyPem}`, nowMs, /not the certificate's/],
      [`${made.certificatePem}\n${rsa}`, nowMs, /not of ECDSA P-256/],
      [`${leaf.certificatePem}\n${leaf.keyPem}`, nowMs, /may not sign/],
      [pem, nowMs + 3651 * dayMs, /has expired/],
    ];
    for (const [text, atMs, why] of refused) {
      assert.throws(
        () => readAuthority(text, atMs),
        (error: unknown) => VisibleError.is(error, "BAD_REQUEST") && why.test(error.message),
      );
    }
  });

  test("that was made by a clock that was years ahead is good when the clock is right", async () => {
    const ahead = await createAuthority({ multiCluster: "mc", nowMs: nowMs + 3 * 365 * dayMs });
    readAuthority(`${ahead.certificatePem}\n${ahead.keyPem}`, nowMs);
  });

  test("of somebody's own making is named as it names itself, whatever its key's hash is", async () => {
    const keys = await newKeys();
    const own = "00112233445566778899aabbccddeeff00112233";
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: [{ CN: ["own"] }],
      ...{ notBefore: new Date(nowMs - dayMs), notAfter: new Date(nowMs + dayMs), signingAlgorithm: ecdsa, keys },
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        new x509.SubjectKeyIdentifierExtension(own),
      ],
    });
    const certificatePem = certificate.toString("pem");
    const ownPem = `${certificatePem}\n${await keyToPem(keys.privateKey)}`;
    readAuthority(ownPem, nowMs);
    assert.throws(() => readAuthority(ownPem, nowMs - 2 * dayMs), /not valid before .*: see the clock/);
    assert.equal((await authorityKeyIdentifier(certificatePem)).keyId, own);
  });
});
