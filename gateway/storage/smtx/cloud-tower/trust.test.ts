import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import { keyToPem, newKeys } from "../../../../pki/keys.ts";
import { x509 } from "../../../../pki/x509.ts";
import { CloudTower } from "./client.ts";
import { quickTime } from "./testing.ts";

/** A CloudTower with a certificate that nobody knows, for an address of its own. */
const withCertificate = async (t: TestContext, address = "127.0.0.1") => {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=tower",
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "ip", value: address }])],
  });
  const asked: string[] = [];
  const credentials = { cert: certificate.toString("pem"), key: await keyToPem(keys.privateKey) };
  const server = createServer(credentials, (request, response) => {
    asked.push(request.url ?? "");
    response.end(request.url === "/v2/api/login" ? '{"data":{"token":"token-1"}}' : "[]");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const open = (ca?: string): CloudTower => {
    const account = { user: "backup", password: "correct horse", source: "local" } as const;
    const tower = CloudTower.open({ url: `https://127.0.0.1:${port}`, ...account, ca, time: quickTime() });
    t.after(() => tower.close());
    return tower;
  };
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { open, asked, ca: certificate.toString("pem") };
};

const none = z.array(z.string());

test("a CloudTower whose certificate is of the authority that is configured is asked", async (t) => {
  const { open, ca } = await withCertificate(t);
  assert.deepEqual(await open(ca).query("get-vms", {}, none), []);
});

test("a CloudTower that nobody vouches for is told nothing, and refused with the reason", async (t) => {
  const { open, asked } = await withCertificate(t);
  await assert.rejects(open().query("get-vms", {}, none), (error) => {
    assert.ok(VisibleError.is(error, "CLUSTER_REFUSED"));
    assert.match(
      error.message,
      /The certificate of https:\/\/127\.0\.0\.1:\d+ is not trusted: self-signed certificate/,
    );
    return true;
  });
  assert.deepEqual(asked, []);
});

test("a CloudTower with a certificate of another host is told nothing", async (t) => {
  const { open, asked, ca } = await withCertificate(t, "10.0.0.1");
  await assert.rejects(open(ca).query("get-vms", {}, none), (error) => VisibleError.is(error, "CLUSTER_REFUSED"));
  assert.deepEqual(asked, []);
});
