import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { formatIdentity, parseIdentity } from "../../core/api/identity.ts";
import { gatewayIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { createAuthority } from "../../pki/authority.ts";
import { issueGatewayCertificate } from "../../pki/testing.ts";
import { identityOfCertificate, identityOfForwarded } from "./identity.ts";

const identity = {
  multiCluster: siteIdSchema.parse("mc"),
  siteId: siteIdSchema.parse("site-a"),
  gatewayId: gatewayIdSchema.parse("gw-1"),
};
const uri = "spiffe://mc/site/site-a/gateway/gw-1";
const refused = (error: unknown) => VisibleError.is(error, "PEER_REFUSED");

describe("an identity", () => {
  test("is written as a URI and read from it", () => {
    assert.equal(formatIdentity(identity), uri);
    assert.deepEqual(parseIdentity(uri), identity);
  });

  test("is refused in any other form", () => {
    const wrong = [
      "",
      "spiffe://mc/site/a",
      "spiffe://mc/site/a/gateway/",
      `${uri}/more`,
      ` ${uri}`,
      `${uri}\n`,
      "spiffe://mc/site/A/gateway/b",
      "spiffe://mc/site/../gateway/b",
      "https://mc/site/a/gateway/b",
    ];
    for (const text of wrong) assert.throws(() => parseIdentity(text), refused, JSON.stringify(text));
  });

  test("is the only URI of a certificate", () => {
    assert.deepEqual(identityOfCertificate({ subjectaltname: `URI:${uri}` }), identity);
    assert.deepEqual(identityOfCertificate({ subjectaltname: `DNS:a.example, URI:${uri}` }), identity);
    const wrong = [
      undefined,
      "",
      "DNS:a.example",
      `URI:${uri}, URI:${uri}`,
      `DNS:"x, URI:${uri}"`,
      `DNS:"x", URI:${uri}`,
      `email:${uri}`,
    ];
    for (const subjectaltname of wrong) {
      assert.throws(() => identityOfCertificate({ subjectaltname }), refused, subjectaltname);
    }
  });
});

describe("a certificate of a gateway", () => {
  test("is signed by its authority, names one identity, and serves both ends of a link", async () => {
    const authority = await createAuthority({ multiCluster: "mc" });
    const { certificatePem, keyPem } = await issueGatewayCertificate(authority, { ...identity, validDays: 30 });
    const ca = new X509Certificate(authority.certificatePem);
    const certificate = new X509Certificate(certificatePem);
    assert.ok(ca.ca && ca.verify(ca.publicKey));
    assert.ok(certificate.checkIssued(ca) && certificate.verify(ca.publicKey) && !certificate.ca);
    assert.equal(certificate.subjectAltName, `URI:${uri}`);
    assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    assert.match(keyPem, /^-----BEGIN PRIVATE KEY-----/);
    const fromMs = Date.parse(certificate.validFrom);
    assert.ok(fromMs <= Date.now() - 4 * 60_000 && fromMs >= Date.now() - 7 * 60_000);
    const days = (Date.parse(certificate.validTo) - Date.now()) / 86_400_000;
    assert.ok(days > 29 && days <= 30, `${days} days`);
  });

  test("is read from what Envoy says of a certificate that it has verified", () => {
    assert.deepEqual(identityOfForwarded(`By=spiffe://mc/site/b/gateway/b1;Hash=00ff;URI=${uri}`), identity);
  });

  test("is refused where the proxy says nothing, or anybody else may have said something too", () => {
    for (const header of [undefined, "", "Hash=00", `URI=${uri};URI=${uri}`, `URI=${uri},URI=${uri}`, `URI="${uri}"`]) {
      assert.throws(() => identityOfForwarded(header), refused, header);
    }
    assert.throws(() => identityOfForwarded([`URI=${uri}`]), refused);
  });
});
