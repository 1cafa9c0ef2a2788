import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import type { CertificateWithKey } from "../../../pki/authority.ts";
import { until } from "../../../test/patience.ts";
import { credentialsOf, newAuthority } from "../../transfer/testing/credentials.ts";
import { answerWho, upgradeToUploads } from "../testing.ts";
import { openTestedEnvoy, type TestedEnvoy } from "./testing/envoys.ts";
import { ask } from "./testing/strangers.ts";

describe("the port of a gateway behind Envoy", () => {
  let authority: CertificateWithKey;
  let b: TestedEnvoy;
  const where = () => ({ host: "127.0.0.1", port: Number(b.endpoint.split(":")[1]) });
  const sockets: Socket[] = [];
  const held = new Set<Socket>();
  before(async () => {
    authority = await newAuthority();
    b = await openTestedEnvoy({ authority, siteId: "b", handler: answerWho, bounds: { places: 6, lobby: 10 } });
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  after(() => b?.close());

  const askAs = async (siteId: string) => {
    const head = "GET /v1/who HTTP/1.1\r\nhost: x\r\n\r\n";
    const { answer } = await ask({ ...where(), credentials: await credentialsOf(authority, siteId), head });
    return answer;
  };
  /** Takes a connection for uploads, and says nothing over it. */
  const hold = async (siteId: string): Promise<Socket> => {
    const { caPem, certificatePem, keyPem } = await credentialsOf(authority, siteId);
    const socket = connectTls({ ...where(), ca: caPem, cert: certificatePem, key: keyPem, rejectUnauthorized: false });
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.once("data", (piece) => String(piece).startsWith("HTTP/1.1 101") && held.add(socket));
    socket.once("close", () => held.delete(socket));
    socket.write(upgradeToUploads);
    await Promise.race([once(socket, "data"), once(socket, "close")]);
    return socket;
  };

  test("is not shut by 1,100 silent connections from anywhere", async () => {
    for (let count = 0; count < 1100; count++) {
      const socket = connect(where());
      sockets.push(socket);
      await once(
        socket.on("error", () => undefined),
        "connect",
      );
    }
    assert.match(await askAs("a"), /^HTTP\/1.1 200.*"siteId":"a"/s);
  });

  test("does not give all places to one site: another gets its share, and keeps it", async () => {
    for (let count = 0; count < 12; count++) await hold("a");
    const [c, d] = [await hold("c"), await hold("d")];
    for (let count = 0; count < 12; count++) await hold("a");
    assert.match(await askAs("c"), /^HTTP\/1.1 200.*"siteId":"c"/s);
    assert.ok(!c.closed && !d.closed);
    await until("the others to be cut", () => held.size === 6);
    assert.deepEqual(
      b.refused.list().map(({ peer, code }) => `${peer?.siteId} ${code}`),
      ["a PLACES_TAKEN"],
    );
  });
});
